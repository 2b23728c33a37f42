"""A photo is put into a folder, and a picture comes: each upload is one job, whatever S3 says how often."""

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from tests.builders import body
from tests.scenarios import drops
from tests.scenarios.drops import drop, jobs, notification, put, service_with, there
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.adapters.memory.pictures import draw_png
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.errors import UnavailableError
from worker.jobs.job import JobState
from worker.jobs.outcomes import Done, RetryLater
from worker.ports.objects import ObjectInfo

PHOTO = "inbox/spring/sku 1042+a (größe).JPG"


def fail_at_hautech(service: Service) -> None:
    service.world.hautech.failures[WORKFLOWS["full-naomi"].workflow_id] = ("BAD", "no model found")


def actions(logs: Sequence[Mapping[str, object]]) -> list[object]:
    return [entry["action"] for entry in logs if str(entry.get("action", "")).startswith("drop")]


def test_a_dropped_photo_becomes_a_picture_under_the_name_of_the_photo() -> None:
    service = service_with()
    drop(service, PHOTO)
    service.run()
    job = service.job
    assert job.state is JobState.SUCCEEDED
    assert job.request_id.startswith("sku-1042-a-grosse-") or "sku-1042" in job.request_id
    assert service.event.data.outputs[0].uri.startswith(
        "s3://shop/spring/sku 1042+a (größe)/sku-1042"
    )
    assert job.request["origin"]["drop"]["source"].startswith(f"s3://catalog/{PHOTO}?versionId=")
    assert job.metadata == {"sku": "sku 1042+a (größe)"}


def test_one_upload_is_one_job_however_often_it_is_told_of() -> None:
    service = service_with()
    told = put(service, PHOTO)
    for _ in range(5):
        service.send(told)
    service.run()
    service.send(told)
    service.run()
    assert len(jobs(service)) == 1
    assert len(service.world.hautech.runs) == 1
    assert len(service.events) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_repeated_and_shuffled_events_adds_no_job(seed: int) -> None:
    service = service_with()
    told = [put(service, f"inbox/spring/sku-{n}.png", draw_png(f"{n}")) for n in range(200)]
    storm = told * 5
    random.Random(seed).shuffle(storm)
    for one in storm:
        service.send(one)
    while service.step():
        pass
    assert len(jobs(service)) == 200
    assert {job.state for job in jobs(service)} == {JobState.SUCCEEDED}
    assert len(service.world.hautech.runs) == 200
    assert len(service.events) == 200
    assert not service.world.dead_letters.bodies()


def test_several_records_of_one_message_each_become_a_job() -> None:
    service = service_with()
    records = [json.loads(put(service, f"inbox/spring/{n}.png"))["Records"][0] for n in range(3)]
    service.send(json.dumps({"Records": records}))
    service.run()
    assert len(jobs(service)) == 3


def test_a_record_that_cannot_be_worked_on_does_not_hold_up_those_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(uri: S3Uri) -> ObjectInfo | None:
        if uri.key == "inbox/spring/0.png":
            raise UnavailableError(f"{uri}: no answer")
        return head(uri)

    service = service_with()
    records = [json.loads(put(service, f"inbox/spring/{n}.png"))["Records"][0] for n in range(3)]
    head = service.world.objects.head
    monkeypatch.setattr(service.world.objects, "head", look)
    outcome = service.handle_request(json.dumps({"Records": records}))
    assert isinstance(outcome, RetryLater)
    assert "no answer" in outcome.because
    service.run()
    assert [job.request_id[:2] for job in jobs(service)] == ["1-", "2-"]


def test_a_notification_may_come_through_sns_or_eventbridge() -> None:
    service = service_with()
    direct = put(service, PHOTO)
    info = service.world.objects.head(S3Uri("catalog", PHOTO))
    assert info is not None
    bridge = {
        "version": "0",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2030-01-02T03:04:05Z",
        "detail": {
            "bucket": {"name": "catalog"},
            "object": {"key": PHOTO, "size": info.size_bytes, "etag": info.etag},
        },
    }
    service.send(json.dumps({"Type": "Notification", "Message": direct}))
    service.send(json.dumps(bridge))
    service.send(json.dumps({"Type": "Notification", "Message": json.dumps(bridge)}))
    service.run()
    assert len(jobs(service)) == 1
    assert len(service.events) == 1


