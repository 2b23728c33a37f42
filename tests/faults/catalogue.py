"""The rows and columns of the matrix: every outside call of a job, and every fault."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Flow = Literal["made", "failing", "answer lost", "key lost"]
"""The job that the fault meets.

`made`: full-naomi, a picture comes. `failing`: its pipeline fails, so a dead letter is sent.
`answer lost`: the answer of the paid call is lost, so the pipeline list is read. `key lost`: and
Hautech forgets our metadata, so single pipelines are read.
"""

Kind = Literal["read", "effect", "local"]
"""`read` changes nothing on the other side, `effect` does, `local` sends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One outside call at one place in the life of a job: a row."""

    name: str
    service: str
    wire: str
    """What the gateway and the hooks call such an exchange; see `wire.py`."""
    nth: int = 1
    """Which of these exchanges of a job it is."""
    kind: Kind = "effect"
    flow: Flow = "made"
    has_body: bool = True
    """Whether its answer has a body that can be cut or damaged."""
    is_picture: bool = False
    """Whether that body is a picture, in which a flipped byte is no broken JSON."""


class Fault(StrEnum):
    """What goes wrong: a column."""

    ERROR_BEFORE = "error before"
    TIMEOUT_AFTER = "timeout after the effect"
    THROTTLED = "throttled"
    SERVER_ERROR = "5xx"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    DUPLICATE = "duplicate delivery"
    OUT_OF_ORDER = "out of order"
    SLOW_DRIP = "slow drip"
    CUT_BODY = "cut body"
    CORRUPT_BODY = "corrupt body"
    DNS = "DNS failure"
    CLOCK_SKEW = "clock skew"
    EXPIRED = "expired credentials"


CALLS: Final = (
    Call(name="receive a request", service="SQS", wire="sqs.receive requests"),
    Call(name="delete a request", service="SQS", wire="sqs.delete requests"),
    Call(name="send a poll message", service="SQS", wire="sqs.send polls"),
    Call(name="receive a poll message", service="SQS", wire="sqs.receive polls"),
    Call(name="change visibility (hand back)", service="SQS", wire="sqs.visibility polls"),
    Call(name="delete a poll message", service="SQS", wire="sqs.delete polls"),
    Call(name="send a dead letter", service="SQS", wire="sqs.send dead letters", flow="failing"),
    Call(name="get (an image)", service="S3", wire="s3.get", kind="read", is_picture=True),
    Call(name="put (an output)", service="S3", wire="s3.put", has_body=False),
    Call(name="head (verify it)", service="S3", wire="s3.head", kind="read", has_body=False),
    Call(name="put (the document)", service="S3", wire="s3.put", nth=2, has_body=False),
    Call(name="put if absent (accept)", service="DynamoDB", wire="dynamodb.put"),
    Call(name="put if unchanged (intent)", service="DynamoDB", wire="dynamodb.put", nth=2),
    Call(name="put if unchanged (paid)", service="DynamoDB", wire="dynamodb.put", nth=3),
    Call(name="get", service="DynamoDB", wire="dynamodb.get", kind="read"),
    Call(name="update (take the lease)", service="DynamoDB", wire="dynamodb.update"),
    Call(name="put if unchanged (verdict)", service="DynamoDB", wire="dynamodb.put", nth=4),
    Call(name="put if unchanged (over)", service="DynamoDB", wire="dynamodb.put", nth=5),
    Call(name="token", service="Hautech", wire="hautech.token", kind="local", has_body=False),
    Call(name="upload: initialize", service="Hautech", wire="hautech.initialize"),
    Call(name="upload: PUT", service="Hautech", wire="hautech.upload"),
    Call(name="upload: finalize", service="Hautech", wire="hautech.finalize"),
    Call(name="run", service="Hautech", wire="hautech.run"),
    Call(name="status", service="Hautech", wire="hautech.status", kind="read"),
    Call(name="list", service="Hautech", wire="hautech.list", kind="read", flow="answer lost"),
    Call(
        name="pipeline read", service="Hautech", wire="hautech.pipeline", kind="read",
        flow="key lost",
    ),
    Call(name="image read", service="Hautech", wire="hautech.image", kind="read"),
    Call(
        name="download", service="Hautech", wire="hautech.download", kind="read", is_picture=True
    ),
    Call(name="publish", service="SNS", wire="sns.publish"),
    Call(name="read the secret", service="Secrets Manager", wire="secrets.get", kind="read"),
)  # fmt: skip
"""In each service, in the order in which a job makes them."""

SERVICES: Final = ("SQS", "DynamoDB", "S3", "Hautech", "SNS", "Secrets Manager")
