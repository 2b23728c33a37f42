"""A picture is written as a JPEG or PNG, at most so long, with its SHA-256.

as PNG    what was lossless stays so, while it fits
as JPEG   what was lossy already, and a PNG that would be too long: quality 95, then 90, 85, 80
"""

from __future__ import annotations

import hashlib
from typing import BinaryIO, Final, cast

from PIL import Image

from worker.errors import ImageTooLargeError
from worker.ports.photos import DevelopedPhoto

_QUALITIES: Final = (95, 90, 85, 80)
_PNG_LEVEL: Final = 4
"""Of zlib: a third of the time of the usual 6, for a few per cent more bytes."""


class _TooLongError(Exception):
    """More bytes than may be sent."""


class _Sink:
    """Counts and digests what is written, and ends it at the limit.

    It has no file number on purpose: Pillow would write past it.
    """

    def __init__(self, body: BinaryIO, max_bytes: int) -> None:
        self._body = body
        self._left_bytes = max_bytes
        self.size_bytes = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise _TooLongError
        self.size_bytes += len(data)
        self.sha256.update(data)
        return self._body.write(data)

    def flush(self) -> None:
        """Nothing is held back."""


def save_photo(
    image: Image.Image,
    body: BinaryIO,
    *,
    as_jpeg: bool,
    max_bytes: int,
    name: str,
    changes: list[str],
) -> DevelopedPhoto:
    """The picture (RGB or L), written to `body`.

    Appends to `changes` when it had to be saved otherwise than foreseen. Raises ImageTooLargeError.
    """
    image.info = {}  # Pillow would write profiles and texts of the source along
    if not as_jpeg:
        saved = _saved(image, body, max_bytes, None)
        if saved is not None:
            return _developed(image, body, saved, "image/png", [*_renamed(name, "PNG"), *changes])
    for quality in _QUALITIES:
        saved = _saved(image, body, max_bytes, quality)
        if saved is not None:
            if not as_jpeg:
                changes.append(f"saved as JPEG, since a PNG has more than {max_bytes:,} bytes")
            if quality < _QUALITIES[0]:
                changes.append(f"saved with quality {quality}, for at most {max_bytes:,} bytes")
            renamed = _renamed(name, "JPEG") if as_jpeg else []
            return _developed(image, body, saved, "image/jpeg", [*renamed, *changes])
    raise ImageTooLargeError(
        f"{image.width} × {image.height} px: even as a JPEG of quality {_QUALITIES[-1]} it has more "
        f"than {max_bytes:,} bytes (WORKER_IMAGE_MAX_BYTES)"
    )


def _renamed(name: str, kind: str) -> list[str]:
    return [] if name == kind else [f"{name} saved as {kind}"]


def _saved(image: Image.Image, body: BinaryIO, max_bytes: int, quality: int | None) -> _Sink | None:
    """What was written, as a JPEG of that quality or as a PNG; None when it would be too long."""
    body.seek(0)
    body.truncate()
    sink = _Sink(body, max_bytes)
    try:
        if quality is None:
            image.save(cast("BinaryIO", sink), "PNG", compress_level=_PNG_LEVEL)
        else:
            image.save(cast("BinaryIO", sink), "JPEG", quality=quality, subsampling="4:4:4")
    except _TooLongError:
        return None
    return sink


def _developed(
    image: Image.Image, body: BinaryIO, sink: _Sink, content_type: str, changes: list[str]
) -> DevelopedPhoto:
    return DevelopedPhoto(
        body=body,
        content_type=content_type,
        size_bytes=sink.size_bytes,
        sha256=sink.sha256.hexdigest(),
        width_px=image.width,
        height_px=image.height,
        changes=tuple(changes),
    )
