"""Each invariant can fail: a good run is doctored, and exactly that one says so."""

import json
from dataclasses import replace

import pytest
import structlog

from tests.builders import body
from tests.simulation import invariants
from tests.simulation.canaries import TOKEN
from tests.simulation.clockwork import Process, Task, Ticket
from tests.simulation.service import SimService, watched_logs
from tests.simulation.witness import Look
from worker.adapters.memory.topic import PublishedEvent
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import Failure, JobState, Lease
from worker.jobs.keys import rejection_event_id
from worker.runtime.slots import Kind

JOB = "sku-1042-front"
PICTURE = S3Uri("shop", f"generated/sku-1042/{JOB}.png")


@pytest.fixture
def service() -> SimService:
    """A good run: one request done, one refused."""
    service = SimService(5, bodies=[body(), "{"])
    with watched_logs(service.leaks):
        assert service.run()
    assert invariants.violations_of(service, is_drained=True) == []
    return service


def broken(service: SimService) -> set[str]:
    """The names of the invariants that do not hold."""
    return {one.__name__ for one in invariants.INVARIANTS if list(one(service))}


def doctor_record(service: SimService, **changes) -> None:
    job = service.store.load(JOB)
    assert job is not None
    service.store.forget(JOB)
    service.store.create(replace(job, **changes))


def test_a_message_that_is_left_is_seen(service):
    service.queues[Kind.POLLS].send("{}")

    assert broken(service) == {"queues_are_empty"}


def test_a_job_that_is_not_over_is_seen(service):
    doctor_record(service, state=JobState.RUNNING)

    assert "every_job_is_over" in broken(service)


def test_a_request_without_an_outcome_is_seen(service):
    service.store.forget(JOB)

    assert "every_request_has_one_outcome" in broken(service)


def test_a_request_with_two_outcomes_is_seen(service):
    refused = next(one for one in service.topic.events if one.document()["subject"] != JOB)
    service.topic.events.append(
        PublishedEvent(json.dumps({**refused.document(), "id": rejection_event_id(body())}), {})
    )

    assert "every_request_has_one_outcome" in broken(service)


def test_a_done_request_that_was_refused_as_too_late_is_seen(service):
    refused = next(one for one in service.topic.events if one.document()["subject"] != JOB)
    late = invariants._late_id(service.store.load(JOB))
    event = {**refused.document(), "id": late, "subject": JOB}
    service.topic.events.append(PublishedEvent(json.dumps(event), {}))

    assert "every_job_is_announced_once" in broken(service)


def test_a_second_event_id_is_seen(service):
    done = next(one for one in service.topic.events if one.document()["subject"] == JOB)
    other = json.dumps({**done.document(), "id": "another"})
    service.topic.events.append(PublishedEvent(other, done.attributes))

    assert broken(service) == {"every_job_is_announced_once"}


def test_a_missing_announcement_is_seen(service):
    service.topic.events[:] = [
        one for one in service.topic.events if one.document()["subject"] != JOB
    ]

    assert broken(service) == {"every_job_is_announced_once"}


def test_an_output_that_is_not_there_is_seen(service):
    service.objects.remove(PICTURE)

    assert broken(service) == {"succeeded_means_outputs"}


def test_an_output_with_other_bytes_is_seen(service):
    service.objects.add(PICTURE, b"half a pict")

    assert broken(service) == {"succeeded_means_outputs"}


def test_a_missing_result_document_is_seen(service):
    service.objects.remove(S3Uri("shop", f"generated/sku-1042/{JOB}.json"))

    assert broken(service) == {"succeeded_means_outputs"}


def test_a_dead_letter_without_a_reason_is_seen(service):
    service.dead_letters.move_in("{}", {})

    assert broken(service) == {"dead_letters_have_reasons"}


def test_a_failure_without_a_dead_letter_is_seen(service):
    service.dead_letters.sent.clear()

    assert broken(service) == {"dead_letters_have_reasons"}


def test_a_failed_job_whose_dead_letter_was_lost_later_is_seen():
    garment = {"imageId": "s3://catalog/not-there.png"}
    service = SimService(5, bodies=[body("prepare-image", input=garment)])
    with watched_logs(service.leaks):
        assert service.run()
    assert invariants.violations_of(service, is_drained=True) == []

    service.dead_letters.purge()

    assert broken(service) == {"failed_jobs_have_their_dead_letter"}


def test_a_pipeline_of_somebody_else_is_seen(service):
    run = service.hautech.runs[0]
    metadata = {"hautechWorker": {**run.metadata["hautechWorker"], "jobId": "another"}}
    service.hautech.runs[0] = replace(run, metadata=metadata)

    assert "records_tell_what_was_paid" in broken(service)


def test_a_pipeline_that_nobody_knows_is_seen(service):
    run = service.hautech.runs[0]
    service.hautech.runs.append(replace(run, pipeline_id="another"))

    assert broken(service) == {"no_pipeline_is_forgotten"}


def test_a_pose_that_was_prepared_twice_is_seen():
    service = SimService(5, bodies=[body("naomi"), body("naomi", requestId="second")])
    service.rules = replace(service.rules, reuses=True, shares_poses=False)
    with watched_logs(service.leaks):
        assert service.run()
    assert invariants.violations_of(service, is_drained=True) == []
    first, second = (service.store.load(one) for one in (JOB, "second"))
    assert first is not None
    assert second is not None
    owner, other = (first, second) if first.step("prepare-pose").pipeline else (second, first)
    run = next(
        one
        for one in service.hautech.runs
        if one.metadata["hautechWorker"]["step"] == "prepare-pose"
    )
    metadata = {"hautechWorker": {**run.metadata["hautechWorker"], "jobId": other.request_id}}
    service.hautech.runs.append(replace(run, pipeline_id="again", metadata=metadata))

    assert owner.step("prepare-pose").asset == other.step("prepare-pose").asset
    assert "what_is_shared_is_prepared_once" in broken(service)


