"""Values that tests begin with: a valid request, a job in each state; change what matters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.contracts.request import Request, parse_request
from worker.jobs import transitions
from worker.jobs.job import Job, SourceImage
from worker.jobs.plan import plan_images, plan_steps

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INPUT_BUCKETS = frozenset({"catalog"})
OUTPUT_BUCKETS = frozenset({"shop"})

FULL_NAOMI_INPUT = {
    "poseImageId": "s3://catalog/poses/standing.png",
    "imageId": "s3://catalog/raw/jacket.png",
    "aspectRatio": "7:10",
    "prompt": "a woman in a white jacket, studio light",
    "seed": 42,
}
NAOMI_INPUT = {
    "poseId": "s3://catalog/poses/standing.png",
    "imageId": "s3://catalog/raw/jacket.png",
    "aspectRatio": "7:10",
    "prompt": "a woman in a white jacket, studio light",
    "label": "a white jacket",
}
PREPARE_IMAGE_INPUT = {"imageId": "s3://catalog/raw/jacket.png", "label": "a white jacket"}
PREPARE_POSE_INPUT = {"poseImageId": "s3://catalog/poses/standing.png", "aspectRatio": "7:10"}
INPUTS = {
    "full-naomi": FULL_NAOMI_INPUT,
    "naomi": NAOMI_INPUT,
    "prepare-image": PREPARE_IMAGE_INPUT,
    "prepare-pose": PREPARE_POSE_INPUT,
}


def at(seconds: float) -> datetime:
    """That many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def message(workflow: str = "full-naomi", **changes: Any) -> dict[str, Any]:
    """A valid request message; `changes` replace top-level fields (None removes one)."""
    document = {
        "requestId": "sku-1042-front",
        "workflow": workflow,
        "input": INPUTS.get(workflow, {}),
        "output": "s3://shop/generated/sku-1042/",
        "metadata": {"sku": "1042"},
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def body(workflow: str = "full-naomi", **changes: Any) -> str:
    """`message`, as the text of an SQS message."""
    return json.dumps(message(workflow, **changes))


def request(workflow: str = "full-naomi", **changes: Any) -> Request:
    """`message`, parsed."""
    return parse_request(
        body(workflow, **changes), input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS
    )


def new_job(workflow: str = "full-naomi", **changes: Any) -> Job:
    """A job as it is accepted at noon."""
    parsed = request(workflow, **changes)
    steps = plan_steps(parsed)
    return transitions.accept(
        request_id=parsed.request_id,
        request=message(workflow, **changes),
        content_digest="0" * 64,
        message_digest="1" * 64,
        steps=steps,
        images=plan_images(steps),
        at=NOON,
    )


def with_uploads(job: Job) -> Job:
    """The job after its images went to Hautech under ids made from their names."""
    for image in job.images:
        known = SourceImage(uri=image.uri, image_id=f"id-of-{image.uri.rsplit('/', 1)[-1]}")
        job = transitions.record_upload(job, known, because="uploaded", at=NOON)
    return job


def running_job(workflow: str = "full-naomi", **changes: Any) -> Job:
    """A job whose first submittable steps run at Hautech, waiting for its poll message."""
    job = with_uploads(new_job(workflow, **changes))
    for step in job.steps:
        if any(binding.step for binding in step.bindings):
            continue
        job = transitions.intend(job, step.name, key=f"key-{step.name}", at=NOON)
        job = transitions.start(job, step.name, pipeline_id=f"p-{step.name}", at=NOON)
    return transitions.await_pipelines(job, because="first poll in 1 s", at=NOON)


def submitting_job() -> Job:
    """A job whose intent to pay is recorded under the key `k`, and nothing else is known."""
    return transitions.intend(with_uploads(new_job()), "full-naomi", key="k", at=NOON)


def job_sent_twice() -> Job:
    """The same after its answer was lost, two looks found nothing, and it was sent once more."""
    job = transitions.lose_answer(submitting_job(), "full-naomi", because="reset", at=NOON)
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(1))
    return transitions.intend_again(job, "full-naomi", at=at(2))


def given_up_job(*, is_reported: bool) -> Job:
    """A running job whose one pipeline gave nothing; `is_reported`: Hautech itself says failed."""
    return transitions.give_up(
        running_job(),
        "full-naomi",
        because="-",
        is_reported=is_reported,
        credits_used="0.04",
        ended_at=at(9),
        at=at(9),
    )
