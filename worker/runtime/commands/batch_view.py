"""How a batch stands, for people and for scripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from worker.batches.batch import Batch, Tally
from worker.batches.capping import credits_per_row
from worker.batches.states import BatchState, RowStatus
from worker.contracts.fields import rfc3339
from worker.errors import TransientError
from worker.ports.batches import BatchStore
from worker.ports.clock import Clock
from worker.runtime.commands.batch_bad_rows import print_bad_rows
from worker.runtime.commands.output import print_hanging, styled
from worker.runtime.commands.wording import ago, decimal, moment

_WORDS: Final = {
    BatchState.OPEN: "open",
    BatchState.ANNOUNCING: "announcing",
    BatchState.DONE: "over",
}
_STYLES: Final = {
    RowStatus.SUCCEEDED: "green",
    RowStatus.FAILED: "red",
    RowStatus.REFUSED: "red",
    RowStatus.CANCELLED: "yellow",
    RowStatus.SKIPPED: "yellow",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch as last read, and since when it is cancelled, if it is."""

    batch: Batch
    cancelled_at: datetime | None


def see(store: BatchStore, batch_id: str) -> Seen | None:
    """The batch as it stands now."""
    batch = store.load(batch_id)
    return Seen(batch, store.cancelled_at(batch_id)) if batch else None


def print_batch(console: Console, seen: Seen, *, now: datetime) -> None:
    """All that a person may want to know of a batch."""
    batch = seen.batch
    facts = list(_facts(seen, now))
    width = max(len(label) for label, _ in facts) + 2
    for label, text in facts:
        # A URI stays one piece, so that it can be copied: no table would let it be.
        print_hanging(console, Text.assemble((f"{label:<{width}}", "dim"), text), width)
    is_matrix = "matrix" in batch.message
    told = ((mark.row if is_matrix else mark.line, (mark.message,)) for mark in batch.first_bad)
    noun = "row" if is_matrix else "line"
    print_bad_rows(console, told, of=batch.bad, others_in="all are in the results", noun=noun)


def batch_json(seen: Seen) -> dict[str, Any]:
    """`batch ID --json`."""
    batch, tally = seen.batch, final_tally(seen.batch)
    estimate = credits_per_row(batch)
    return {
        "batchId": batch.batch_id,
        "state": _WORDS[batch.state],
        "acceptedAt": rfc3339(batch.accepted_at),
        "updatedAt": rfc3339(batch.updated_at),
        "cancelledAt": rfc3339(seen.cancelled_at) if seen.cancelled_at else None,
        "rows": batch.rows,
        "read": batch.read,
        "open": batch.open_rows,
        **{status.value: getattr(tally, status.value) for status in RowStatus},
        "pipelines": batch.pipelines,
        "credits": tally.credits,
        "creditsPerRow": str(estimate) if estimate is not None else None,
        "stopped": {"code": batch.stop.code, "message": batch.stop.message} if batch.stop else None,
        "badRows": [
            {"row": one.row, "line": one.line, "code": one.code, "message": one.message}
            for one in batch.first_bad
        ],
        "event": batch.event,
        "message": batch.message,
        "notes": [{"at": rfc3339(note.at), "what": note.what} for note in batch.notes],
    }


def final_tally(batch: Batch) -> Tally:
    """What became of its rows: as the event says, once there is one."""
    data = (batch.event or {}).get("data")
    if not data:
        return batch.tally
    counts = {status.value: data["counts"].get(status.value, 0) for status in RowStatus}
    return Tally(**counts, credits=data["credits"])


