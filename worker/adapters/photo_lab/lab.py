"""The PhotoLab port: takes turns, knows how much memory there is, and leaves the rest to Pillow.

The imaging libraries are imported when the first photo needs them: most never do, and on Lambda
they would be a good part of every cold start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from worker.adapters.photo_lab.room import free_bytes, own_bytes
from worker.errors import HeldBackError

if TYPE_CHECKING:
    from worker.adapters.photo_lab.memory import MemoryBudget
    from worker.ports.photos import DevelopedPhoto, PhotoLimits, ReducedPicture, Reduction

_MARGIN_BYTES: Final = 48 * 1024 * 1024
"""For the work on other messages meanwhile."""

_TURN_S: Final = 20.0
"""How long a photo waits for its turn in this process before its message is handed back."""

_AGAIN_S: Final = 10.0


class PillowPhotoLab:
    """Develops one photo at a time, so that the memory for it can be reckoned.

    Args:
        memory_bytes: what the process may take in all; None when nobody says.
        free_bytes: what the machine has free now; None when it does not say.
        turn_s: how long to wait for a turn.
    """

    def __init__(
        self,
        *,
        memory_bytes: int | None,
        free_bytes: Callable[[], int | None] = free_bytes,
        turn_s: float = _TURN_S,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._free_bytes = free_bytes
        self._turn_s = turn_s
        self._turn = threading.Lock()
        self._resting_bytes: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `PhotoLab.turn`."""
        if not self._turn.acquire(timeout=self._turn_s):
            raise HeldBackError(
                "this worker converts one photo at a time, and others are before this one",
                retry_after_s=_AGAIN_S,
            )
        try:
            yield
        finally:
            self._turn.release()

    def develop(
        self, source: BinaryIO, content_type: str, limits: PhotoLimits, sink: BinaryIO
    ) -> DevelopedPhoto | None:
        """See `PhotoLab.develop`."""
        from worker.adapters.photo_lab.developing import develop  # noqa: PLC0415 -- see above

        return develop(source, content_type, limits, self._budget(), sink)

    def reduce(self, source: BinaryIO, content_type: str, wanted: Reduction) -> ReducedPicture:
        """See `PhotoLab.reduce`."""
        from worker.adapters.photo_lab.reducing import reduce  # noqa: PLC0415 -- see above

        return reduce(source, content_type, wanted, self._budget())

    def _budget(self) -> MemoryBudget:
        from worker.adapters.photo_lab.memory import MemoryBudget  # noqa: PLC0415 -- see above

        if self._resting_bytes is None:  # once: afterwards, what a photo took may not be back yet
            self._resting_bytes = own_bytes() + _MARGIN_BYTES
        return MemoryBudget(
            total_bytes=self._memory_bytes,
            resting_bytes=self._resting_bytes,
            free_bytes=self._free_bytes(),
        )