@pytest.mark.parametrize(
    "key",
    ["inbox/spring/notes.txt", "elsewhere/a.jpg", "inbox/a.jpg", "inbox/spring/.hidden.jpg"],
)
def test_what_no_rule_takes_is_ignored_with_the_reason(key: str) -> None:
    service = service_with()
    told = put(service, key)
    with all_logs() as logs:
        assert service.handle_request(told) == Done()
    (entry,) = [entry for entry in logs if entry["action"] == "drop_ignored"]
    assert "garments" in entry["event"]
    assert not service.world.requests.sent


def test_a_photo_that_is_gone_again_is_ignored() -> None:
    service = service_with()
    told = put(service, PHOTO)
    service.world.objects.remove(S3Uri("catalog", PHOTO))
    with all_logs() as logs:
        assert service.handle_request(told) == Done()
    assert actions(logs) == ["drop_ignored"]


def test_what_s3_has_now_counts_and_not_the_event() -> None:
    service = service_with()
    first = put(service, PHOTO, draw_png("first"))
    second = put(service, PHOTO, draw_png("second"))
    service.send(second)
    service.send(first)
    service.run()
    assert len(jobs(service)) == 1
    assert jobs(service)[0].request["origin"]["drop"]["source"].endswith("?versionId=version-2")


@pytest.mark.parametrize("reuses", [True, False])
def test_a_photo_that_was_replaced_before_it_was_fetched_is_not_paid_for_as_another(
    reuses: bool,
) -> None:
    service = service_with(reuses=reuses)
    service.world.objects.unversioned.add("catalog")
    service.send(put(service, PHOTO, draw_png("first")))
    service.step()  # its request is on the queue
    service.send(put(service, PHOTO, draw_png("second")))
    service.run()
    first, second = jobs(service)
    assert first.failure is not None
    assert first.failure.code == "image.missing"
    assert "another photo has taken its place" in first.failure.message
    assert second.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_what_the_worker_wrote_itself_is_no_drop_wherever_it_lies() -> None:
    service = service_with()
    service.send(body(output="s3://shop/generated/"))
    service.run()
    (picture,) = [key for key in service.world.objects.keys("shop") if key.endswith(".png")]
    stored = service.world.objects.stored(S3Uri("shop", picture))
    assert stored is not None
    service.world.objects._store(
        S3Uri("catalog", PHOTO), stored.data, "image/png", stored.metadata, None
    )
    with all_logs() as logs:
        assert service.handle_request(notification(service, PHOTO)) == Done()
    assert [entry["event"] for entry in logs if entry["action"] == "drop_ignored"] == [
        "ignored: the worker wrote it itself"
    ]
    assert len(jobs(service)) == 1


def test_a_test_event_and_a_deletion_are_ignored_even_without_rules() -> None:
    service = Service()
    assert service.handle_request('{"Service":"Amazon S3","Event":"s3:TestEvent"}') == Done()
    deleted = put(service, PHOTO).replace("ObjectCreated:Put", "ObjectRemoved:Delete")
    assert service.handle_request(deleted) == Done()
    assert not service.events
    assert not service.world.dead_letters.bodies()


def test_without_a_rules_file_a_notification_is_refused_and_the_setting_named() -> None:
    service = Service()
    drop(service, PHOTO)
    service.run()
    assert service.event.data.error is not None
    assert "WORKER_DROP_RULES" in service.event.data.error.message
    (letter,) = service.world.queue.sent_dead_letters
    assert "WORKER_DROP_RULES" in letter[1].error_message


def test_drops_wait_while_no_version_of_the_rules_is_good_and_are_not_lost() -> None:
    service = service_with("  - nonsense\n")
    drop(service, PHOTO)
    service.run_for(deliveries=3)
    assert isinstance(service.outcomes[-1], RetryLater)
    assert not service.events
    service.world.objects.add(drops.RULES, (drops.HEAD + drops.GARMENTS).encode())
    service.run()
    assert service.job.state is JobState.SUCCEEDED


