"""Format and size from the first bytes, whatever the bytes are."""

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from worker.jobs.images import NotAnImageError, read_head, read_header


def picture(kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (320, 200), "white").save(data, kind, **options)
    return data.getvalue()


def reader(data: bytes, asked: list[int] | None = None) -> Callable[[int], bytes]:
    stream = io.BytesIO(data)

    def read(size: int) -> bytes:
        if asked is not None:
            asked.append(size)
        return stream.read(size)

    return read


@pytest.mark.parametrize(
    ("kind", "mime"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("AVIF", "image/avif"),
    ],
)
def test_each_format_is_known_by_its_bytes(kind: str, mime: str) -> None:
    head, header = read_head(reader(picture(kind)))
    assert (header.content_type, header.width_px, header.height_px) == (mime, 320, 200)
    assert picture(kind).startswith(head)


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"quality": 5}, {"restart_marker_rows": 1}]
)
def test_jpegs_of_every_make_are_read(options: dict[str, object]) -> None:
    _, header = read_head(reader(picture("JPEG", **options)))
    assert (header.width_px, header.height_px) == (320, 200)


def test_a_jpeg_whose_size_comes_after_megabytes_of_exif_is_read() -> None:
    plain = picture("JPEG")
    exif = (b"\xff\xe1" + struct.pack(">H", 65_535) + bytes(65_533)) * 40
    _, header = read_head(reader(plain[:2] + exif + plain[2:]))
    assert (header.width_px, header.height_px) == (320, 200)


@pytest.mark.parametrize(
    "filler",
    [b"\xff\xe1\x00\x02", b"\xff\xe1\x00\x00", b"\xff", b"\xff\xd8\xff\xe0"],
    ids=["empty", "zero", "fill", "soi"],
)
def test_a_hostile_jpeg_is_given_up_after_its_first_megabytes(filler: bytes) -> None:
    asked: list[int] = []
    data = b"\xff\xd8\xff" + filler * (12 * 1024 * 1024 // len(filler))
    with pytest.raises(NotAnImageError, match="frame header"):
        read_head(reader(data, asked))
    assert sum(asked) <= 8 * 1024 * 1024 + 70_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_a_header_that_ends_early_is_refused(kind: str) -> None:
    with pytest.raises(NotAnImageError):
        read_head(reader(picture(kind)[:14]))


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"]),
)
@example(b"", b"")
def test_any_bytes_are_an_image_or_refused(tail: bytes, begin: bytes) -> None:
    try:
        _, header = read_head(reader(begin + tail))
    except NotAnImageError:
        return
    assert header.width_px >= 0


def test_a_whole_png_is_read_at_once() -> None:
    assert read_header(picture("PNG")).width_px == 320
