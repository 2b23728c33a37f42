"""One file as a multipart/form-data body of known length, produced piece by piece."""

import secrets
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from worker.hautech.errors import BodySizeError, DeadlineExceededError

PIECE_BYTES: Final = 64 * 1024


class BodyReader(Protocol):
    """Where the bytes of an upload come from: an open file, an S3 body, `io.BytesIO`."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""

    def close(self) -> object:
        """Lets go of what is behind it."""


class SourceFailedError(Exception):
    """Carries the source's own error past urllib3.

    urllib3 takes any `OSError` during sending for one of its socket: a reset of the *source's*
    connection would be swallowed, and we would wait for an answer to half a body.
    """

    def __init__(self, failure: Exception) -> None:
        super().__init__(type(failure).__name__)
        self.failure = failure


class MultipartBody:
    """A form with one part named `file`; iterating it reads the source once.

    Args:
        source: Where the bytes come from.
        filename: Sent with the part; the API derives the image's name from it.
        content_type: MIME type of the part.
        size_bytes: Length that the source must have, exactly.
        deadline: Point on the `monotonic` clock at which sending must be over.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        source: BodyReader,
        *,
        filename: str,
        content_type: str,
        size_bytes: int,
        deadline: float,
        monotonic: Callable[[], float],
    ) -> None:
        boundary = f"hautech-{secrets.token_hex(16)}"
        self._source = source
        self._size_bytes = size_bytes
        self._deadline = deadline
        self._monotonic = monotonic
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{_quoted(filename)}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.length_bytes = len(self._head) + size_bytes + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces of about 64 KiB.

        Raises:
            SourceFailedError: The source raised, was too short or too long, or time ran out; the
                real error is inside. A too long source is noticed before the last piece goes
                out, so the other side never holds a complete but wrong upload.
        """
        yield self._head
        left_bytes = self._size_bytes
        while left_bytes:
            piece = self._read(min(PIECE_BYTES, left_bytes))
            if not piece:
                raise SourceFailedError(self._wrong_size(f"only {self._size_bytes - left_bytes}"))
            left_bytes -= len(piece)
            if left_bytes < 0:
                raise SourceFailedError(self._wrong_size("more"))
            yield piece
        if self._read(1):
            raise SourceFailedError(self._wrong_size("more"))
        yield self._tail

    def _read(self, size: int) -> bytes:
        if self._monotonic() > self._deadline:
            raise SourceFailedError(
                DeadlineExceededError("the upload is too slow: its time is up before its end")
            )
        try:
            return self._source.read(size)
        except Exception as failure:
            raise SourceFailedError(failure) from failure

    def _wrong_size(self, found: str) -> BodySizeError:
        return BodySizeError(
            f"upload source: {self._size_bytes} bytes were announced, it holds {found}; "
            "it was changed meanwhile, so measure and send it again"
        )


def _quoted(filename: str) -> str:
    """The file name as browsers write it, so that it cannot end its own quotes or the line.

    Source: HTML standard, multipart/form-data encoding algorithm.
    """
    return filename.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
