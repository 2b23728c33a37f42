"""The first record of a function that has just started, with the answers of AWS made up.

What a start leaves for later shows here. `bench.cold_start` runs this file as it does `cold_floor`:

cold_record.py FOLDER FUNCTION   the last line it prints is JSON with the CPU time of the record
"""

import io
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

BODIES: Final[dict[str, dict[str, Any]]] = {
    # A job that nobody knows: the message is dropped.
    "polls": {"v": 1, "requestId": "unknown", "ticket": 1},
    # A bucket that is not allowed: refused, announced and dead-lettered.
    "requests": {
        "requestId": "refused",
        "workflow": "prepare-pose",
        "input": {"poseImageId": "pose", "aspectRatio": "7:10"},
        "output": "s3://elsewhere/",
    },
}
"""What the first record of each function asks for."""

_PUBLISHED: Final = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    b"<MessageId>made-up</MessageId></PublishResult></PublishResponse>"
)


class Context:
    """Lambda's context object, as far as the handlers use it."""

    def get_remaining_time_in_millis(self) -> int:
        """A minute."""
        return 60_000


class _Body(io.BytesIO):
    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


def answer(_: object, request: "AWSPreparedRequest") -> "AWSResponse":
    """An answer to any call that the records cause: nothing is found, and all is taken."""
    from botocore.awsrequest import AWSResponse

    content = _PUBLISHED if "//sns." in request.url else b"{}"
    headers = {"x-amzn-requestid": "made-up", "content-length": str(len(content))}
    # Any mapping will do; the stubs are stricter.
    return AWSResponse(request.url, 200, headers, _Body(content))  # type: ignore[arg-type]


def event_with(body: dict[str, Any]) -> dict[str, Any]:
    """The event of a queue with one message."""
    record = {
        "messageId": "first",
        "receiptHandle": "handle",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}


def main() -> None:
    """Starts the function and hands it a record; fails if the function kept it."""
    _, folder, name = sys.argv
    sys.path.insert(0, folder)
    from botocore.httpsession import URLLib3Session

    import worker.runtime.aws_lambda as handlers

    URLLib3Session.send = answer  # type: ignore[method-assign,assignment]
    handle, event = getattr(handlers, f"handle_{name}"), event_with(BODIES[name])
    started_s = time.process_time()
    answered = handle(event, Context())
    cpu_s = time.process_time() - started_s
    if answered != {"batchItemFailures": []}:
        sys.exit(f"the first record was kept: {answered}")
    print(json.dumps({"cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
