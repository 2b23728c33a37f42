"""Batch records in DynamoDB, beside those of the jobs: one item per batch, written under its version.

pk               "batch#" + batch id
document         the batch as JSON text (`worker.batches.document`)
version          number of writes so far; every write expects the one before it
writeToken       drawn anew for each write, to recognise our own (see `guarded_put`)
state, batchId, createdAt, updatedAt     for lists and for people
expiresAtEpochS  final batches only: DynamoDB removes them after this time, within some days

pk               "batchrow#" + batch id + "#" + row: a row that never became a job, and why
pk               "batchcancel#" + batch id: somebody has cancelled the batch, and when
expiresAtEpochS  of both: nobody reads them after this time, removed or not
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from worker.adapters.aws.dynamodb import DEFAULT_RETENTION, sortable
from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.adapters.aws.guarded_put import PUT, put_if, refused_item, token_of
from worker.adapters.aws.index import listed
from worker.adapters.aws.many_items import Item, get_many, put_many
from worker.adapters.records import stale
from worker.batches.document import from_document, to_document
from worker.batches.states import BatchState, RowMark
from worker.errors import UnavailableError
from worker.ports.batches import BatchSummary

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from worker.batches.batch import Batch  # imported with the first one

_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")

RETENTION = 2 * DEFAULT_RETENTION
"""Of a record from its last change, and of marks from their writing, which is before: once an id may be
used again, nothing of the batch before it is left. Longer than any batch lasts."""


class DynamoBatchStore:
    """The BatchStore port on the job table.

    Args:
        client: shared by all threads.
        table_name: the table of `infra/resources.yml`.
        now: what time it is, for what is removed in time.
        retention: how long the record of a final batch is kept after its last change, and a mark or
            a cancellation after it was written.
        new_token: draws a string that no other write has.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        now: Callable[[], datetime],
        retention: timedelta = RETENTION,
        new_token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._client = client
        self._table = table_name
        self._now = now
        self._retention = retention
        self._new_token = new_token

    def create(self, batch: Batch) -> Batch | None:
        """See `BatchStore.create`."""
        token = self._new_token()
        found = self._put(replace(batch, version=1), token, "attribute_not_exists(pk)", {})
        if found is None or token_of(found) == token:
            return None
        existing = _read(found) if found else self.load(batch.batch_id)
        if existing is None:
            raise UnavailableError(
                f"{PUT} on {self._table}: {batch.batch_id} was there, and is gone"
            )
        return existing

    def load(self, batch_id: str) -> Batch | None:
        """See `BatchStore.load`."""
        item = self._get(f"batch#{batch_id}")
        return _read(item) if item else None

    def save(self, batch: Batch) -> Batch:
        """See `BatchStore.save`."""
        token = self._new_token()
        saved = replace(batch, version=batch.version + 1)
        values = {":version": {"N": str(batch.version)}}
        found = self._put(saved, token, "version = :version", values)
        if found is None or token_of(found) == token:
            return saved
        version = int(found["version"]["N"]) if "version" in found else None
        raise stale(f"batch {batch.batch_id}", batch.version, version=version)

    def list_by_state(self, state: BatchState, *, limit: int) -> list[BatchSummary]:
        """See `BatchStore.list_by_state`."""
        newest_first = listed(
            self._client, self._table, state.value, page_items=limit, is_newest_first=True
        )
        return [_summary(item) for item in islice(newest_first, limit)]

    def unchanged_since(self, moment: datetime, state: BatchState) -> Iterator[BatchSummary]:
        """See `BatchStore.unchanged_since`."""
        found = listed(self._client, self._table, state.value, before=sortable(moment))
        return map(_summary, found)

    def mark_rows(self, batch_id: str, marks: Sequence[RowMark]) -> None:
        """See `BatchStore.mark_rows`."""
        expires = self._expires()
        put_many(
            self._client,
            self._table,
            [
                {
                    "pk": {"S": _mark_key(batch_id, mark.row)},
                    "row": {"N": str(mark.row)},
                    "code": {"S": mark.code},
                    "message": {"S": mark.message},
                    **({"line": {"N": str(mark.line)}} if mark.line is not None else {}),
                    **expires,
                }
                for mark in marks
            ],
        )

    def marks(self, batch_id: str, rows: Sequence[int]) -> dict[int, RowMark]:
        """See `BatchStore.marks`."""
        items = get_many(self._client, self._table, [_mark_key(batch_id, row) for row in rows])
        marks = (
            RowMark(
                row=int(item["row"]["N"]),
                line=int(item["line"]["N"]) if "line" in item else None,
                code=item["code"]["S"],
                message=item["message"]["S"],
            )
            for item in items
            if not self._is_gone(item)
        )
        return {mark.row: mark for mark in marks}

    def cancel(self, batch_id: str, *, at: datetime) -> datetime:
        """See `BatchStore.cancel`."""
        item = {
            "pk": {"S": f"batchcancel#{batch_id}"},
            "cancelledAt": {"S": sortable(at)},
            **self._expires(),
        }
        now = {":now": {"N": str(int(self._now().timestamp()))}}
        with aws_errors(PUT, self._table):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk) OR expiresAtEpochS <= :now",
                    ExpressionAttributeValues=now,
                )
            except ClientError as error:
                if refused_item(error) is None:
                    raise
        return self.cancelled_at(batch_id) or at

    def cancelled_at(self, batch_id: str) -> datetime | None:
        """See `BatchStore.cancelled_at`."""
        item = self._get(f"batchcancel#{batch_id}")
        if item is None or self._is_gone(item):
            return None
        return datetime.fromisoformat(item["cancelledAt"]["S"])

    def _get(self, key: str) -> Item | None:
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True
            )
        return answer.get("Item")

    def _put(self, batch: Batch, token: str, condition: str, values: Item) -> Item | None:
        """None if it was stored; else the item that refused it, empty if it is not known."""
        item: Item = {
            "pk": {"S": f"batch#{batch.batch_id}"},
            "document": {"S": to_document(batch)},
            "version": {"N": str(batch.version)},
            "writeToken": {"S": token},
            "batchId": {"S": batch.batch_id},
            "state": {"S": batch.state.value},
            "createdAt": {"S": sortable(batch.accepted_at)},
            "updatedAt": {"S": sortable(batch.updated_at)},
        }
        if batch.state.is_final:
            item |= self._expires()
        what = f"batch {batch.batch_id}"
        return put_if(self._client, self._table, item, condition, values, what=what)

    def _expires(self) -> Item:
        return {"expiresAtEpochS": {"N": str(int((self._now() + self._retention).timestamp()))}}

    def _is_gone(self, item: Item) -> bool:
        """Whether its time is over. DynamoDB takes days to remove it (Source: DynamoDB, TTL)."""
        return int(item["expiresAtEpochS"]["N"]) <= self._now().timestamp()


def _mark_key(batch_id: str, row: int) -> str:
    return f"batchrow#{batch_id}#{row}"


def _read(item: Item) -> Batch:
    return from_document(item["document"]["S"], version=int(item["version"]["N"]))


def _summary(item: Item) -> BatchSummary:
    return BatchSummary(
        batch_id=item["pk"]["S"].removeprefix("batch#"),
        state=BatchState(item["state"]["S"]),
        updated_at=datetime.fromisoformat(item["updatedAt"]["S"]),
    )
