"""A batch in hand, its rows as a stream, and its follow message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Final

from worker.batches import moves
from worker.batches.batch import Batch
from worker.batches.manifest import MAX_MANIFEST_BYTES, Manifest, count_rows, read_manifest
from worker.batches.matrix import matrix_rows, matrix_size
from worker.batches.rows import RowMaker
from worker.batches.source_row import SourceRow
from worker.contracts.batch import BatchMessage
from worker.engine.world import RecordWorld, World
from worker.errors import ImageError, InterruptedWorkError, ManifestError
from worker.ports.clock import WorkBudget
from worker.ports.objects import StoredObject

_BEGIN_S: Final = 15.0
"""Time that must be left to begin to read a manifest."""

_READ_S: Final = 8.0
"""Time that must be left to read on."""

_CLOCK_ROWS: Final = 1_000
"""So many rows are read between two looks at the clock: about 20 ms."""


class ReadingInterruptedError(InterruptedWorkError):
    """The time was over before anything came of reading a manifest."""


class BatchInHand:
    """A batch that this worker carries on: `batch` is the latest value, saved or not.

    There is no lease: every save is guarded by the version, so of two workers with one batch the
    second to save stops. What both did until then is the same and harmless: rows have derived ids.
    """

    def __init__(self, world: RecordWorld, batch: Batch, budget: WorkBudget) -> None:
        self._world = world
        self._budget = budget
        self._saved = batch
        self.batch = batch
        self.message = BatchMessage.model_validate(batch.message, by_alias=True, by_name=False)

    def save(self) -> None:
        """Make `batch` durable, if it changed. Raises StaleJobError when another worker did so."""
        if self.batch != self._saved:
            self.batch = self._saved = self._world.batches.save(self.batch)

    def has_time(self, seconds: float) -> bool:
        """Whether the process has that long left."""
        return self._budget.remaining_s() >= seconds

    def need(self, seconds: float, what: str) -> None:
        """Raise InterruptedWorkError unless the process has that long left for `what`."""
        if not self.has_time(seconds):
            raise InterruptedWorkError(f"{what} needs {seconds:.0f} s")

    def in_time(self, rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
        """The same rows. Raises ReadingInterruptedError where the time is over."""
        for number, row in enumerate(rows, start=1):
            if number % _CLOCK_ROWS == 0 and not self.has_time(_READ_S):
                raise ReadingInterruptedError(f"{number:,} rows were read when time was up")
            yield row

    def maker(self) -> RowMaker:
        """What makes requests of its rows."""
        return RowMaker(
            batch_id=self.batch.batch_id,
            template=self.message.request,
            expires_at=self.batch.message.get("expiresAt"),
            tenant=self.batch.message.get("tenant"),
            is_matrix=self.message.matrix is not None,
            shares_poses=self._world.rules.shares_poses,
        )


def count(world: World, held: BatchInHand) -> None:
    """Count the rows, before any is sent.

    Raises ManifestError for what can never be read, ReadingInterruptedError when the time was too short.
    """
    batch, message = held.batch, held.message
    maker = held.maker()
    if message.matrix is not None:
        maker.check_columns(message.matrix)
        rows = matrix_size(message.matrix)
        held.batch = moves.count(batch, rows, source=None, source_version=None, at=world.now())
        return
    with _opened(world, held) as opened:
        manifest = _read(held, opened)
        if manifest.columns is not None:
            maker.check_columns(manifest.columns)
        rows = count_rows(held.in_time(manifest.rows))
    held.batch = moves.count(
        batch, rows, source=opened.etag, source_version=opened.version_id, at=world.now()
    )


@contextmanager
def rows_after(world: World, held: BatchInHand, after: int) -> Iterator[Iterator[SourceRow]]:
    """The rows behind that one, as a stream that is closed afterwards. Raises as `count` does."""
    batch = held.batch
    if held.message.matrix is not None:
        yield matrix_rows(held.message.matrix, after=after)
        return
    with _opened(world, held) as opened:
        if opened.etag != batch.source:
            raise ManifestError(
                f"manifest: {batch.message['manifest']}: it was replaced while its rows were sent; "
                f"{batch.read:,} were (send the others as a batch of their own)"
            )
        rows = _read(held, opened).rows
        for _ in islice(held.in_time(rows), after):
            """Passed over."""
        yield rows


def _read(held: BatchInHand, opened: StoredObject) -> Manifest:
    name = held.message.manifest_uri.key
    return read_manifest(opened.body, name, size_bytes=opened.size_bytes)


@contextmanager
def _opened(world: World, held: BatchInHand) -> Iterator[StoredObject]:
    """The manifest, in the version that was counted. Raises ManifestError when it cannot be had."""
    held.need(_BEGIN_S, "reading the manifest")
    uri = held.message.manifest_uri
    if held.batch.source_version is not None:
        uri = replace(uri, version_id=held.batch.source_version)
    try:
        opened = world.objects.open(uri)
    except ImageError as error:
        raise ManifestError(f"manifest: {error.message}") from error
    try:
        if opened.size_bytes > MAX_MANIFEST_BYTES:
            raise ManifestError(
                f"manifest: {uri}: it has {opened.size_bytes:,} bytes, at most "
                f"{MAX_MANIFEST_BYTES:,} are read: send it in several batches"
            )
        yield opened
    finally:
        opened.body.close()
