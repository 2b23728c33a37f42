"""A batch from its message to its event, in memory."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.batches import (
    REQUEST,
    batch_body,
    batch_event,
    batch_events,
    batch_of,
    complaints,
    matrix_body,
    put_manifest,
    results_of,
    service_with,
)
from tests.scenarios.crash import When
from tests.scenarios.harness import Service
from worker.batches import moves
from worker.batches.keys import results_aside_uri
from worker.batches.states import RowMark
from worker.contracts.follow import FollowMessage
from worker.contracts.s3_uri import S3Uri
from worker.engine import batch_report
from worker.engine.batch_following import RENEW_AFTER
from worker.engine.in_flight import COUNT_AGE_S
from worker.engine.redrive import Action
from worker.errors import UnavailableError
from worker.jobs.job import Job
from worker.jobs.outcomes import Done, PollAgain, RetryLater


@dataclass
class FailsAt:
    """Lets the next call of that name fail, before its effect or after it."""

    name: str
    moment: When
    is_over: bool = False

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call, or fail."""
        if name != self.name or self.is_over:
            return call()
        self.is_over = True
        if self.moment == "after":
            call()
        raise UnavailableError("503: nobody is there")


def killed_before_rows_are_sent() -> Service:
    """A service whose worker died once the rows were counted."""
    service = service_with()
    service.send(batch_body())
    kill_at_first_send(service, "before")
    return service


def kill_at_first_send(service: Service, when: When) -> None:
    """The worker dies just before or just after it sends the rows of its batch."""
    undisturbed = run_batch(service_with(), batch_body())
    service.kill_at(undisturbed.killer.calls.index("queue.send_requests") + 1, when)
    service.run_until_killed()


def run_batch(service: Service, body_text: str) -> Service:
    service.send(body_text)
    service.run()
    return service


def test_every_good_row_of_a_manifest_is_a_job_and_every_bad_one_is_told() -> None:
    service = run_batch(service_with(), batch_body())
    assert complaints(service, good=(1, 3), bad=(2,)) == []
    data = batch_event(service).data
    assert (data.status, data.counts.rows, data.error) == ("partial", 3, None)
    first, second, _ = results_of(service)
    assert (first["status"], first["requestId"]) == ("succeeded", "spring-24.1")
    assert first["outputs"][0]["uri"] == "s3://shop/generated/spring-24.1.png"
    assert (second["status"], second["line"]) == ("refused", 3)
    assert second["error"]["message"].startswith('input.aspectRatio: "round": must be')
    assert batch_of(service).first_bad[0].line == 3


def test_a_batch_does_not_keep_its_own_rows_out_when_few_jobs_may_be_in_flight() -> None:
    service = service_with(in_flight_most=1)
    began = service.world.clock.now()
    run_batch(service, matrix_body(1))
    assert complaints(service, good=(1,)) == []
    # Held back by its own batch, the row would wait until its message is about to be given up.
    assert service.world.clock.now() - began < timedelta(minutes=5)


def test_what_the_rows_cost_is_added_up() -> None:
    service = run_batch(service_with(), batch_body())
    costs = [one["credits"] for one in results_of(service) if one["status"] == "succeeded"]
    assert float(batch_event(service).data.credits) == pytest.approx(sum(map(float, costs)))
    assert float(batch_event(service).data.credits) > 0


def test_a_matrix_is_expanded_without_any_manifest() -> None:
    service = run_batch(service_with(), matrix_body(250))
    assert complaints(service, good=tuple(range(1, 251))) == []
    assert batch_event(service).data.status == "succeeded"
    seeds = {job.request["input"]["seed"] for job in service.world.store.all_jobs()}
    assert seeds == set(range(250))


def test_a_repeated_batch_message_is_the_same_batch() -> None:
    service = service_with()
    for _ in range(3):
        service.send(batch_body())
    service.run()
    service.send(batch_body())
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []
    assert len(batch_events(service)) == 1


def test_the_same_id_with_other_content_is_refused_and_leaves_the_first_alone() -> None:
    service = run_batch(service_with(), batch_body())
    service.send(batch_body(creditCap="7"))
    service.run()
    first, second = batch_events(service)
    assert first.data.status == "partial"
    assert second.data.error is not None
    assert second.data.error.code == "request.conflict"
    assert len(service.world.dead_letters) == 1
    assert len(service.world.hautech.runs) == 2


