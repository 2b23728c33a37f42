"""The list of results: one line of JSON per row, in order, written to S3 in constant memory.

    rows 1 … n ─► lines ─► 8 MiB: a part, its checkpoint saved ─► … ─► the upload is completed

A list that fits into one part is an object that is put whole. An upload that nobody knows any more is
begun anew; so is one whose end was not recorded: the list says the same again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any, Final

import structlog

from worker.batches import moves
from worker.batches.batch import Report, RowStatus, Tally
from worker.batches.keys import results_uri
from worker.batches.moves import RowEnd, tally_with
from worker.batches.rows import row_request_id
from worker.engine.batch_rows import GROUP_ROWS, FoundRow, read_rows
from worker.engine.batch_world import BatchInHand
from worker.engine.world import World
from worker.errors import NotThereError, RequestCancelledError

log = structlog.get_logger(__name__)

PART_BYTES: Final = 8 * 1024 * 1024
"""S3 wants at least 5 MiB of every part but the last (Source: S3 multipart upload limits)."""

CONTENT_TYPE: Final = "application/x-ndjson"

_GROUP_S: Final = 8.0


def report(world: World, held: BatchInHand) -> Tally | None:
    """Write the list as far as the time allows.

    Returns what it says in all once it is complete, and None before. A row that turns out to be open
    again (its job was redriven) is waited for.
    """
    try:
        return _report(world, held)
    except NotThereError as error:
        log.warning(f"the list is begun anew: {error.message}", action="batch_report_lost")
        held.batch = moves.report_on(held.batch, None, at=world.now())
        held.save()
        return None


def _report(world: World, held: BatchInHand) -> Tally | None:
    batch = held.batch
    so_far = batch.report or Report(tally=Tally())
    row, tally, lines, size_bytes = so_far.rows, so_far.tally, list[bytes](), 0
    rows = batch.rows or 0
    while row < rows:
        held.need(_GROUP_S, "the list of results")
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
            so_far = _add_part(world, held, so_far, b"".join(lines), row, tally)
            lines, size_bytes = [], 0
    _complete(world, held, so_far, b"".join(lines))
    return tally


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
    world: World, held: BatchInHand, so_far: Report, data: bytes, row: int, tally: Tally
) -> Report:
    uri = results_uri(held.batch)
    upload_id = so_far.upload_id
    if upload_id is None:
        upload_id = world.objects.begin_upload(uri, content_type=CONTENT_TYPE)
    etag = world.objects.upload_part(uri, upload_id, len(so_far.etags) + 1, data)
    added = replace(so_far, rows=row, tally=tally, upload_id=upload_id, etags=(*so_far.etags, etag))
    held.batch = moves.report_on(held.batch, added, at=world.now())
    held.save()
    return added


def _complete(world: World, held: BatchInHand, so_far: Report, data: bytes) -> None:
    uri = results_uri(held.batch)
    if so_far.upload_id is None:
        world.objects.put(
            uri,
            data,
            size_bytes=len(data),
            content_type=CONTENT_TYPE,
            sha256=hashlib.sha256(data).hexdigest(),
            metadata={"batch-id": held.batch.batch_id},
        )
        return
    etags = so_far.etags
    if data:
        etags = (*etags, world.objects.upload_part(uri, so_far.upload_id, len(etags) + 1, data))
    world.objects.end_upload(uri, so_far.upload_id, etags)
