"""The ImageGeneration port with a watch on it: what each call comes to, the circuit hears.

A call that failed while Hautech is down is not this job's misfortune: it raises HautechDownError
instead, which spends no attempt. A call whose turn has not come raises HeldBackError before it is
made; a paid call asks for its turn in `sign_in`, before the intent is recorded. A piece of work that
makes several calls waits for one turn: held back in its midst, it would begin anew for ever.
Everything else passes unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO, TypeVar

from worker.engine.circuit import Circuit, HautechCall
from worker.engine.in_flight import InFlight
from worker.engine.pace import Pace
from worker.engine.telling import text_of
from worker.errors import (
    HautechDownError,
    HeldBackError,
    NotThereError,
    ThrottledError,
    UnavailableError,
)
from worker.hautech.outputs import ImageRef
from worker.jobs.job import JsonObject
from worker.ports.generation import (
    DownloadedPicture,
    ImageGeneration,
    ImageUpload,
    PipelineReport,
    RunSummary,
    UploadedImage,
)
from worker.ports.notices import HoldReason
from worker.ports.objects import Reader
from worker.ports.observer import Observer

T = TypeVar("T")


class GuardedHautech:
    """Passes every call on when its turn has come, and tells the watchers how it ended."""

    def __init__(
        self,
        hautech: ImageGeneration,
        *,
        circuit: Circuit,
        pace: Pace,
        in_flight: InFlight,
        observer: Observer,
        is_one_piece: bool = False,
    ) -> None:
        self._hautech = hautech
        self._observer = observer
        self._circuit = circuit
        self._pace = pace
        self._in_flight = in_flight
        self._is_one_piece = is_one_piece
        self._has_turn = False

    def for_one_piece(self) -> GuardedHautech:
        """The same for one piece of work of one thread: only its first call waits for a turn."""
        return GuardedHautech(
            self._hautech,
            circuit=self._circuit,
            pace=self._pace,
            in_flight=self._in_flight,
            observer=self._observer,
            is_one_piece=True,
        )

    def upload(self, image: ImageUpload) -> UploadedImage:
        """See `ImageGeneration.upload`. Trouble of the reader is not Hautech's."""
        self._take("upload")
        source = _Source(image.open)
        watched = replace(image, open=source.open)
        return self._watched("upload", lambda: self._hautech.upload(watched), source)

    def sign_in(self) -> None:
        """See `ImageGeneration.sign_in`. The turn of the run that follows is taken here."""
        self._take("run")
        self._watched("sign_in", self._hautech.sign_in)

    def account(self) -> str:
        """See `ImageGeneration.account`. Hautech is not asked, so no turn is taken."""
        return self._hautech.account()

    def run(self, workflow_id: str, workflow_input: JsonObject, metadata: JsonObject) -> str:
        """See `ImageGeneration.run`. Never held back: the intent is recorded."""
        try:
            pipeline_id = self._watched(
                "run", lambda: self._hautech.run(workflow_id, workflow_input, metadata)
            )
        except ThrottledError:
            if self._pace.is_quiet():
                self._in_flight.refused()
            raise
        self._in_flight.started()
        return pipeline_id

    def look(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.look`."""
        self._take("look")
        return self._watched("look", lambda: self._hautech.look(pipeline_id))

    def read_pipeline(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.read_pipeline`."""
        self._take("read")
        return self._watched("read", lambda: self._hautech.read_pipeline(pipeline_id))

    def runs_since(self, since: datetime) -> Iterator[RunSummary]:
        """See `ImageGeneration.runs_since`. Each page is part of the one call."""
        self._take("list")
        begun = self._terms()
        try:
            yield from self._hautech.runs_since(since)
        except Exception as error:
            self._failed("list", error, begun)
            raise
        self._answered("list", begun)

    def download(self, picture: ImageRef, sink: BinaryIO) -> DownloadedPicture:
        """See `ImageGeneration.download`."""
        self._take("download")
        return self._watched("download", lambda: self._hautech.download(picture, sink))

    def _watched(
        self, call: HautechCall, make: Callable[[], T], source: _Source | None = None
    ) -> T:
        begun = self._terms()
        try:
            answer = make()
        except HeldBackError:
            raise  # what it was to be written to has no room: that says nothing about Hautech
        except Exception as error:
            if source is None or source.error is not error:
                self._failed(call, error, begun)
            raise
        self._answered(call, begun)
        return answer

    def _take(self, call: HautechCall) -> None:
        if self._has_turn:
            self._pace.owe(call)
            return
        after_s = self._pace.take(call)
        if after_s > 0:
            raise HeldBackError(f"{call}: no turn at Hautech's pace yet", retry_after_s=after_s)
        self._has_turn = self._is_one_piece

    def _terms(self) -> tuple[int, int]:
        return self._circuit.term, self._pace.term

    def _answered(self, call: HautechCall, begun: tuple[int, int]) -> None:
        self._observer.called(call, None)
        self._circuit.answered(call, begun=begun[0])
        self._pace.answered(begun=begun[1])

    def _failed(self, call: HautechCall, error: Exception, begun: tuple[int, int]) -> None:
        self._observer.called(call, error)
        self._circuit.failed(call, error, begun=begun[0])
        if isinstance(error, ThrottledError):
            self._pace.throttled(call, error.retry_after_s, begun=begun[1])
        is_outage = isinstance(error, UnavailableError) and not isinstance(error, NotThereError)
        if is_outage and self._circuit.state.reason is HoldReason.HAUTECH_DOWN:
            raise HautechDownError(text_of(error)) from error


class _Source:
    """Opens an image, and remembers the error that its bytes ended with."""

    def __init__(self, open_image: Callable[[], Reader]) -> None:
        self._open_image = open_image
        self.error: Exception | None = None

    def open(self) -> Reader:
        return _Noticing(self.noticing(self._open_image), self)

    def noticing(self, do: Callable[[], T]) -> T:
        try:
            return do()
        except Exception as error:
            self.error = error
            raise


class _Noticing:
    """A reader whose errors are remembered as its own."""

    def __init__(self, reader: Reader, source: _Source) -> None:
        self._reader = reader
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        return self._source.noticing(lambda: self._reader.read(size))

    def close(self) -> None:
        self._reader.close()