def test_a_batch_message_that_breaks_rules_is_announced_and_dead_lettered() -> None:
    service = run_batch(Service(), batch_body(manifest="s3://other/x.csv"))
    data = batch_event(service).data
    assert (data.batch_id, data.status) == ("spring-24", "failed")
    assert data.error is not None
    assert "WORKER_INPUT_BUCKETS" in data.error.message
    (letter,) = service.world.dead_letters.contents()
    assert letter.attributes["errorCode"] == "request.invalid"
    assert service.world.batches.load("spring-24") is None


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "there is no such object"),
        ("prompt,prompt\na,b\n", "stands twice in the header"),
        ("sku\n1042\n", "asks for {prompt}, which no column is called"),
        ("prompt\n", "it has no rows"),
    ],
)
def test_a_manifest_that_cannot_be_read_ends_the_batch_before_anything_is_sent(
    manifest: str | None, said: str
) -> None:
    service = Service() if manifest is None else service_with(manifest)
    run_batch(service, batch_body())
    data = batch_event(service).data
    assert (data.status, data.counts.rows, data.results) == ("failed", 0, None)
    assert data.error is not None
    assert data.error.code == "batch.manifest"
    assert said in data.error.message
    assert service.world.store.all_jobs() == []


def test_a_manifest_that_is_replaced_meanwhile_is_read_in_the_version_that_was_counted() -> None:
    service = killed_before_rows_are_sent()
    put_manifest(service, "prompt\nanother\n")
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_a_manifest_without_versions_that_is_replaced_meanwhile_ends_the_batch() -> None:
    service = service_with("prompt\n" + "a man\n" * 12)
    service.world.objects.unversioned.add("catalog")
    service.send(batch_body(creditCap="100"))
    service.run_for(deliveries=2)
    assert batch_of(service).read == 10, "a probe"
    put_manifest(service, "prompt\nanother\n")
    service.run()
    data = batch_event(service).data
    assert (data.status, data.counts.succeeded, data.counts.skipped) == ("partial", 10, 2)
    assert data.error is not None
    assert "it was replaced while its rows were sent" in data.error.message


def test_rows_that_may_have_been_sent_are_cancelled_when_the_manifest_is_gone() -> None:
    service = service_with()
    service.world.objects.unversioned.add("catalog")
    service.send(batch_body())
    kill_at_first_send(service, "before")
    put_manifest(service, "prompt\nanother\n")
    service.run()
    data = batch_event(service).data
    assert (data.status, data.counts.cancelled, data.counts.refused) == ("cancelled", 2, 1)
    assert data.error is not None
    assert "it was replaced while its rows were sent" in data.error.message


def test_rows_whose_sending_was_not_recorded_are_followed_after_a_cancellation() -> None:
    """Found by the simulation: they were listed as cancelled, and two of them were paid for."""
    service = service_with()
    service.send(batch_body())
    kill_at_first_send(service, "after")
    for _ in range(500):
        service.step(service.world.requests)
        if len(service.world.hautech.runs) == 2:
            break
    service.world.batches.cancel("spring-24", at=service.world.clock.now())
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_a_second_worker_with_the_same_batch_sends_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    now = service.world.clock.now()
    counted = moves.count(batch_of(service), 3, source=None, source_version=None, at=now)
    stale = service.world.batches.save(counted)
    service.world.batches.save(replace(stale, failures=1))
    monkeypatch.setattr(service.world.batches, "load", {"spring-24": stale}.get)
    service.run_for(deliveries=1)
    assert len(service.world.requests) == 0


def test_a_visit_without_time_changes_nothing_and_costs_no_failure() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    service.world.budget.left_s = 7.0
    before = batch_of(service)
    service.run_for(deliveries=3)
    assert batch_of(service) == before
    service.world.budget.left_s = 900.0
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_rows_fail_and_the_others_do_not() -> None:
    service = service_with("prompt,input.imageId\na woman,\na man,s3://catalog/raw/none.png\n")
    run_batch(service, batch_body())
    data = batch_event(service).data
    assert (data.status, data.counts.succeeded, data.counts.failed) == ("partial", 1, 1)
    assert results_of(service)[1]["error"]["code"] == "image.missing"
    assert len(service.world.dead_letters) == 1


def test_a_row_whose_id_is_somebody_elses_job_is_refused_and_told() -> None:
    service = service_with()
    service.send(body(requestId="spring-24.1"))
    service.run()
    run_batch(service, batch_body())
    data = batch_event(service).data
    assert (data.counts.succeeded, data.counts.refused) == (1, 2)
    assert results_of(service)[0]["error"]["code"] == "request.conflict"