@pytest.mark.parametrize("place", ["log", "record", "event", "dead letter"])
def test_a_secret_that_came_out_is_seen(service, place):
    if place == "log":
        service.leaks.append(TOKEN)
    elif place == "record":
        job = service.store.load(JOB)
        assert job is not None
        entry = replace(job.history[-1], because=TOKEN)
        doctor_record(service, history=(*job.history, entry))
    elif place == "event":
        service.topic.events.append(replace(service.topic.events[0], attributes={"x": TOKEN}))
    else:
        service.dead_letters.send(TOKEN)

    assert "secrets_stay_secret" in broken(service)


def test_a_secret_in_a_log_line_is_noticed_after_the_redaction_that_it_went_through():
    leaks: list[str] = []
    with watched_logs(leaks):
        structlog.get_logger().info("signed in", note=f"Bearer {TOKEN}")
        assert leaks == []
        structlog.get_logger().info("looked", note="CANARY")
    assert leaks == ["looked"]


# -- what the witness notes as it happens ----------------------------------------------------


def a_task(service: SimService, owner: str) -> Task:
    task = Task(Process(service.scheduler, "worker"), lambda: None)
    service.witness.took(task, JOB, owner)
    return task


@pytest.mark.parametrize(
    "call", ["objects.put", "topic.publish", "queue.send_dead_letter", "hautech.run"]
)
def test_a_write_after_the_lease_was_lost_is_seen(service, call):
    task = a_task(service, "mine")
    doctor_record(service, lease=Lease(owner="mine", until=service.scheduler.true_now()))
    service.witness.begins(task, call)
    assert service.witness.violations == []

    doctor_record(service, lease=Lease(owner="theirs", until=service.scheduler.true_now()))
    service.witness.begins(task, call)

    assert "lost job" in service.witness.violations[0]


def test_an_event_before_its_outputs_is_seen(service):
    done = next(one for one in service.topic.events if one.document()["subject"] == JOB)
    service.objects.remove(PICTURE)

    service.witness.publishes(done.text)

    assert "does not exist" in service.witness.violations[0]


def looked(service: SimService, task: Task, *pipelines: tuple[str, str], age_s: float) -> None:
    service.scheduler.now_s += age_s
    look = Look(service.scheduler.now_s, frozenset(pipelines), frozenset())
    service.witness._last_look[task] = look
    service.witness._looks[JOB].append(look)


def test_paying_again_without_two_looks_is_seen(service):
    task = a_task(service, "mine")
    looked(service, task, age_s=10.0)
    doctor_record(service, lease=Lease(owner="mine", until=service.scheduler.true_now()))

    service.witness.pays(task, service.hautech.runs[0].metadata)

    assert "pays again without two looks" in service.witness.violations[0]


def test_paying_again_for_a_pipeline_that_was_listed_is_seen(service):
    task, run = a_task(service, "mine"), service.hautech.runs[0]
    shown = (run.pipeline_id, run.metadata["hautechWorker"]["submitKey"])
    looked(service, task, age_s=10.0)
    looked(service, task, shown, age_s=6.0)

    service.witness.pays(task, run.metadata)

    assert "pays again besides" in service.witness.violations[0]


def test_paying_again_for_a_pipeline_that_no_look_could_show_is_counted(service):
    task, run = a_task(service, "mine"), service.hautech.runs[0]
    lagging = replace(service.hautech.paid[run.pipeline_id], listed_s=10_000.0)
    service.hautech.paid[run.pipeline_id] = lagging
    looked(service, task, age_s=10.0)
    looked(service, task, age_s=6.0)

    service.witness.pays(task, run.metadata)
    service.witness.paid(run.metadata, "the second")

    assert service.witness.violations == []
    assert [one.because for one in service.witness.paid_twice] == [
        "the list lagged behind all looks"
    ]


def test_adopting_one_of_two_pipelines_silently_is_seen(service):
    task, run = a_task(service, "mine"), service.hautech.runs[0]
    key = run.metadata["hautechWorker"]["submitKey"]
    looked(service, task, (run.pipeline_id, key), ("the second", key), age_s=1.0)
    job = service.store.load(JOB)
    assert job is not None
    entry = replace(job.history[0], subject="step full-naomi", because="found pipeline x")

    service.witness.saves(task, replace(job, history=(*job.history, entry)))

    assert "silently" in service.witness.violations[0]


def test_following_a_poll_message_that_was_replaced_is_seen(service):
    task = a_task(service, "mine")
    received_s = service.scheduler.now_s + 10.0
    service.scheduler.now_s += 5.0
    doctor_record(service, poll_ticket=7)

    task.ticket = Ticket(JOB, 7, received_s)
    service.witness.follows(task, "hautech.look")
    task.ticket = Ticket(JOB, 6, received_at_s=0.0)  # it was still good when it came
    service.witness.follows(task, "hautech.look")
    assert service.witness.violations == []

    task.ticket = Ticket(JOB, 6, received_s)
    service.witness.follows(task, "hautech.look")

    assert "an old one" in service.witness.violations[0]


def test_giving_up_a_pipeline_that_has_just_begun_is_seen(service):
    pipeline_id = service.hautech.runs[0].pipeline_id
    lost = Failure(code="pipeline.lost", message="gone", stage="poll", retryable=True)
    doctor_record(service, failure=lost, state=JobState.FAILED)

    service.witness.not_found_age_s[pipeline_id] = 3.0
    assert "lost_pipelines_were_old" in broken(service)

    service.witness.not_found_age_s[pipeline_id] = 61.0
    assert "lost_pipelines_were_old" not in broken(service)
