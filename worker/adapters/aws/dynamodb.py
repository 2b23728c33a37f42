"""Job records in DynamoDB: one item per job, written only under conditions.

    pk               "job#" + request id
    document         the job as JSON text (`worker.jobs.document`)
    version          number of writes so far; every write expects the one before it
    leaseOwner       who holds the job, and until when (epoch milliseconds);
    leaseUntil       both absent when nobody does
    writeToken       drawn anew for each write, to recognise our own
    state, workflow, requestId, createdAt, updatedAt, errorCode     for lists and for people
    expiresAtEpochS  final jobs only: DynamoDB removes them after this time

The SDK repeats a write whose answer was lost. If the first one had taken effect, its condition
fails against itself:

    worker ── put, if version is 3, token T ──► stored as version 4
           ◄─ answer lost ─────────────────────
           ── the same again ─────────────────► refused: version is 4

The refusal carries the item, and its writeToken T says that the write was ours: a success.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.adapters.aws.guarded_put import PUT, put_if, refused_item, token_of
from worker.adapters.aws.index import listed
from worker.adapters.aws.job_rows import KEY_PREFIX, summaries
from worker.adapters.aws.many_items import Item, get_many
from worker.adapters.records import (
    check_room,
    check_size,
    from_epoch_ms,
    lost_race,
    stale,
    stored_lease,
    to_epoch_ms,
)
from worker.errors import RecordTooLargeError, UnavailableError
from worker.jobs.document import from_document, to_document
from worker.jobs.job import Job, JobState, Lease
from worker.ports.jobs import JobSummary

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEFAULT_RETENTION = timedelta(days=90)

_UPDATE = AwsCall("DynamoDB", "UpdateItem", "dynamodb:UpdateItem")
_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")


def _new_token() -> str:
    return secrets.token_hex(8)


class DynamoJobStore:
    """The JobStore port on one DynamoDB table.

    Args:
        client: shared by all threads.
        table_name: the table of `infra/resources.yml`.
        retention: how long the record of a final job is kept after its last change.
        new_token: draws a string that no other write has.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        retention: timedelta = DEFAULT_RETENTION,
        new_token: Callable[[], str] = _new_token,
    ) -> None:
        self._client = client
        self._table = table_name
        self._retention = retention
        self._new_token = new_token

    def create(self, job: Job) -> Job | None:
        """See `JobStore.create`. Raises RecordTooLargeError, too."""
        try:
            check_room(job)
        except RecordTooLargeError:
            known = self.load(job.request_id)
            if known is None:
                raise
            return known  # an earlier release took it in
        token = self._new_token()
        created = replace(job, version=1, lease=stored_lease(job.lease))
        found = self._put(created, token, "attribute_not_exists(pk)", {})
        if found is None or token_of(found) == token:
            return None
        existing = _read(found) if found else self.load(job.request_id)
        if existing is None:
            # Neither stored nor there: expired just then. To answer None would lose the job.
            raise UnavailableError(
                f"{PUT} on {self._table}: {job.request_id} was there, and is gone"
            )
        return existing

    def load(self, request_id: str) -> Job | None:
        """See `JobStore.load`."""
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(
                TableName=self._table,
                Key={"pk": {"S": KEY_PREFIX + request_id}},
                ConsistentRead=True,
            )
        item = answer.get("Item")
        return _read(item) if item else None

    def load_many(self, request_ids: Sequence[str]) -> dict[str, Job]:
        """See `JobStore.load_many`."""
        keys = [KEY_PREFIX + request_id for request_id in request_ids]
        jobs = map(_read, get_many(self._client, self._table, keys))
        return {job.request_id: job for job in jobs}

    def take_lease(self, job: Job, lease: Lease, *, at: datetime) -> Job:
        """See `JobStore.take_lease`."""
        token = self._new_token()
        taken = replace(job, version=job.version + 1, lease=stored_lease(lease))
        with aws_errors(_UPDATE, self._table):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": KEY_PREFIX + job.request_id}},
                    UpdateExpression="SET leaseOwner = :owner, leaseUntil = :until, version = :next, writeToken = :token",
                    ConditionExpression=(
                        "version = :version AND (attribute_not_exists(leaseOwner) OR leaseOwner = :owner OR leaseUntil <= :at)"
                    ),
                    ExpressionAttributeValues={
                        ":owner": {"S": lease.owner},
                        ":until": {"N": str(to_epoch_ms(lease.until))},
                        ":version": {"N": str(job.version)},
                        ":next": {"N": str(taken.version)},
                        ":token": {"S": token},
                        ":at": {"N": str(to_epoch_ms(at))},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                found = refused_item(error)
                if found is None:
                    raise
            else:
                return taken
        if token_of(found) == token:
            return taken
        raise lost_race(
            job.request_id,
            job.version,
            version=_version_of(found),
            lease=_lease_of(found),
            owner=lease.owner,
            at=at,
        )

    def save(self, job: Job, *, lease: Lease | None) -> Job:
        """See `JobStore.save`. Raises RecordTooLargeError, too.

        A job whose lease was put down in memory (`job.lease` is None) is guarded by its version
        alone, which changes when somebody else takes the lease.
        """
        token = self._new_token()
        saved = replace(job, version=job.version + 1, lease=stored_lease(lease))
        condition = "version = :version"
        values: Item = {":version": {"N": str(job.version)}}
        if job.lease is not None:
            condition += " AND leaseOwner = :owner"
            values[":owner"] = {"S": job.lease.owner}
        found = self._put(saved, token, condition, values)
        if found is None or token_of(found) == token:
            return saved
        raise stale(job.request_id, job.version, version=_version_of(found))

    def list_by_state(self, state: JobState, *, limit: int) -> list[JobSummary]:
        """See `JobStore.list_by_state`."""
        newest_first = listed(
            self._client, self._table, state.value, page_items=limit, is_newest_first=True
        )
        return list(islice(summaries(newest_first), limit))

    def unchanged_since(self, moment: datetime, state: JobState) -> Iterator[JobSummary]:
        """See `JobStore.unchanged_since`."""
        found = listed(self._client, self._table, state.value, before=sortable(moment))
        return summaries(found)

    def _put(self, job: Job, token: str, condition: str, values: Item) -> Item | None:
        """None if it was stored; else the item that refused it, empty if it is not known."""
        item = self._item(job, token)
        what = f"job {job.request_id}"
        return put_if(self._client, self._table, item, condition, values, what=what)

    def _item(self, job: Job, token: str) -> Item:
        document = to_document(job)
        check_size(job, document)
        item: Item = {
            "pk": {"S": KEY_PREFIX + job.request_id},
            "document": {"S": document},
            "version": {"N": str(job.version)},
            "writeToken": {"S": token},
            "requestId": {"S": job.request_id},
            "workflow": {"S": job.workflow},
            "state": {"S": job.state.value},
            "createdAt": {"S": sortable(job.accepted_at)},
            "updatedAt": {"S": sortable(job.updated_at)},
        }
        if job.lease is not None:
            item["leaseOwner"] = {"S": job.lease.owner}
            item["leaseUntil"] = {"N": str(to_epoch_ms(job.lease.until))}
        if job.failure is not None:
            item["errorCode"] = {"S": job.failure.code}
        if job.state.is_final:
            expires_at = job.updated_at + self._retention
            item["expiresAtEpochS"] = {"N": str(int(expires_at.timestamp()))}
        return item


def _read(item: Item) -> Job:
    return from_document(
        item["document"]["S"], version=int(item["version"]["N"]), lease=_lease_of(item)
    )


def _lease_of(item: Item) -> Lease | None:
    if "leaseOwner" not in item:
        return None
    return Lease(owner=item["leaseOwner"]["S"], until=from_epoch_ms(int(item["leaseUntil"]["N"])))


def _version_of(item: Item) -> int | None:
    return int(item["version"]["N"]) if "version" in item else None


def sortable(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: all have the same length, so they sort as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