def test_a_batch_that_is_cancelled_at_once_sends_nothing() -> None:
    service = service_with()
    service.world.batches.cancel("spring-24", at=service.world.clock.now())
    run_batch(service, batch_body())
    data = batch_event(service).data
    assert data.status == "cancelled"
    assert data.error is not None
    assert data.error.code == "request.cancelled"
    assert service.world.store.all_jobs() == []


def test_what_was_not_submitted_when_a_batch_is_cancelled_is_not_paid_and_no_dead_letter() -> None:
    service = service_with()
    service.send(matrix_body(20))
    for _ in range(500):
        service.step()
        if len(service.world.hautech.runs) == 5:
            break
    uploads_before = service.world.hautech.uploads
    service.world.batches.cancel("spring-24", at=service.world.clock.now())
    service.run()
    data = batch_event(service).data
    assert len(service.world.hautech.runs) == 5
    assert service.world.hautech.uploads == uploads_before, "uploaded what will not be used"
    assert (data.status, data.counts.succeeded, data.counts.cancelled) == ("cancelled", 5, 15)
    assert len(service.world.dead_letters) == 0
    failed = [event for event in service.events if event.data.error]
    assert {event.data.error.code for event in failed if event.data.error} == {"request.cancelled"}
    assert len(failed) == 15


def test_a_credit_cap_ends_a_batch_with_what_it_has_and_skips_the_rest() -> None:
    service = Service()
    run_batch(service, matrix_body(40))
    cost = float(batch_event(service).data.credits) / 40
    capped = Service()
    run_batch(capped, matrix_body(40, creditCap=f"{cost * 25:f}"))
    data = batch_event(capped).data
    assert (data.status, data.counts.succeeded, data.counts.skipped) == ("partial", 25, 15)
    assert data.error is not None
    assert data.error.code == "credit_cap"
    assert len(capped.world.hautech.runs) == 25
    assert [one["status"] for one in results_of(capped)] == ["succeeded"] * 25 + ["skipped"] * 15


def test_rows_that_were_not_sent_before_the_batch_expires_are_skipped() -> None:
    service = service_with()
    expires_at = service.world.clock.now() + timedelta(seconds=1)
    service.send(batch_body(expiresAt=expires_at.isoformat().replace("+00:00", "Z")))
    service.run_for(deliveries=1)
    service.world.clock.advance(60)
    service.run()
    data = batch_event(service).data
    assert data.counts.skipped == 3
    assert data.error is not None
    assert data.error.code == "request.expired"


def test_a_follow_message_is_renewed_before_the_queue_gives_it_up() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    service.limit_deliveries(requests=100, polls=1000)
    ticket = batch_of(service).ticket
    message = FollowMessage(batch_id="spring-24", ticket=ticket)
    service.world.clock.advance(RENEW_AFTER.total_seconds())
    outcome = service.handle_poll(message.dumps())
    assert outcome == Done()
    renewed = batch_of(service).ticket
    assert renewed > ticket
    assert any(f'"ticket":{renewed}' in text for text in service.world.polls.bodies())
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_renewed_follow_message_that_cannot_be_sent_leaves_its_place_to_the_old_one(
    moment: When,
) -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=2)
    service.world.clock.advance(RENEW_AFTER.total_seconds())
    first = batch_of(service).ticket
    sends = service.killer.calls.count("queue.send_follow")
    service.watch(FailsAt("queue.send_follow", moment))
    service.run_for(deliveries=1)
    assert batch_of(service).ticket == first, "handed back at once"
    service.run()  # no reconcile
    assert sends == 1
    assert complaints(service, good=(1, 3), bad=(2,)) == []
    assert batch_of(service).ticket > first


def test_no_ticket_of_a_batch_is_given_twice() -> None:
    """One that was sent although its sender heard of an error would be a second message for ever."""
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    before = batch_of(service)
    save, now = service.world.batches.save, service.world.clock.now()
    first = save(moves.carry(before, because="-", at=now))
    taken_back = save(moves.carry_as_before(first, before, at=now))
    second = save(moves.carry(taken_back, because="-", at=now))
    assert len({before.ticket, first.ticket, second.ticket}) == 3
    assert taken_back.ticket == before.ticket


def test_a_follow_message_with_an_old_ticket_is_dropped() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    old = FollowMessage(batch_id="spring-24", ticket=0)
    assert service.handle_poll(old.dumps()) == Done()
    assert batch_of(service).rows is None


