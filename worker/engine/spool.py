"""Where a picture lies on its way from Hautech to S3: the first megabyte in memory, more in a file.

    32 threads × 1 MiB in memory        the rest on disk, all threads together at most so much

Without a common limit, pictures of many megabytes that come at once fill the memory of a small
process, or the disk: a Lambda function has 512 MB of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from worker.errors import HeldBackError

MEMORY_BYTES: Final = 1024 * 1024
"""Of one picture."""

_AGAIN_S: Final = 3.0


class SpoolRoom:
    """The room for all pictures that are on their way in this process; safe to share between threads.

    Args:
        most_bytes: of all of them together; not less than the largest single one has.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._taken_bytes = 0
        self._lock = Lock()

    @contextmanager
    def spool(self) -> Iterator[BinaryIO]:
        """A file for one picture, gone after the block.

        Its `write` raises HeldBackError when the others leave no room for more. Whoever meets that
        gives its own room back, so the rest get on, and the last one always has enough.
        """
        with _Spool(self) as spool:
            try:
                # It has every method of one, only not the base class.
                yield cast("BinaryIO", spool)
            finally:
                self._give(spool.taken_bytes)

    def take(self, size_bytes: int) -> None:
        """Raise HeldBackError if there is not so much room left."""
        with self._lock:
            if self._taken_bytes + size_bytes > self._most_bytes:
                raise HeldBackError(
                    f"other pictures on their way fill the {self._most_bytes:,} bytes that there are "
                    "for them: this one is fetched again",
                    retry_after_s=_AGAIN_S,
                )
            self._taken_bytes += size_bytes

    def _give(self, size_bytes: int) -> None:
        with self._lock:
            self._taken_bytes -= size_bytes


if TYPE_CHECKING:
    _BytesFile = SpooledTemporaryFile[bytes]
else:
    _BytesFile = SpooledTemporaryFile


class _Spool(_BytesFile):
    """Takes room for as many bytes as were ever in it."""

    def __init__(self, room: SpoolRoom) -> None:
        super().__init__(max_size=MEMORY_BYTES)
        self._room = room
        self.taken_bytes = 0

    def write(self, data: Any) -> int:
        """See `BinaryIO.write`. Raises HeldBackError."""
        missing_bytes = self.tell() + len(data) - self.taken_bytes
        if missing_bytes > 0:
            self._room.take(missing_bytes)
            self.taken_bytes += missing_bytes
        return super().write(data)