ORDERS = list(itertools.permutations(["photo", "sidecar", "photo told", "sidecar told"]))


@pytest.mark.parametrize(
    "order",
    [
        one
        for one in ORDERS
        if one.index("photo") < one.index("photo told")
        and one.index("sidecar") < one.index("sidecar told")
    ],
    ids=" ".join,
)
def test_a_sidecar_before_or_after_the_photo_gives_the_same_request(order: tuple[str, ...]) -> None:
    service = service_with(drops.SIDECARS)
    told: dict[str, str] = {}
    sidecar = b"input: {prompt: a hat}\nmetadata: {colour: red}\n"
    for what in order:
        match what:
            case "photo":
                told["photo"] = put(service, "inbox/spring/sku.jpg", draw_png("x"))
            case "sidecar":
                told["sidecar"] = put(service, "inbox/spring/sku.yaml", sidecar)
            case _:
                service.send(told[what.removesuffix(" told")])
                service.run_for(deliveries=1)
    service.run()
    request = service.job.request
    assert request["input"]["prompt"] == "a hat"
    assert request["metadata"] == {"sku": "sku", "colour": "red"}
    assert request["origin"]["drop"]["beside"] == ["s3://catalog/inbox/spring/sku.yaml"]
    assert len(service.events) == 1


def test_a_photo_rests_until_its_settle_time_is_over_and_no_longer() -> None:
    service = service_with(drops.SIDECARS)
    told = put(service, "inbox/spring/sku.jpg")
    outcome = service.handle_request(told)
    assert isinstance(outcome, RetryLater)
    assert outcome.after_s == pytest.approx(20, abs=0.01)
    service.world.clock.advance(20)
    assert service.handle_request(told) == Done()
    assert len(service.world.requests.sent) == 1


def test_a_sidecar_of_an_old_program_in_capitals_overrides_as_well() -> None:
    service = service_with(drops.SIDECARS)
    put(service, "inbox/spring/SKU.JSON", b'{"input": {"prompt": "a hat"}}')
    drop(service, "inbox/spring/SKU.JPG")
    service.run()
    assert service.job.request["input"]["prompt"] == "a hat"


def test_a_sidecar_that_comes_late_changes_nothing_and_is_told() -> None:
    service = service_with(drops.SIDECARS)
    told = put(service, "inbox/spring/sku.jpg")
    service.send(told)
    service.run()
    with all_logs() as logs:
        service.send(put(service, "inbox/spring/sku.json", b'{"input": {"prompt": "late"}}'))
        service.send(told)
        service.run()
    assert "sidecar_late" in [entry["action"] for entry in logs]
    assert len(jobs(service)) == 1
    assert len(service.events) == 1
    assert not service.world.dead_letters.bodies()


NOTE = S3Uri("shop", "spring/sku/sku.sidecar.error.json")


def late(service: Service, photo: bytes = b"photo", at: str = "sku.json") -> str:
    """A sidecar that comes when the job of its photo is over; its notification."""
    drops.drop(service, "inbox/spring/sku.jpg", photo)
    service.run()
    service.world.clock.advance(60)
    return put(service, f"inbox/spring/{at}", b'{"input": {"prompt": "late"}}')


def test_a_late_sidecar_is_told_beside_the_picture_with_what_to_do() -> None:
    service = service_with(drops.SIDECARS)
    service.send(late(service, draw_png("x")))
    service.run()
    said = service.document(NOTE.key)
    assert said["code"] == "drop.sidecar_late"
    assert said["whatToDo"].startswith("Put the photo into the folder again.")
    assert "s3://catalog/inbox/spring/sku.json came " in said["details"][0]
    assert said["requestId"] == service.job.request_id
    assert len(said["details"]) == 1


def test_a_late_sidecar_is_told_the_same_however_often_it_is_announced() -> None:
    service = service_with(drops.SIDECARS)
    told = late(service, draw_png("x"))
    service.send(told)
    service.run()
    first = service.world.objects.stored(NOTE)
    assert first is not None
    service.world.clock.advance(500)
    service.send(told)
    service.run()
    again = service.world.objects.stored(NOTE)
    assert again is not None
    assert again.version_id == first.version_id