def test_a_batch_whose_message_is_lost_is_woken() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    service.world.polls.purge()
    service.world.clock.advance(1_000)
    assert service.reconcile().batches_woken == 1
    assert service.reconcile().batches_woken == 0
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_a_follow_message_among_the_dead_letters_is_dropped_and_reconcile_wakes_its_batch() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    (follow,) = service.world.polls.bodies()
    service.world.polls.purge()
    service.world.dead_letters.send(follow)  # as SQS does after too many deliveries
    assert [one.action for one in service.redrive()] == [Action.DROP]
    assert (len(service.world.requests), len(service.world.dead_letters)) == (0, 0)
    service.world.clock.advance(901)
    service.reconcile()
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_a_batch_that_stays_silent_is_woken_twice_as_late_each_time() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=1)
    woken = []
    for _ in range(8):  # its messages are lost again and again
        service.world.polls.purge()
        service.world.clock.advance(901)
        woken.append(service.reconcile().batches_woken)
    assert woken == [1, 0, 1, 0, 0, 0, 1, 0]


def test_a_batch_waits_longer_the_longer_nothing_happens() -> None:
    service = service_with()
    service.send(batch_body())
    service.run_for(deliveries=2)
    follow = FollowMessage(batch_id="spring-24", ticket=batch_of(service).ticket).dumps()
    assert service.handle_poll(follow) == PollAgain(5)
    service.world.clock.advance(200)
    assert service.handle_poll(follow) == PollAgain(30)
    service.world.clock.advance(9_000)
    assert service.handle_poll(follow) == PollAgain(60)


def test_a_list_of_results_that_may_not_be_written_does_not_keep_the_event_back() -> None:
    service = service_with()
    service.send(batch_body(resultsTo="s3://shop/results/"))
    while len(service.events) < 2:
        service.step()
    service.world.objects.forbidden.add("shop")
    service.run()
    data = batch_event(service).data
    assert (data.counts.succeeded, data.results) == (2, None)
    assert data.error is not None
    assert data.error.code == "output.forbidden"


@pytest.mark.parametrize("part_bytes", [batch_report.PART_BYTES, 1], ids=["whole", "in parts"])
@pytest.mark.parametrize(
    "place", ["generated/spring-24.1.png", "theirs.txt"], ids=["a picture", "another's"]
)
def test_a_list_of_results_is_never_written_over_what_is_no_list_of_the_batch(
    place: str, part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_report, "PART_BYTES", part_bytes)
    monkeypatch.setattr(batch_report, "GROUP_ROWS", 1)
    service = service_with()
    service.world.objects.add(S3Uri("shop", "theirs.txt"), b"precious")
    service.send(batch_body(resultsTo=f"s3://shop/{place}"))
    while len(service.events) < 2:
        service.step()
    before = service.world.objects.stored(S3Uri("shop", place))
    service.run()
    assert service.world.objects.stored(S3Uri("shop", place)) == before
    assert batch_event(service).data.results == str(results_aside_uri(batch_of(service)))
    assert [one["row"] for one in results_of(service)] == [1, 2, 3]


def test_somebody_who_writes_where_the_list_is_put_at_this_moment_is_not_written_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def add_first(uri: S3Uri, *args: Any, **options: Any) -> None:
        if uri == place:
            service.world.objects.add(place, b"precious")
        put(uri, *args, **options)

    service = service_with()
    place = S3Uri("shop", "generated/spring-24.results.jsonl")
    put = service.world.objects.put
    monkeypatch.setattr(service.world.objects, "put", add_first)
    service.send(batch_body())
    service.run()
    stored = service.world.objects.stored(place)
    assert stored is not None
    assert stored.data == b"precious"
    assert batch_event(service).data.results == str(results_aside_uri(batch_of(service)))


def test_a_row_that_is_redriven_before_the_batch_is_over_counts_as_it_ended() -> None:
    none = S3Uri("catalog", "raw/none.png")
    service = service_with(f"prompt,input.imageId\na woman,\na man,{none}\n")
    service.send(batch_body())
    while len(service.world.dead_letters) == 0:
        service.step()
    jacket = service.world.objects.stored(S3Uri("catalog", "raw/jacket.png"))
    assert jacket is not None
    service.world.objects.add(none, jacket.data)
    service.redrive()
    service.run()
    assert batch_event(service).data.counts.succeeded == 2
    assert [one["status"] for one in results_of(service)] == ["succeeded", "succeeded"]


def test_a_row_that_was_counted_as_failed_and_redriven_is_waited_for() -> None:
    none = S3Uri("catalog", "raw/none.png")
    service = service_with(f"prompt,input.imageId\na man,{none}\na woman,\n")
    service.send(batch_body())
    service.run_for(deliveries=1)
    while not batch_of(service).tally.failed:
        service.step()
    jacket = service.world.objects.stored(S3Uri("catalog", "raw/jacket.png"))
    assert jacket is not None
    service.world.objects.add(none, jacket.data)
    service.redrive()
    service.run()
    assert batch_event(service).data.counts.succeeded == 2
    assert any("row 1 is open again" in note.what for note in batch_of(service).notes)


