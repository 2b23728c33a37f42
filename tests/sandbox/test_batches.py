"""A batch through real worker processes on the local stack; one is killed in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable

from sandbox.local import LocalStack
from worker.contracts.batch_event import BATCH_COMPLETED, BatchEvent
from worker.contracts.s3_uri import S3Uri

Photos = Callable[[LocalStack], dict[str, str]]
Stacks = Callable[..., LocalStack]

GARMENTS = 12
DEADLINE_S = 100


def test_a_spreadsheet_becomes_pictures_and_one_event_although_a_worker_is_killed(
    local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(workers=2, standin_options={"durationSeconds": 0.5})
    uris = photos(stack)
    shop, catalog = stack.outputs.output_bucket_name, stack.outputs.input_bucket_name
    rows = [f'{number};"a woman, number {number}";7:10' for number in range(1, GARMENTS + 1)]
    rows.insert(4, '99;"a man";round')
    s3, sqs = stack.aws.client("s3"), stack.aws.client("sqs")
    table = "\n".join(("sku;input.prompt;input.aspectRatio", *rows))
    s3.put_object(Bucket=catalog, Key="spring.csv", Body=table.encode())
    message = {
        "batchId": "spring-24",
        "manifest": f"s3://{catalog}/spring.csv",
        "request": {
            "workflow": "full-naomi",
            "input": {"imageId": uris["garment"], "poseImageId": uris["pose"]},
            "output": f"s3://{shop}/generated/{{sku}}/",
            "metadata": {"sku": "{sku}"},
        },
    }
    sqs.send_message(QueueUrl=stack.outputs.request_queue_url, MessageBody=json.dumps(message))

    batches: dict[str, BatchEvent] = {}
    pictures: set[str] = set()

    def is_over() -> bool:
        for document in stack.receive_events():
            if document["type"] == BATCH_COMPLETED:
                event = BatchEvent.loads(json.dumps(document))
                batches[event.id] = event
            else:
                pictures.add(document["subject"])
        if len(pictures) >= 3:
            stack.workers[0].kill()
        return bool(batches)

    stack.wait_for(is_over, deadline_s=DEADLINE_S)

    (event,) = batches.values()
    counts = event.data.counts
    assert (counts.rows, counts.succeeded, counts.refused) == (GARMENTS + 1, GARMENTS, 1)
    place = S3Uri.parse(event.data.results or "")
    body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read().decode()
    results = [json.loads(line) for line in body.splitlines()]
    assert [one["row"] for one in results] == list(range(1, GARMENTS + 2))
    assert results[4]["line"] == 6
    assert results[0]["outputs"][0]["uri"] == f"s3://{shop}/generated/1/spring-24.1.png"
    assert len(stack.standin.runs()) == GARMENTS, "a row was paid twice"
