"""A real worker process on the local stack: requests in, pictures and events out."""

from __future__ import annotations

import hashlib
import io
import json
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from PIL import Image

from sandbox.local import LocalStack
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.result import ResultEvent
from worker.jobs.job import JobState

Photos = Callable[[LocalStack], dict[str, str]]
Stacks = Callable[..., LocalStack]

DEADLINE_S = 60


def request(
    stack: LocalStack, uris: dict[str, str], workflow: str, **changes: Any
) -> dict[str, Any]:
    """A valid request for one of the four workflows on the stack's buckets."""
    inputs = {
        "full-naomi": {
            "poseImageId": uris["pose"],
            "imageId": uris["garment"],
            "aspectRatio": "7:10",
            "prompt": "a woman in a jacket",
            "seed": 7,
        },
        "naomi": {
            "poseId": uris["pose"],
            "imageId": uris["garment"],
            "aspectRatio": "1:1",
            "prompt": "a woman in a jacket",
        },
        "prepare-image": {"imageId": uris["garment"]},
        "prepare-pose": {"poseImageId": uris["pose"], "aspectRatio": "7:10"},
    }
    return {
        "requestId": workflow,
        "workflow": workflow,
        "input": inputs[workflow],
        "output": f"s3://{stack.outputs.output_bucket_name}/generated/",
        "metadata": {"sku": "1042"},
        **changes,
    }


def events_of(stack: LocalStack, wanted: int) -> dict[str, ResultEvent]:
    """The first `wanted` distinct events, by event id."""
    events: dict[str, ResultEvent] = {}

    def enough() -> bool:
        for document in stack.receive_events():
            event = ResultEvent.loads(json.dumps(document))
            events[event.id] = event
        return len(events) >= wanted

    stack.wait_for(enough, deadline_s=DEADLINE_S)
    return events


