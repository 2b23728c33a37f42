"""What a stage still has to do: messages in its queues, and jobs that have not ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from worker.adapters.aws.errors import MISSING_CODES, error_code
from worker.adapters.aws.index import listed
from worker.errors import WorkerError
from worker.jobs.job import JobState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_QUEUES: Final = {
    "RequestQueueUrl": "requests queue",
    "PollQueueUrl": "polls queue",
    "DeadLetterQueueUrl": "dead-letter queue",
}
"""Output of the resources stack, and what people call the queue."""

_COUNTED: Final[Mapping[QueueAttributeNameType, str]] = {
    "ApproximateNumberOfMessages": "waiting",
    "ApproximateNumberOfMessagesNotVisible": "in flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}
_MOST_JOBS: Final = 10_000
"""Jobs of a state beyond which nobody needs to know how many."""


def look_for_work(
    account: Account, outputs: Mapping[str, str], *, goes: bool, is_forced: bool
) -> None:
    """Says what is left to do, before what does it goes.

    Args:
        account: where.
        outputs: of the resources stack; without them nothing is looked at.
        goes: whether the queues and the job table go, and with them what is left to do.
        is_forced: whether they may go all the same.

    Raises:
        DeploymentError: something is left to do and would be lost, or nobody can tell.
    """
    try:
        left = [*_messages(account, outputs), *_jobs(account, outputs)]
    except (ClientError, BotoCoreError, WorkerError) as error:
        left = [f"what is left to do could not be looked at: {error}"]
    if not left:
        return
    listing = "\n".join(f"  - {one}" for one in left)
    if not goes:
        print(f"warning: this waits until something works on it again:\n{listing}")
    elif is_forced:
        print(f"warning: this goes with the resources, as FORCE=1 says:\n{listing}")
    else:
        raise DeploymentError(
            "nothing was removed: with the resources would go what is not done yet, and the record of "
            f"what was paid for it:\n{listing}\n"
            "Let the queues run empty first, or add FORCE=1 to lose it"
        )


def _messages(account: Account, outputs: Mapping[str, str]) -> Iterator[str]:
    client: SQSClient = account.session.client("sqs")
    for output, name in _QUEUES.items():
        url = outputs.get(output)
        if not url:
            continue
        try:
            found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        except ClientError as error:
            if error_code(error) in MISSING_CODES:
                continue
            raise
        counts = {word: int(found.get(key, 0)) for key, word in _COUNTED.items()}
        if any(counts.values()):
            words = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
            yield f"messages in the {name}: {words}"


def _jobs(account: Account, outputs: Mapping[str, str]) -> Iterator[str]:
    table = outputs.get("JobTableName")
    if not table:
        return
    client: DynamoDBClient = account.session.client("dynamodb")
    for state in JobState:
        if state.is_final:
            continue
        try:
            count = sum(1 for _ in islice(listed(client, table, state), _MOST_JOBS))
        except WorkerError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and error_code(cause) in MISSING_CODES:
                return
            raise
        if count:
            more = " or more" if count == _MOST_JOBS else ""
            yield f"jobs that are {state}: {count}{more}"
