"""Photos are put into a real bucket, S3 tells a real worker, and pictures come: once, and no loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.local import LocalStack
from sandbox.samples import SampleFiles
from tests.sandbox.test_end_to_end import events_of, in_queues
from worker.contracts.result import ResultEvent

Stacks = Callable[..., LocalStack]

RULES = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input:
      poseImageId: s3://{inputs}/poses/pose.png
      aspectRatio: "7:10"
      prompt: a woman in a jacket
rules:
  - name: sets
    bucket: {inputs}
    match: "sets/{{sku}}_{{part}}.{{ext}}"
    preset: studio
    parts: {{front: imageId, pose: poseImageId}}
    settleSeconds: 1
    output: "s3://{outputs}/sets/{{sku}}/"
  - name: garments
    bucket: {inputs}
    match: "inbox/{{season}}/{{sku}}.{{ext}}"
    preset: studio
    sidecar: true
    settleSeconds: 2
    output: "s3://{outputs}/{{season}}/{{sku}}/"
    onSuccess: {{moveTo: "processed/{{season}}/"}}
    onFailure: {{copyTo: "failed/{{season}}/"}}
"""


def keys(stack: LocalStack, bucket: str) -> list[str]:
    answer = stack.aws.client("s3").list_objects_v2(Bucket=bucket)
    return [entry["Key"] for entry in answer.get("Contents", ())]


def put(stack: LocalStack, key: str, body: bytes) -> None:
    bucket = stack.outputs.input_bucket_name
    stack.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def tell_of_outputs_too(stack: LocalStack) -> None:
    """The classic mistake: whatever is written to the output bucket is announced as an upload."""
    queue = stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs.request_queue_url, AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    configuration: Any = {
        "QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]
    }
    stack.aws.client("s3").put_bucket_notification_configuration(
        Bucket=stack.outputs.output_bucket_name, NotificationConfiguration=configuration
    )


def ended(stack: LocalStack, wanted: int) -> list[ResultEvent]:
    """So many events, once every message is dealt with."""
    events = events_of(stack, wanted)
    stack.wait_for(lambda: in_queues(stack) == 0, deadline_s=60)
    return sorted(events.values(), key=lambda event: event.data.request_id or "")


def test_photos_that_are_dropped_become_pictures_once_and_nothing_triggers_itself(
    local_stack: Stacks, samples: SampleFiles
) -> None:
    stack = local_stack(workers=0, watch="", standin_options={"durationSeconds": 0.5})
    tell_of_outputs_too(stack)
    inputs, outputs = stack.outputs.input_bucket_name, stack.outputs.output_bucket_name
    put(stack, "rules.yaml", RULES.format(inputs=inputs, outputs=outputs).encode())
    put(stack, "poses/pose.png", samples.pose.read_bytes())
    stack.add_worker(
        {"WORKER_DROP_RULES": f"s3://{inputs}/rules.yaml", "WORKER_LOG_LEVEL": "debug"}
    )
    stack.wait_until_receiving()

    garment = samples.garment.read_bytes()
    put(stack, "inbox/spring/größe 42+a %.PNG", garment)
    put(stack, "inbox/spring/größe 42+a %.yaml", b"metadata: {colour: red}")
    put(stack, "sets/shirt_front.png", garment)
    put(stack, "sets/shirt_pose.png", samples.pose.read_bytes())
    put(stack, "inbox/spring/broken.jpg", b"no photo at all")
    put(stack, "inbox/spring/empty.jpg", b"")
    put(stack, "inbox/spring/", b"")
    put(stack, "inbox/readme.txt", b"not meant")

    failed, garments, shirt = ended(stack, 3)
    assert failed.data.status == "failed"
    assert shirt.data.outputs[0].uri.startswith(f"s3://{outputs}/sets/shirt/shirt-")
    assert garments.data.outputs[0].uri.startswith(f"s3://{outputs}/spring/größe 42+a %/gro-e-42-a")
    assert garments.data.metadata == {"colour": "red"}

    there = set(keys(stack, inputs))
    assert {"processed/spring/größe 42+a %.PNG", "processed/spring/größe 42+a %.yaml"} <= there
    assert "failed/spring/broken.jpg" in there
    assert not any(key.startswith("inbox/spring/gr") for key in there)
    assert "spring/broken/broken.error.json" in keys(stack, outputs)

    # A picture that somebody copies into the folder is the worker's own, wherever it lies.
    picture = garments.data.outputs[0].uri.removeprefix(f"s3://{outputs}/")
    stack.aws.client("s3").copy_object(
        Bucket=inputs, Key="inbox/spring/loop.png", CopySource={"Bucket": outputs, "Key": picture}
    )
    stack.wait_for(lambda: "the worker wrote it itself" in stack.workers[0].log_text, deadline_s=60)
    stack.wait_for(lambda: in_queues(stack) == 0, deadline_s=60)
    assert len(stack.standin.runs()) == 2