def test_a_batch_that_would_outgrow_its_record_is_refused_and_not_tried_for_ever() -> None:
    text = matrix_body(1).replace('"seed": [0]', f'"seed": [{",".join(["1E9"] * 60_000)}]')
    service = run_batch(Service(), text)
    data = batch_event(service).data
    assert data.error is not None
    assert "matrix: makes a record of more than 300,000 bytes" in data.error.message
    assert len(service.world.dead_letters) == 1
    assert service.world.batches.load("spring-24") is None


def test_a_manifest_that_is_too_large_to_be_read_on_each_visit_ends_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.engine.batch_world.MAX_MANIFEST_BYTES", 10)
    data = batch_event(run_batch(service_with(), batch_body())).data
    assert data.error is not None
    assert "at most 10 are read" in data.error.message


def test_a_look_at_many_rows_ends_when_the_time_does(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    service.send(matrix_body(1_000))
    service.run_for(deliveries=1)
    now = service.world.clock.now()
    batch = moves.count(batch_of(service), 1_000, source=None, source_version=None, at=now)
    batch = moves.read_on(batch, 1_000, bad=(), pipelines=1_000, at=now)
    service.world.batches.save(batch)
    marks = [RowMark(row=row, line=row, code="-", message="-") for row in range(1, 1_001)]
    service.world.batches.mark_rows("spring-24", marks)
    budget = service.world.budget
    budget.left_s = 12.0
    load_many = service.world.store.load_many

    def slow(request_ids: Sequence[str]) -> dict[str, Job]:
        budget.left_s -= 3.0
        return load_many(request_ids)

    monkeypatch.setattr(service.world.store, "load_many", slow)
    service.handle_poll(FollowMessage(batch_id="spring-24", ticket=batch.ticket).dumps())
    assert batch_of(service).over == 300
    assert budget.left_s == 3.0


RULES = S3Uri("catalog", "rules.yaml")
PRESET_BATCH = batch_body(
    request={"preset": "studio", "input": {"imageId": "s3://catalog/raw/jacket.png"}}
)


def presets_are(service: Service, aspect_ratio: str, name: str = "studio") -> None:
    """The rules file has one preset now, which needs a column of the manifest."""
    request = {**REQUEST, "input": {**REQUEST["input"], "aspectRatio": aspect_ratio}}
    text = json.dumps({"version": 1, "presets": {name: request}})
    service.world.objects.add(RULES, text.encode())
    service.world.clock.advance(31)


def test_a_batch_keeps_to_its_preset_as_it_was_when_the_batch_was_taken_in() -> None:
    service = service_with("prompt\na woman\na man\n", drop_rules=RULES)
    presets_are(service, "7:10")
    undisturbed = service_with("prompt\na woman\na man\n", drop_rules=RULES)
    presets_are(undisturbed, "7:10")
    run_batch(undisturbed, PRESET_BATCH)
    assert complaints(undisturbed, good=(1, 2)) == []

    service.send(PRESET_BATCH)
    service.kill_at(undisturbed.killer.calls.index("queue.send_follow") + 1, "before")
    service.run_until_killed()
    presets_are(service, "1:1", name="another")
    service.run()

    assert complaints(service, good=(1, 2)) == []
    jobs = sorted(service.world.store.all_jobs(), key=lambda job: job.request_id)
    assert [job.request["input"]["prompt"] for job in jobs] == ["a woman", "a man"]
    assert {job.request["input"]["aspectRatio"] for job in jobs} == {"7:10"}


def test_a_batch_with_an_unknown_preset_is_refused_with_those_that_there_are() -> None:
    service = service_with(drop_rules=RULES)
    presets_are(service, "7:10", name="studios")
    run_batch(service, PRESET_BATCH)
    event = batch_event(service)
    assert event.data.status == "failed"
    assert event.data.error is not None
    assert "studios" in event.data.error.message


def test_a_batch_that_is_over_takes_no_part_in_the_count_of_jobs_in_flight() -> None:
    service = run_batch(service_with(in_flight_most=1), matrix_body(1))
    assert complaints(service, good=(1,)) == []
    service.send(body(requestId="first"))
    service.step()
    service.world.clock.advance(COUNT_AGE_S)
    assert isinstance(service.handle_request(body(requestId="second")), RetryLater)
