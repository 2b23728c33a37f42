"""The rows and columns of the matrix: every outside call of a job, and every fault."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Flow = Literal[
    "made", "failing", "answer lost", "key lost", "vanished",
    "drop", "group", "failing drop", "batch", "long list",
]  # fmt: skip
"""What the fault meets.

`made`: full-naomi, a picture comes. `failing`: its pipeline fails, so a dead letter is sent.
`answer lost`: the answer of the paid call is lost, so the pipeline list is read. `key lost`: and
Hautech forgets our metadata, so single pipelines are read. `vanished`: the asset cache knows an image
that Hautech does not. The others are in `scenes.py`.
"""

VANISHED: Final = "00000000-0000-4000-8000-000000000000"
"""The image of `vanished` that Hautech has never heard of."""

ENDS_FAILED: Final = frozenset[Flow]({"failing", "failing drop"})
"""Flows whose jobs are to end failed."""

BATCHES: Final = frozenset[Flow]({"batch", "long list"})
"""Flows of a batch."""

Kind = Literal["read", "effect", "local", "inside"]
"""`read` changes nothing on the other side, `effect` does, `local` and `inside` send nothing; what is
`inside` asks nobody, either."""


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
    Call(name="get (an image)", service="S3", wire="s3.get image", kind="read", is_picture=True),
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

ENTRY_CALLS: Final = (
    Call(name="send requests (of a drop)", service="SQS", wire="sqs.send requests", flow="drop"),
    Call(name="send requests (of a batch)", service="SQS", wire="sqs.send requests", flow="batch"),
    Call(name="send a follow message", service="SQS", wire="sqs.send polls", flow="batch"),
    Call(name="get (the rules)", service="S3", wire="s3.get rules", kind="read", flow="drop"),
    Call(
        name="head (a dropped photo)", service="S3", wire="s3.head photo", kind="read",
        has_body=False, flow="drop",
    ),
    Call(name="list (a group)", service="S3", wire="s3.list", kind="read", flow="group"),
    Call(name="get (a sidecar)", service="S3", wire="s3.get sidecar", kind="read", flow="drop"),
    Call(
        name="put (a rendition)", service="S3", wire="s3.put rendition", has_body=False, flow="drop"
    ),
    Call(name="copy (put a photo aside)", service="S3", wire="s3.put photo put aside", flow="drop"),
    Call(
        name="delete (a moved photo)", service="S3", wire="s3.delete photo", has_body=False,
        flow="drop",
    ),
    Call(
        name="put (an error document)", service="S3", wire="s3.put error document", has_body=False,
        flow="failing drop",
    ),
    Call(
        name="delete (an error document)", service="S3", wire="s3.delete error document",
        has_body=False, flow="drop",
    ),
    Call(name="get (a manifest)", service="S3", wire="s3.get manifest", kind="read", flow="batch"),
    Call(
        name="put (the list of results)", service="S3", wire="s3.put results", has_body=False,
        flow="batch",
    ),
    Call(
        name="begin an upload (of the list)", service="S3", wire="s3.begin upload",
        flow="long list",
    ),
    Call(
        name="upload a part", service="S3", wire="s3.put part", has_body=False, flow="long list"
    ),
    Call(name="complete the upload", service="S3", wire="s3.end upload", flow="long list"),
    Call(
        name="head (an image, for the asset cache)", service="S3", wire="s3.head image",
        kind="read", has_body=False,
    ),
    Call(
        name="get (the rules kept)", service="DynamoDB", wire="dynamodb.get rules", kind="read",
        flow="drop",
    ),
    Call(name="put (the rules kept)", service="DynamoDB", wire="dynamodb.put rules", flow="drop"),
    Call(
        name="put if absent (a batch)", service="DynamoDB", wire="dynamodb.put batch", flow="batch"
    ),
    Call(
        name="put if unchanged (a batch)", service="DynamoDB", wire="dynamodb.put batch", nth=3,
        flow="batch",
    ),
    Call(
        name="get (a batch)", service="DynamoDB", wire="dynamodb.get batch", kind="read",
        flow="batch",
    ),
    Call(
        name="get (a cancellation)", service="DynamoDB", wire="dynamodb.get cancellation",
        kind="read", flow="batch",
    ),
    Call(
        name="get many (jobs of rows)", service="DynamoDB", wire="dynamodb.get many", kind="read",
        flow="batch",
    ),
    Call(
        name="put many (marks of rows)", service="DynamoDB", wire="dynamodb.put many", flow="batch"
    ),
    Call(
        name="get (look for an asset)", service="DynamoDB", wire="dynamodb.get asset", kind="read"
    ),
    Call(name="put if free (claim an asset)", service="DynamoDB", wire="dynamodb.put asset"),
    Call(
        name="put if none (publish an asset)", service="DynamoDB", wire="dynamodb.put asset", nth=2
    ),
    Call(
        name="put if the same (drop an asset)", service="DynamoDB", wire="dynamodb.put asset",
        flow="vanished",
    ),
    Call(name="publish (a batch)", service="SNS", wire="sns.publish batch", flow="batch"),
    Call(
        name="develop (a photo)", service="photo lab", wire="lab.develop", kind="inside",
        has_body=False, flow="drop",
    ),
    Call(
        name="reduce (a picture)", service="photo lab", wire="lab.reduce", kind="inside",
        has_body=False, flow="drop",
    ),
)  # fmt: skip
"""What drops, batches and the asset cache ask for beside that; each fault in its strongest form."""

ENTRY_SERVICES: Final = ("SQS", "S3", "DynamoDB", "SNS", "photo lab")
