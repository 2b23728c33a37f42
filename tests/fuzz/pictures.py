"""The first bytes of pictures, whoever made them."""

from __future__ import annotations

import io
import struct

from PIL import Image

from tests.fuzz.target import Target
from worker.hautech.image_kinds import HEAD_BYTES, TAIL_BYTES, sniff_image
from worker.jobs.images import NotAnImageError, read_head

_MOST_BYTES = 8 * 1024 * 1024 + 128 * 1024


def check_picture(data: bytes) -> None:
    """A header or one error; little is read; both ways to tell the format agree."""
    stream = io.BytesIO(data)

    kind = sniff_image(data[:HEAD_BYTES])
    if kind is not None and kind.is_whole is not None:
        kind.is_whole(data[:HEAD_BYTES], data[-TAIL_BYTES:], len(data))
    try:
        head, header = read_head(stream.read)
    except NotAnImageError as error:
        assert str(error)
        assert len(error.head) <= 8
        return
    finally:
        assert stream.tell() <= _MOST_BYTES
    assert head is None or data.startswith(head)
    assert min(header.width_px, header.height_px) >= 0
    assert kind is not None
    assert kind.content_type == header.content_type


def check_grown_picture(data: bytes) -> None:
    """The same for a file of megabytes, made by repeating what the bytes end with."""
    cut = len(data) // 2
    check_picture(data[:cut] + (data[cut:] or b"\xff") * (300_000 // max(1, len(data) - cut)))


def _picture(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 12), "navy").save(file, kind, **options)
    return file.getvalue()


_SEEDS = (
    _picture("PNG"),
    _picture("JPEG"),
    _picture("JPEG", progressive=True),
    _picture("GIF"),
    _picture("WEBP"),
    _picture("WEBP", lossless=True),
    _picture("AVIF"),
    b"\xff\xd8" + (b"\xff\xe1" + struct.pack(">H", 18) + bytes(16)) * 3 + _picture("JPEG")[2:],
    _picture("WEBP", exif=b"Exif\0\0MM\0*"),
)

TARGETS = (
    Target("picture", check_picture, share=40, seeds=_SEEDS),
    Target("grown-picture", check_grown_picture, share=1, seeds=_SEEDS, max_bytes=600),
)