@dataclass(slots=True, kw_only=True)
class BatchFollowing:
    """Follows one batch until it is over.

    Args:
        store: Where its record is.
        clock: For ages and the time that is up.
        console: A terminal gets a live table; elsewhere a line for each change.
        digest: Of what was sent: a batch with other content under that id ends the following.
        interval_s: Seconds between two looks.
        pause: Waits that long.
    """

    store: BatchStore
    clock: Clock
    console: Console
    digest: str | None = None
    interval_s: float = 2.0
    pause: Callable[[float], None] = time.sleep

    def until_over(self, batch_id: str, timeout_s: float | None = None) -> Seen | None:
        """The batch once it is over, or as it stands when the time is up; None: there is none yet."""
        until = self.clock.now() + timedelta(seconds=timeout_s) if timeout_s is not None else None
        if not self.console.is_terminal:
            return self._look(batch_id, until, self._print_line)
        with Live(console=self.console, auto_refresh=False, transient=True) as live:
            return self._look(
                batch_id,
                until,
                lambda seen: live.update(_table(seen, self.clock.now()), refresh=True),
            )

    def _look(
        self, batch_id: str, until: datetime | None, tell: Callable[[Seen], None]
    ) -> Seen | None:
        seen: Seen | None = None
        while True:
            try:
                found = see(self.store, batch_id)
            except TransientError as error:
                self.console.print(styled(f"trying again: {error.message}"), soft_wrap=True)
            else:
                if found and self.digest not in (None, found.batch.content_digest):
                    return found
                if found is not None and found != seen:
                    tell(found)
                seen = found or seen
            if seen is not None and seen.batch.state.is_final:
                return seen
            left_s = (until - self.clock.now()).total_seconds() if until else self.interval_s
            if left_s <= 0:
                return seen
            self.pause(min(self.interval_s, left_s))

    def _print_line(self, seen: Seen) -> None:
        batch, tally = seen.batch, final_tally(seen.batch)
        rows = "?" if batch.rows is None else f"{batch.rows:,}"
        over = f"{tally.succeeded:,} succeeded, {tally.failed + tally.refused:,} failed"
        at = moment(self.clock.now())[11:19]
        text = (
            f"{at}  {batch.batch_id}  {_WORDS[batch.state]}  {batch.read:,} of {rows} sent, {over}"
        )
        self.console.print(styled(text), soft_wrap=True)


def _table(seen: Seen, now: datetime) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _facts(seen, now):
        table.add_row(label, text)
    return table


def _facts(seen: Seen, now: datetime) -> Iterator[tuple[str, Text]]:
    batch, tally = seen.batch, final_tally(seen.batch)
    yield "batch", styled(batch.batch_id, "bold")
    yield "state", _state(seen, now)
    yield "rows", _rows(batch)
    for status in RowStatus:
        number = getattr(tally, status.value)
        if number:
            yield status.value, Text(f"{number:,}", style=_STYLES[status])
    if batch.open_rows:
        yield "open", Text(f"{batch.open_rows:,}")
    yield "credits", _credits(batch, tally)
    if batch.stop:
        yield "stopped", styled(batch.stop.message, "yellow")
    data = (batch.event or {}).get("data") or {}
    if data.get("error") and not batch.stop:
        yield "trouble", styled(data["error"]["message"], "yellow")
    if data.get("results"):
        yield "results", styled(data["results"])


def _state(seen: Seen, now: datetime) -> Text:
    batch = seen.batch
    text = Text(_WORDS[batch.state])
    if batch.state is BatchState.DONE:
        text.append(f": {(batch.event or {}).get('data', {}).get('status', '')}")
    if seen.cancelled_at:
        text.append(f", cancelled {ago(seen.cancelled_at, now)}", style="yellow")
    text.append(
        f"  (accepted {ago(batch.accepted_at, now)}, changed {ago(batch.updated_at, now)})",
        style="dim",
    )
    return text


def _rows(batch: Batch) -> Text:
    if batch.rows is None:
        return Text("not counted yet")
    sent = "all sent" if batch.read == batch.rows else f"{batch.read:,} sent"
    return Text(f"{batch.rows:,}, {sent}")


def _credits(batch: Batch, tally: Tally) -> Text:
    text = Text(decimal(tally.credits))
    estimate, cap = credits_per_row(batch), batch.credit_cap
    if estimate is not None and batch.state is BatchState.OPEN and batch.rows is not None:
        likely = tally.spent + estimate * Decimal(batch.rows - batch.over - len(batch.ahead))
        if cap is None or likely <= cap:
            text.append(f" so far, about {decimal(likely)} in all", style="dim")
        else:
            text.append(f" so far; all rows would cost about {decimal(likely)}", style="dim")
    if cap is not None:
        text.append(f"; cap {decimal(cap)}", style="dim")
    return text
