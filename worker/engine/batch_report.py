"""The list of results: one line of JSON per row, in order, written to S3 in constant memory.

    rows 1 … n ─► lines ─► 5 MiB: a part, its checkpoint saved ─► … ─► the upload is completed

A list that fits into one part is an object that is put whole. An upload that nobody knows any more is
begun anew; so is one whose end was not recorded: the list says the same again. Where something of
somebody else stands, such as a picture, the list goes beside it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from worker.batches import moves
from worker.batches.batch import Batch, Report, Tally
from worker.batches.keys import results_aside_uri, results_uri
from worker.batches.moves import RowEnd, tally_with
from worker.batches.rows import row_request_id
from worker.batches.states import RowStatus
from worker.contracts.s3_uri import S3Uri
from worker.engine.batch_rows import GROUP_ROWS, FoundRow, read_rows
from worker.engine.batch_world import BatchInHand
from worker.engine.world import World
from worker.errors import (
    InterruptedWorkError,
    NotThereError,
    OutputForbiddenError,
    OutputTakenError,
    RequestCancelledError,
)
from worker.jobs.object_marks import ACCEPTED_AT, BATCH_ID, MARKER, RESULTS
from worker.ports.objects import Precondition

log = structlog.get_logger(__name__)

PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes as a part but the last (Source: S3 multipart upload limits): nothing smaller
can be kept when time is up. Some 12,000 rows, which take a Lambda function of 512 MB about 15 s."""

CONTENT_TYPE: Final = "application/x-ndjson"

_GROUP_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class ResultList:
    """A complete list: where it stands, and what it says in all."""

    uri: S3Uri
    tally: Tally


@dataclass(frozen=True, slots=True)
class _Place:
    uri: S3Uri
    only_if: Precondition
    """What may be replaced there: nothing, or an earlier list of the same batch."""


def report(world: World, held: BatchInHand) -> ResultList | None:
    """Write the list as far as the time allows; None before it is complete.

    A row that turns out to be open again (its job was redriven) is waited for. Raises
    OutputForbiddenError or OutputTakenError where there can be no list.
    """
    try:
        place = _place(world, held.batch)
        tally = _report(world, held, place)
    except NotThereError as error:
        log.warning(f"the list is begun anew: {error.message}", action="batch_report_lost")
        held.batch = moves.report_on(held.batch, None, at=world.now())
        held.save()
        return None
    return None if tally is None else ResultList(place.uri, tally)


def _place(world: World, batch: Batch) -> _Place:
    """Where the list goes. Raises OutputTakenError when others have both places."""
    wanted = results_uri(batch)
    for uri in (wanted, results_aside_uri(batch)):
        try:
            found = world.objects.head(uri)
        except OutputForbiddenError:
            # Without s3:ListBucket S3 answers so for what is not there, too. The put will tell.
            found = None
        if found is None or _marks_of(batch).items() <= found.metadata.items():
            return _Place(uri, Precondition(etag=found.etag if found else None))
        log.warning(
            f"{uri} is left as it is: it is no list of this batch",
            action="batch_results_displaced",
            uri=str(uri),
        )
    raise OutputTakenError(f"objects of others stand at {wanted} and beside it")


def _report(world: World, held: BatchInHand, place: _Place) -> Tally | None:
    batch = held.batch
    so_far = batch.report or Report(tally=Tally())
    row, tally, lines, size_bytes = so_far.rows, so_far.tally, list[bytes](), 0
    rows = batch.rows or 0
    while row < rows:
        if not held.has_time(_GROUP_S):
            raise _interrupted(batch.report, held.batch.report, row)
        last = min(row + GROUP_ROWS, rows)
        for line, end in _lines(world, held, row + 1, last):
            if end is None:
                held.batch = moves.look_again(held.batch, row + 1, tally, at=world.now())
                held.save()
                return None
            row, tally = row + 1, tally_with(tally, end)
            lines.append(line)
            size_bytes += len(line)
        if size_bytes >= PART_BYTES and row < rows:
            so_far = _add_part(world, held, place, so_far, b"".join(lines), row, tally)
            lines, size_bytes = [], 0
    _complete(world, held, place, so_far, b"".join(lines))
    return tally