def test_the_note_of_a_late_sidecar_triggers_nothing_itself() -> None:
    service = service_with(drops.SIDECARS)
    service.send(late(service, draw_png("x")))
    service.run()
    before = service.world.objects.keys("shop")
    service.send(notification(service, NOTE.key, bucket="shop"))
    service.send(notification(service, "inbox/spring/sku.json"))
    service.run()
    assert len(jobs(service)) == 1
    assert service.world.objects.keys("shop") == before


def test_a_photo_that_is_dropped_again_takes_its_sidecar_and_the_note_away() -> None:
    service = service_with(drops.SIDECARS)
    service.send(late(service, draw_png("x")))
    service.run()
    assert service.world.objects.stored(NOTE) is not None
    drop(service, "inbox/spring/sku.jpg", draw_png("x"))
    service.run()
    assert service.world.objects.stored(NOTE) is None
    assert jobs(service)[-1].request["input"]["prompt"] == "late"


def test_a_job_that_ends_after_its_sidecar_came_late_leaves_the_note() -> None:
    service = service_with(drops.SIDECARS)
    drop(service, "inbox/spring/sku.jpg", draw_png("x"))
    while not jobs(service):
        service.step()
    service.world.clock.advance(1)
    service.send(put(service, "inbox/spring/sku.yaml", b"input: {prompt: late}"))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.world.objects.stored(NOTE) is not None


def test_a_sidecar_that_is_corrected_too_late_is_told_too() -> None:
    service = service_with(drops.SIDECARS)
    put(service, "inbox/spring/sku.json", b'{"input": {"prompt": "early"}}')
    service.send(late(service, draw_png("x")))
    service.run()
    assert service.job.request["input"]["prompt"] == "early"
    assert service.world.objects.stored(NOTE) is not None


def test_a_sidecar_whose_photo_is_no_job_yet_is_looked_at_again() -> None:
    service = service_with(drops.SIDECARS)
    told = put(service, "inbox/spring/sku.jpg", draw_png("x"))
    service.world.clock.advance(20)
    assert service.handle_request(told) == Done()
    beside = put(service, "inbox/spring/sku.json", b'{"input": {"prompt": "late"}}')
    service.world.clock.advance(25)
    outcome = service.handle_request(beside)
    assert isinstance(outcome, RetryLater)
    assert outcome.after_s == 60
    service.run()
    assert service.handle_request(beside) == Done()
    assert service.world.objects.stored(NOTE) is not None


def test_a_sidecar_whose_photo_never_becomes_a_job_is_not_looked_at_for_ever() -> None:
    service = service_with(drops.SIDECARS)
    put(service, "inbox/spring/sku.jpg", draw_png("x"))
    service.send(put(service, "inbox/spring/sku.json", b'{"input": {"prompt": "x"}}'))
    service.run()
    assert not jobs(service)
    assert not service.world.dead_letters.bodies()


def test_a_sidecar_that_comes_with_a_photo_which_is_dropped_again_is_not_late() -> None:
    service = service_with(drops.SIDECARS)
    service.world.objects.unversioned.add("catalog")
    drop(service, "inbox/spring/sku.jpg", b"no photo")
    service.run()
    assert service.job.state is JobState.FAILED
    service.world.clock.advance(60)
    beside = put(service, "inbox/spring/sku.json", b'{"input": {"prompt": "in time"}}')
    drop(service, "inbox/spring/sku.jpg", b"no photo")
    service.run()
    service.send(beside)
    service.run()
    assert jobs(service)[-1].request["input"]["prompt"] == "in time"
    assert service.world.objects.stored(NOTE) is None


def test_where_no_versions_are_kept_the_note_says_that_another_name_is_needed() -> None:
    service = service_with(drops.SIDECARS)
    service.world.objects.unversioned.add("catalog")
    service.send(late(service, draw_png("x"), at="sku.yaml"))
    service.run()
    assert "another name" in service.document(NOTE.key)["details"][1]


