"""Photos made ready to be sent, and smaller copies of pictures."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoLimits:
    """What a photo may be, and what of it is sent."""

    max_bytes: int
    """Of what is sent."""
    max_side_px: int
    """Longest side of what is sent; a larger photo is scaled down."""
    max_source_pixels: int
    """Width times height of what is decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopedPhoto:
    """A photo as Hautech takes it."""

    body: BinaryIO
    """Where it is; whose file that is closes it."""
    content_type: str
    """`image/jpeg` or `image/png`."""
    size_bytes: int
    sha256: str
    """Of the bytes in `body`: 64 hex digits."""
    width_px: int
    height_px: int
    changes: tuple[str, ...]
    """What was done to it, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """What a smaller copy of a picture shall be. It is never larger than the picture."""

    format: Literal["webp", "jpeg"]
    width_px: int
    quality: int
    """1 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedPicture:
    """A smaller copy of a picture."""

    data: bytes
    content_type: str
    width_px: int
    height_px: int


class PhotoLab(Protocol):
    """Makes photos ready that cannot be sent as they are, and smaller copies of pictures."""

    def turn(self) -> AbstractContextManager[None]:
        """A place in the lab, which has few: conversions take memory. Waits a little for it.

        Raises HeldBackError when others take too long.
        """

    def develop(
        self, source: BinaryIO, content_type: str, limits: PhotoLimits, sink: BinaryIO
    ) -> DevelopedPhoto | None:
        """The photo in `source` as an upright JPEG or PNG in sRGB, written to `sink`; None: it is one.

        Both are seekable, and `sink` is begun again when one way of saving it takes too many bytes.

        `content_type` is that of the bytes, by `worker.jobs.photo_look`. To be called within a turn.
        Raises ImageUnreadableError and ImageTooLargeError, whose messages do not name the photo, or
        UnavailableError.
        """

    def reduce(self, source: BinaryIO, content_type: str, wanted: Reduction) -> ReducedPicture:
        """A smaller copy of a picture, in sRGB. To be called within a turn.

        Raises as `develop` does.
        """