def _interrupted(before: Report | None, now: Report | None, row: int) -> InterruptedWorkError:
    """Time is up. What is gathered since the last part is lost, which is told if there was none."""
    if before == now and row > (now.rows if now else 0):
        log.warning(
            f"the list is gathered anew: time was up at row {row:,}, before a part was full",
            action="batch_report_slow",
        )
    return InterruptedWorkError(f"the list of results goes on behind row {row:,}")


def _lines(
    world: World, held: BatchInHand, first: int, last: int
) -> list[tuple[bytes, RowEnd | None]]:
    batch = held.batch
    sent = range(first, min(last, batch.read) + 1)
    found = read_rows(world, batch.batch_id, sent) if sent else []
    lines = [(_line(batch.batch_id, one), one.end) for one in found]
    stop = batch.stop
    is_cancelled = stop is not None and stop.code == RequestCancelledError.code
    status = RowStatus.CANCELLED if is_cancelled else RowStatus.SKIPPED
    error = {"code": stop.code, "message": stop.message} if stop else None
    for row in range(max(first, batch.read + 1), last + 1):
        document = {"row": row, "requestId": None, "status": status.value, "error": error}
        lines.append((_as_line(document), RowEnd(status=status)))
    return lines


def _line(batch_id: str, found: FoundRow) -> bytes:
    document: dict[str, Any] = {"row": found.row, "requestId": row_request_id(batch_id, found.row)}
    end = found.end
    document["status"] = end.status.value if end else None
    if found.mark is not None and found.job is None:
        document["line"] = found.mark.line
        document["error"] = {"code": found.mark.code, "message": found.mark.message}
    if found.job is not None:
        data = (found.job.event or {}).get("data") or {}
        document["outputs"] = data.get("outputs") or []
        document["result"] = data.get("result") or {}
        document["credits"] = end.credits if end else None
        document["error"] = data.get("error")
        document["metadata"] = data.get("metadata") or {}
    return _as_line(document)


def _as_line(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _add_part(
    world: World,
    held: BatchInHand,
    place: _Place,
    so_far: Report,
    data: bytes,
    row: int,
    tally: Tally,
) -> Report:
    upload_id = so_far.upload_id
    if upload_id is None:
        upload_id = world.objects.begin_upload(
            place.uri, content_type=CONTENT_TYPE, metadata=_marks_of(held.batch)
        )
    etag = world.objects.upload_part(place.uri, upload_id, len(so_far.etags) + 1, data)
    added = replace(so_far, rows=row, tally=tally, upload_id=upload_id, etags=(*so_far.etags, etag))
    held.batch = moves.report_on(held.batch, added, at=world.now())
    held.save()
    return added


def _complete(world: World, held: BatchInHand, place: _Place, so_far: Report, data: bytes) -> None:
    if so_far.upload_id is None:
        world.objects.put(
            place.uri,
            data,
            size_bytes=len(data),
            content_type=CONTENT_TYPE,
            sha256=hashlib.sha256(data).hexdigest(),
            metadata=_marks_of(held.batch),
            only_if=place.only_if,
        )
        return
    etags = so_far.etags
    if data:
        number = len(etags) + 1
        etags = (*etags, world.objects.upload_part(place.uri, so_far.upload_id, number, data))
    world.objects.end_upload(place.uri, so_far.upload_id, etags, only_if=place.only_if)


def _marks_of(batch: Batch) -> dict[str, str]:
    """The metadata that tells this batch's list from everything else, also of an earlier one of its id."""
    accepted_at = batch.accepted_at.isoformat()
    return {MARKER: RESULTS, BATCH_ID: batch.batch_id, ACCEPTED_AT: accepted_at}
