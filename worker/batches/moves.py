"""The named moves of a batch. Each returns a new value; nothing else changes one.

accept ─► count ─► begin_rows ─► read_on ⇄ end_rows ─► report_on ─► settle ─► finish
              └──────── stop ───────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Final

from worker.batches.batch import Batch, Note, Report, Stop, Tally
from worker.batches.states import BatchState, RowMark, RowStatus
from worker.contracts.text import shorten
from worker.errors import IllegalTransitionError
from worker.jobs.job import JsonObject

FIRST_BAD_MOST: Final = 100
"""Bad rows that the record itself tells."""

_TEXTS_BYTES: Final = 32 * 1024
"""So much of them, and of the notes, at most: DynamoDB has 400 KB for a record, and the message is
the larger part of it."""

SAMPLES_MOST: Final = 101
_NOTES_MOST: Final = 200
_NOTE_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEnd:
    """How a row ended. `credits` is a decimal number; None if nobody said, or nothing was paid."""

    status: RowStatus
    credits: str | None = None


def accept(*, batch_id: str, message: JsonObject, content_digest: str, at: datetime) -> Batch:
    """A new batch."""
    return Batch(
        batch_id=batch_id,
        message=message,
        content_digest=content_digest,
        accepted_at=at,
        updated_at=at,
        state=BatchState.OPEN,
        tally=Tally(),
        ticket=1,
        carried_at=at,
        notes=(Note(at=at, what="accepted"),),
    )


def count(
    batch: Batch, rows: int, *, source: str | None, source_version: str | None, at: datetime
) -> Batch:
    """Its rows were counted, in the manifest that has this ETag and version."""
    _need(batch, BatchState.OPEN)
    counted = replace(batch, rows=rows, source=source, source_version=source_version)
    return _noted(_moved(counted, at), f"{rows:,} rows", at)


def begin_rows(batch: Batch, upto: int, *, at: datetime) -> Batch:
    """Rows up to `upto` are sent next. Save it before the first of them is sent."""
    _need(batch, BatchState.OPEN)
    if batch.rows is None or not batch.read < upto <= batch.rows:
        raise IllegalTransitionError(f"batch {batch.batch_id}: row {upto} of {batch.rows} is next")
    return replace(batch, sending=upto, updated_at=at)  # nothing is got on with yet


def break_off(batch: Batch) -> Batch:
    """The rows that were begun with and not read yet were certainly not sent."""
    return replace(batch, sending=batch.read)


def lose_rows(batch: Batch) -> Batch:
    """The rows that were begun with cannot be read any more: they are followed as if they were sent."""
    return replace(batch, read=max(batch.read, batch.sending))


def read_on(
    batch: Batch, read: int, *, bad: Sequence[RowMark], pipelines: int, at: datetime
) -> Batch:
    """Rows up to `read` are sent, or marked as bad: those since the last time need `pipelines`."""
    _need(batch, BatchState.OPEN)
    if batch.rows is None or not batch.read <= read <= batch.rows:
        raise IllegalTransitionError(f"batch {batch.batch_id}: row {read} of {batch.rows} is read")
    first_bad = (*batch.first_bad, *bad)[:FIRST_BAD_MOST]
    moved = replace(
        batch,
        read=read,
        bad=batch.bad + len(bad),
        first_bad=first_bad[: _how_many_fit([one.message for one in first_bad])],
        pipelines=batch.pipelines + pipelines,
    )
    moved = _moved(moved, at)
    return _noted(moved, "all rows are sent", at) if read == batch.rows else moved


def end_rows(batch: Batch, ends: Mapping[int, RowEnd], *, at: datetime) -> Batch:
    """These rows were seen to be over. Those that are known to be are passed over."""
    _need(batch, BatchState.OPEN)
    known = set(batch.ahead)
    new = {row: end for row, end in ends.items() if row > batch.over and row not in known}
    if not new:
        return batch
    known |= new.keys()
    over = batch.over
    while over + 1 in known:
        over += 1
        known.discard(over)
    tally, samples, unpriced = batch.tally, list(batch.samples), batch.unpriced
    for _, end in sorted(new.items()):
        tally = tally_with(tally, end)
        if end.status is RowStatus.SUCCEEDED:
            unpriced += end.credits is None
            samples += [end.credits] if end.credits is not None else []
    moved = replace(
        batch,
        over=over,
        ahead=tuple(sorted(known)),
        tally=tally,
        samples=tuple(samples[-SAMPLES_MOST:]),
        unpriced=unpriced,
    )
    return _moved(moved, at)


def stop(batch: Batch, code: str, message: str, *, at: datetime) -> Batch:
    """No further row is begun with, for this reason. The first reason stands."""
    _need(batch, BatchState.OPEN)
    if batch.stop is not None or batch.is_sent:
        return batch
    why = Stop(code=code, message=message)
    return _noted(_moved(replace(batch, stop=why), at), f"no further row is sent: {message}", at)


def report_on(batch: Batch, report: Report | None, *, at: datetime) -> Batch:
    """The list of results was written up to there; None: it is begun anew."""
    _need(batch, BatchState.OPEN)
    return _moved(replace(batch, report=report), at)


def look_again(batch: Batch, row: int, tally: Tally, *, at: datetime) -> Batch:
    """Row number `row` is not over after all: its job was redriven. All before it are, as tallied."""
    _need(batch, BatchState.OPEN)
    moved = replace(batch, over=row - 1, ahead=(), tally=tally, report=None)
    return _noted(_moved(moved, at), f"row {row} is open again", at)


def settle(batch: Batch, event: JsonObject, *, at: datetime) -> Batch:
    """All is over and the list of results is in S3: this is what is to be published."""
    _need(batch, BatchState.OPEN)
    return _moved(replace(batch, event=event, state=BatchState.ANNOUNCING), at)


def finish(batch: Batch, *, at: datetime) -> Batch:
    """The event was published."""
    _need(batch, BatchState.ANNOUNCING)
    return _noted(_moved(replace(batch, state=BatchState.DONE), at), "announced", at)


def carry(batch: Batch, *, because: str, is_wake: bool = False, at: datetime) -> Batch:
    """A new follow message takes the place of the one before."""
    if batch.state.is_final:
        raise IllegalTransitionError(f"batch {batch.batch_id} is over")
    carried = replace(
        batch,
        # Saves are counted, and a ticket is saved before it is used: no number comes a second time.
        ticket=max(batch.ticket, batch.version) + 1,
        carried_at=at,
        updated_at=at,
        wakes=batch.wakes + is_wake,
    )
    return _noted(carried, because, at)


def look_for(batch: Batch, lost: Sequence[int], *, at: datetime) -> Batch:
    """Rows that are open were looked for: the requests of these were sent again."""
    _need(batch, BatchState.OPEN)
    looked = replace(batch, quiet_since=at)
    if not lost:
        return looked
    because = f"{len(lost)} rows from row {lost[0]} had no job for long: sent again"
    return _noted(looked, because, at)


def carry_as_before(batch: Batch, before: Batch, *, at: datetime) -> Batch:
    """The follow message that took the place of the one before was not sent: that one has its place back."""
    carried = replace(batch, ticket=before.ticket, carried_at=before.carried_at, updated_at=at)
    return _noted(carried, "the new follow message could not be sent: the old one stays", at)


def note_failure(batch: Batch, because: str, *, at: datetime) -> Batch:
    """A visit failed, and is repeated."""
    noted = replace(batch, failures=batch.failures + 1, updated_at=at)
    return _noted(noted, because, at)


def tally_with(tally: Tally, end: RowEnd) -> Tally:
    """The tally with one more row."""
    name = end.status.value
    spent = tally.spent + Decimal(end.credits or "0")
    return replace(tally, **{name: getattr(tally, name) + 1}, credits=format(spent, "f"))


def _need(batch: Batch, state: BatchState) -> None:
    if batch.state is not state:
        raise IllegalTransitionError(f"batch {batch.batch_id} is {batch.state}, not {state}")


def _moved(batch: Batch, at: datetime) -> Batch:
    return replace(batch, updated_at=at, quiet_since=at, wakes=0, failures=0)


def _noted(batch: Batch, what: str, at: datetime) -> Batch:
    note = Note(at=at, what=shorten(what, _NOTE_CHARACTERS))
    notes = (*batch.notes, note)
    texts = [one.what for one in notes]
    if len(notes) > _NOTES_MOST or _how_many_fit(texts) < len(notes):
        most = min(_NOTES_MOST, len(notes))
        notes = (*notes[: most // 4], *notes[-(most // 2) :])
    return replace(batch, notes=notes)


def _how_many_fit(texts: Sequence[str]) -> int:
    """So many of them, from the first, fit into `_TEXTS_BYTES`."""
    sizes = accumulate(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return sum(size <= _TEXTS_BYTES for size in sizes)