def test_a_sidecar_that_has_gone_is_told_of_no_more() -> None:
    service = service_with(drops.SIDECARS)
    told = late(service, draw_png("x"))
    service.world.objects.remove(S3Uri("catalog", "inbox/spring/sku.json"))
    service.send(told)
    service.run()
    assert service.world.objects.stored(NOTE) is None


def test_a_rule_without_error_documents_tells_a_late_sidecar_in_the_log_alone() -> None:
    service = service_with(drops.SIDECARS + "    errors: false\n")
    with all_logs() as logs:
        service.send(late(service, draw_png("x")))
        service.run()
    assert "sidecar_late" in [entry["action"] for entry in logs]
    assert [key for key in service.world.objects.keys("shop") if "error" in key] == []


def test_a_sidecar_that_comes_between_two_events_of_a_photo_is_no_conflict() -> None:
    """The first event's request is on its way and no job yet when the second one is looked at."""
    service = service_with(drops.SIDECARS)
    told = put(service, "inbox/spring/sku.jpg")
    service.world.clock.advance(20)
    assert service.handle_request(told) == Done()
    put(service, "inbox/spring/sku.json", b'{"input": {"prompt": "late"}}')
    assert service.handle_request(told) == Done()
    assert len(service.world.requests.sent) == 2
    service.run()
    assert len(jobs(service)) == 1
    assert [event.data.status for event in service.events] == ["succeeded"]
    assert not service.world.dead_letters.bodies()


@pytest.mark.parametrize("order", [("front", "pose"), ("pose", "front")])
def test_photos_that_belong_together_are_one_request_in_any_order(order: tuple[str, str]) -> None:
    service = service_with(drops.PARTS)
    for part in order:
        drop(service, f"inbox/spring/sku_{part}.png")
        service.run_for(deliveries=1)
    service.run()
    given = service.job.request["input"]
    assert "sku_front" in given["imageId"]
    assert "sku_pose" in given["poseImageId"]
    assert len(service.events) == 1


def test_a_group_that_stays_incomplete_is_told_in_s3_and_goes_on_when_the_rest_comes() -> None:
    service = service_with(drops.PARTS)
    drop(service, "inbox/spring/sku_front.png")
    service.run()
    said = service.document("spring/sku/sku.error.json")
    assert said["code"] == "drop.incomplete"
    assert "waits for pose" in said["details"][0]
    assert not jobs(service)
    drop(service, "inbox/spring/sku_pose.png")
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.world.objects.stored(S3Uri("shop", "spring/sku/sku.error.json")) is None


def test_a_group_may_be_waited_for_a_whole_day_without_using_up_its_deliveries() -> None:
    service = service_with(drops.PARTS + "    partsWithinSeconds: 86400\n")
    drop(service, "inbox/spring/a_front.png")
    begun = service.world.clock.now()
    service.run()
    assert service.world.clock.now() - begun >= timedelta(days=1)
    assert not service.world.dead_letters.bodies()
    assert len([key for key in there(service, "shop") if key.endswith(".error.json")]) == 1


def test_several_requests_of_one_photo_are_several_jobs_once_each() -> None:
    service = service_with(drops.FANOUT)
    told = put(service, PHOTO)
    for _ in range(3):
        service.send(told)
    service.run()
    assert [job.request["input"]["seed"] for job in jobs(service)] == [1, 2, 3]
    assert len(service.events) == 3


@pytest.mark.parametrize("versions", [True, False], ids=["with versions", "without"])
def test_a_photo_that_is_dropped_again_after_its_job_failed_is_tried_again(versions: bool) -> None:
    service = service_with()
    if not versions:
        service.world.objects.unversioned.add("catalog")
    fail_at_hautech(service)
    first = put(service, PHOTO)
    service.send(first)
    service.run()
    service.world.hautech.failures.clear()
    service.send(first)  # an old event is no new drop
    service.run()
    assert [job.state for job in jobs(service)] == [JobState.FAILED]
    service.world.clock.advance(60)
    again = put(service, PHOTO)
    for _ in range(3):
        service.send(again)
    service.run()
    assert [job.state for job in jobs(service)] == [JobState.FAILED, JobState.SUCCEEDED]
    assert len(service.world.hautech.runs) == 2


