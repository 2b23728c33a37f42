"""Wakes open batches whose record has not changed for too long: their message may be lost."""

from __future__ import annotations

from datetime import timedelta

import structlog

from worker.batches.states import BatchState
from worker.engine.world import RecordWorld
from worker.errors import LostRaceError
from worker.jobs.document import JobDocumentError
from worker.jobs.pacing import MAX_DELAY_S
from worker.ports.clock import WorkBudget

log = structlog.get_logger(__name__)

_WAKE_S = 5.0
_SILENT_S = float(MAX_DELAY_S)
_DOUBLINGS_MOST = 9


def wake_batches(world: RecordWorld, budget: WorkBudget, *, is_dry_run: bool = False) -> int:
    """Give every batch that is silent a new follow message; how many they were.

    One whose rows take long is well and silent: woken for nothing, twice as late each time.
    """
    woken = 0
    now = world.now()
    for state in (BatchState.OPEN, BatchState.ANNOUNCING):
        silent = world.batches.unchanged_since(now - timedelta(seconds=_SILENT_S), state)
        for summary in silent:
            if budget.remaining_s() < _WAKE_S:
                return woken
            try:
                woken += _wake(world, summary.batch_id, is_dry_run=is_dry_run)
            except LostRaceError:
                continue
            except JobDocumentError as error:
                log.warning(error.message, action="record_unreadable", batch_id=summary.batch_id)
    return woken


def _wake(world: RecordWorld, batch_id: str, *, is_dry_run: bool) -> bool:
    batch = world.batches.load(batch_id)
    if batch is None or batch.state.is_final:
        return False
    silent_s = (world.now() - batch.updated_at).total_seconds()
    if silent_s < _SILENT_S * 2.0 ** min(batch.wakes, _DOUBLINGS_MOST):
        return False
    if not is_dry_run:
        # Hardly ever a batch is silent, and reconcile starts every few minutes.
        from worker.batches import moves  # noqa: PLC0415
        from worker.engine.follow import send_follow  # noqa: PLC0415

        because = f"reconcile: nothing has happened for {silent_s / 60:.0f} min"
        woken = moves.carry(batch, because=because, is_wake=True, at=world.now())
        send_follow(world, world.batches.save(woken), delay_s=0)
        log.info(f"woken: {because}", action="batch_woken", batch_id=batch_id)
    return True
