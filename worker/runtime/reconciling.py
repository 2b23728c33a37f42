"""Reconciles every few minutes in a thread of its own, until the worker stops. No rules in here.

All workers of a service do it. Whoever comes second finds nothing silent any more, and the jitter
keeps them from asking at the same moment.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from typing import Final

import structlog

from worker.errors import WorkerError
from worker.ports.clock import WorkBudget

_log = structlog.get_logger(__name__)

EVERY_S: Final = 300.0
_JITTER: Final = 0.5
"""Each wait is up to so much shorter: half of it at least, all of it at most."""


class Reconciling:
    """Calls `reconcile` again and again; it is told that its time is up when a stop begins.

    Args:
        reconcile: One run, such as `Engine.reconcile`.
        every_s: The longest wait before a run, seconds; the first one waits, too.
        spread: Spreads the runs of several workers.
    """

    def __init__(
        self,
        reconcile: Callable[[WorkBudget], object],
        *,
        every_s: float = EVERY_S,
        spread: random.Random | None = None,
    ) -> None:
        self._reconcile = reconcile
        self._every_s = every_s
        self._random = spread or random.Random()  # noqa: S311 - spreads runs, keeps no secret
        self._stopping = threading.Event()
        # A run that hangs must not hold up the exit: what it did not finish, another one will.
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)

    def start(self) -> None:
        """Begins to wait for the first run."""
        self._thread.start()

    def begin_stop(self) -> None:
        """No run begins any more, and one that is under way ends after the job in hand."""
        self._stopping.set()

    def wait_until_ended(self, timeout_s: float) -> bool:
        """Waits for a run that is under way. Whether it ended in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def remaining_s(self) -> float:
        """See `WorkBudget.remaining_s`: endless, and nothing once a stop has begun."""
        return 0.0 if self._stopping.is_set() else math.inf

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s * (1 - _JITTER * self._random.random())):
            try:
                self._reconcile(self)
            except WorkerError as error:
                _log.warning(f"{error.message}; again later", action="reconcile_failed")
            except Exception:  # noqa: BLE001 - a bug here must not end what repairs lost messages
                _log.exception("a bug: reconcile failed; again later", action="reconcile_failed")