def in_queues(stack: LocalStack) -> int:
    """Messages in the requests and polls queues, visible or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    names.append("ApproximateNumberOfMessagesDelayed")
    total = 0
    for url in (stack.outputs.request_queue_url, stack.outputs.poll_queue_url):
        answer = stack.aws.client("sqs").get_queue_attributes(
            QueueUrl=url,
            AttributeNames=names,  # type: ignore[arg-type]  # -- literals in a list
        )
        total += sum(int(value) for value in answer["Attributes"].values())
    return total


def dead_letters(stack: LocalStack, wanted: int) -> dict[str, DeadLetterReason]:
    """The reasons of the first `wanted` dead letters, by body."""
    reasons: dict[str, DeadLetterReason] = {}

    def enough() -> bool:
        answer = stack.aws.client("sqs").receive_message(
            QueueUrl=stack.outputs.dead_letter_queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0,
            MessageAttributeNames=["All"],
        )
        for message in answer.get("Messages", []):
            attributes = {
                name: value["StringValue"]
                for name, value in message.get("MessageAttributes", {}).items()
            }
            reason = DeadLetterReason.from_attributes(attributes)
            assert reason is not None, attributes
            reasons[message["Body"]] = reason
        return len(reasons) >= wanted

    stack.wait_for(enough, deadline_s=DEADLINE_S)
    return reasons


def runs_by_step(stack: LocalStack) -> Counter[tuple[str, str]]:
    """How often Hautech was paid for each step of each job."""
    marks = (run["metadata"]["hautechWorker"] for run in stack.standin.runs())
    return Counter((mark["jobId"], mark["step"]) for mark in marks)


def test_all_four_workflows_from_request_to_event(local_stack: Stacks, photos: Photos) -> None:
    stack = local_stack(standin_options={"durationSeconds": 1})
    uris = photos(stack)
    sizes = {"full-naomi": (832, 1200), "naomi": (1024, 1024), "prepare-image": None}
    for workflow in ("full-naomi", "naomi", "prepare-image", "prepare-pose"):
        stack.submit(request(stack, uris, workflow))
    events = {event.subject: event for event in events_of(stack, 4).values()}

    assert {event.data.status for event in events.values()} == {"succeeded"}
    assert set(runs_by_step(stack).values()) == {1}
    assert sum(runs_by_step(stack).values()) == 6
    for workflow, size in sizes.items():
        (output,) = events[workflow].data.outputs
        data = stack.read(output.uri)
        assert hashlib.sha256(data).hexdigest() == output.sha256
        picture = Image.open(io.BytesIO(data))
        assert picture.size == (output.width, output.height)
        assert size is None or picture.size == size
    assert not events["prepare-pose"].data.outputs
    assert "poseId" in events["prepare-pose"].data.result
    document = json.loads(
        stack.read(f"s3://{stack.outputs.output_bucket_name}/generated/naomi.json")
    )
    assert document == json.loads(events["naomi"].data.dumps())
    stack.wait_for(lambda: in_queues(stack) == 0, deadline_s=DEADLINE_S)


def test_bad_messages_are_told_apart_and_the_good_one_beside_them_is_made(
    local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(standin_options={"durationSeconds": 0})
    uris = photos(stack)
    good = request(stack, uris, "full-naomi")
    bucket = stack.outputs.input_bucket_name
    stack.aws.client("s3").put_object(Bucket=bucket, Key="page.png", Body=b"<html></html>")

    def with_image(uri: str) -> dict[str, Any]:
        return {**good["input"], "imageId": uri}

    bad: dict[str, dict[str, Any] | str] = {
        "request.malformed": "{",
        "request.invalid": {**good, "requestId": "invalid", "colour": "red"},
        "image.missing": {
            **good,
            "requestId": "missing",
            "input": with_image(f"s3://{bucket}/no-such-photo.png"),
        },
        "image.unreadable": {
            **good,
            "requestId": "page",
            "input": with_image(f"s3://{bucket}/page.png"),
        },
    }
    for message in (*bad.values(), good):
        stack.submit(message)
    events = events_of(stack, 5)
    codes = {event.data.error.code for event in events.values() if event.data.error}
    assert codes == set(bad)
    assert {reason.error_code for reason in dead_letters(stack, 4).values()} == set(bad)
    assert runs_by_step(stack) == {("full-naomi", "full-naomi"): 1}

    stack.submit({**good, "metadata": {"sku": "other"}})
    (conflict,) = events_of(stack, 1).values()
    assert conflict.data.error is not None
    assert conflict.data.error.code == "request.conflict"
    stack.wait_for(lambda: in_queues(stack) == 0, deadline_s=DEADLINE_S)
    assert sum(runs_by_step(stack).values()) == 1


def test_a_stopped_worker_gives_everything_back_and_the_next_one_goes_on(
    local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(standin_options={"durationSeconds": 2})
    uris = photos(stack)
    jobs = [f"job-{number}" for number in range(12)]
    for name in jobs:
        stack.submit(request(stack, uris, "full-naomi", requestId=name))
    stack.wait_for(lambda: len(stack.standin.runs()) >= 3, deadline_s=DEADLINE_S)
    (first,) = stack.workers
    first.kill(signal.SIGTERM)
    assert first.wait(25) == 0

    stack.add_worker()
    events = events_of(stack, len(jobs))
    assert {event.subject for event in events.values()} == set(jobs)
    assert {event.data.status for event in events.values()} == {"succeeded"}
    assert set(runs_by_step(stack).values()) == {1}
    assert sum(runs_by_step(stack).values()) == len(jobs)
    stack.wait_for(lambda: in_queues(stack) == 0, deadline_s=DEADLINE_S)


def test_a_killed_worker_loses_nothing_and_nothing_is_paid_twice(
    local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(
        standin_options={"durationSeconds": 1},
        worker_env={"WORKER_VISIBILITY_SECONDS": "5"},
    )
    uris = photos(stack)
    jobs = [f"job-{number}" for number in range(12)]
    for name in jobs:
        stack.submit(request(stack, uris, "full-naomi", requestId=name))
    stack.wait_for(lambda: len(stack.standin.runs()) >= 3, deadline_s=DEADLINE_S)
    (first,) = stack.workers
    first.kill(signal.SIGKILL)
    first.wait(10)
    stack.add_worker()

    def all_over() -> bool:
        found = [stack.job(name) for name in jobs]
        return all(job is not None and job.state.is_final for job in found)

    stack.wait_for(all_over, deadline_s=110)
    assert {job.state for name in jobs if (job := stack.job(name))} == {JobState.SUCCEEDED}
    assert set(runs_by_step(stack).values()) == {1}
    assert sum(runs_by_step(stack).values()) == len(jobs)
    events = events_of(stack, len(jobs))
    assert len({event.subject for event in events.values()}) == len(events) == len(jobs)


def test_an_answer_lost_after_the_run_was_started_is_adopted(
    local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(workers=0, standin_options={"durationSeconds": 0})
    uris = photos(stack)
    stack.standin.add_fault({"route": "workflows.run", "kind": "drop_after", "times": 1})
    stack.submit(request(stack, uris, "full-naomi"))
    stack.add_worker()
    (event,) = events_of(stack, 1).values()
    assert event.data.status == "succeeded"
    assert sum(runs_by_step(stack).values()) == 1
    job = stack.job("full-naomi")
    assert job is not None
    run = job.step("full-naomi").pipeline
    assert run is not None
    assert run.adopted