def test_after_a_success_the_same_upload_is_never_paid_again() -> None:
    service = service_with()
    service.world.objects.unversioned.add("catalog")
    for _ in range(3):
        drop(service, PHOTO)
        service.run()
        service.world.clock.advance(3600)
    assert len(service.world.hautech.runs) == 1
    fail_at_hautech(service)
    drop(service, "inbox/spring/b.jpg")
    service.run()
    service.world.clock.advance(60)
    service.world.hautech.failures.clear()
    for _ in range(3):  # fails, succeeds, and stays so
        drop(service, "inbox/spring/b.jpg")
        service.run()
        service.world.clock.advance(60)
    assert len(service.world.hautech.runs) == 3


def test_a_rule_that_cannot_make_a_request_of_it_says_so_in_s3_and_ends() -> None:
    service = service_with(drops.SIDECARS)
    put(service, "inbox/spring/sku.json", b"{")
    drop(service, "inbox/spring/sku.jpg")
    service.run()
    said = service.document("spring/sku/sku.error.json")
    assert said["photo"].startswith("s3://catalog/inbox/spring/sku.jpg")
    assert "sku.json" in said["details"][0]
    assert said["whatToDo"]
    assert not jobs(service)
    assert not service.world.requests.bodies()


def test_trouble_that_does_not_pass_ends_in_a_dead_letter_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unavailable(uri: S3Uri) -> None:
        raise UnavailableError(f"{uri}: no answer")

    service = service_with()
    told = put(service, PHOTO)
    assert service.handle_request(put(service, "inbox/a.txt")) == Done()  # the rules are known
    monkeypatch.setattr(service.world.objects, "head", unavailable)
    assert isinstance(service.handle_request(told, receive_count=89), RetryLater)
    assert service.handle_request(told, receive_count=90) == Done()
    (letter,) = service.world.queue.sent_dead_letters
    assert letter[0] == told
    assert letter[1].error_code == "attempts.exhausted"
    assert "no answer" in letter[1].error_message


def test_what_may_not_be_looked_at_waits_for_who_grants_permissions() -> None:
    service = service_with()
    told = put(service, PHOTO)
    assert service.handle_request(put(service, "inbox/a.txt")) == Done()
    service.world.objects.forbidden.add("catalog")
    outcome = service.handle_request(told)
    assert isinstance(outcome, RetryLater)
    assert outcome.after_s >= 15
    service.world.objects.forbidden.clear()
    service.send(told)
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_drops_become_requests_while_hautech_is_down_and_wait_as_those_do() -> None:
    service = service_with()
    service.world.hautech.failures.clear()
    for n in range(3):
        drop(service, f"inbox/spring/{n}.png")
    service.run()
    assert {job.state for job in jobs(service)} == {JobState.SUCCEEDED}


def test_a_dropped_list_becomes_a_batch() -> None:
    manifest = (
        "  - name: lists\n"
        '    match: "batches/{name}.csv"\n'
        "    manifest: true\n"
        "    preset: studio\n"
        "    output: s3://shop/lists/\n"
    )
    service = service_with(manifest)
    told = put(service, "batches/a.csv", b"input.imageId\ns3://catalog/raw/jacket.png\n")
    service.send(told)
    service.send(told)
    service.run()
    assert len(jobs(service)) == 1
    assert len(service.world.hautech.runs) == 1


def test_a_list_that_is_dropped_for_one_tenant_cannot_act_for_another() -> None:
    manifest = (
        "  - name: lists\n"
        '    match: "batches/{tenant}/{name}.csv"\n'
        "    manifest: true\n"
        "    preset: studio\n"
        '    tenant: "{tenant}"\n'
        "    output: s3://shop/lists/\n"
    )
    service = service_with(manifest)
    text = b"input.imageId,metadata.tenant,metadata.sku\ns3://catalog/raw/jacket.png,acme,7\n"
    drop(service, "batches/other/a.csv", text)
    service.run()
    assert service.job.metadata == {"sku": "7", "tenant": "other"}
