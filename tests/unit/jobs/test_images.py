"""Format and size from the first bytes, whatever the bytes are."""

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from worker.jobs.image_sizes import jpeg_size
from worker.jobs.images import NotAnImageError, read_head


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
    assert head is not None
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
    data = plain[:2] + exif + plain[2:]
    tracemalloc.start()
    try:
        head, header = read_head(reader(data))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (header.width_px, header.height_px) == (320, 200)
    assert head is None
    assert peak_bytes < 1024 * 1024, "what was skipped is kept"


def test_a_jpeg_with_a_usual_amount_of_exif_is_read_once() -> None:
    plain = picture("JPEG")
    data = plain[:2] + (b"\xff\xe1" + struct.pack(">H", 65_535) + bytes(65_533)) * 7 + plain[2:]
    head, header = read_head(reader(data))
    assert (header.width_px, header.height_px) == (320, 200)
    assert head is not None
    assert data.startswith(head)


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
    assert len(asked) < 200  # in pieces, not in bytes


class CountingHead:
    """All bytes are there; counts how often that is asked."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.questions = 0

    def have(self, size_bytes: int) -> bool:
        self.questions += 1
        return len(self.data) >= size_bytes


def test_fill_bytes_are_not_looked_at_one_by_one() -> None:
    plain = picture("JPEG")
    head = CountingHead(plain[:2] + b"\xff" * 1_000_000 + plain[2:])
    assert jpeg_size(head) == (320, 200)
    assert head.questions < 100


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_a_header_that_ends_early_is_refused(kind: str) -> None:
    with pytest.raises(NotAnImageError):
        read_head(reader(picture(kind)[:12]))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_with(*chunks: bytes) -> bytes:
    """A PNG with chunks between its header and its pixels."""
    plain = picture("PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


@pytest.mark.parametrize(
    "metadata",
    [
        chunk(b"tEXt", b"workflow\0" + b"x" * 300_000),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(os.urandom(300_000))),
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"x" * 3_000_000)),
        chunk(b"eXIf", b"x" * 300_000),
        b"".join(chunk(b"tEXt", b"k\0v") for _ in range(20_000)),
    ],
    ids=["long text", "colour profile", "packed text", "exif", "many"],
)
def test_a_png_with_large_metadata_is_a_png(metadata: bytes) -> None:
    # Programs that make pictures write how they did it into them, often in megabytes.
    head, header = read_head(reader(png_with(metadata)))
    assert (header.width_px, header.height_px) == (320, 200)
    assert head is not None
    assert len(head) <= 64 * 1024


@pytest.mark.parametrize("name", [b"iTXt", b"zTXt", b"iCCP"])
def test_metadata_that_unpack_to_gigabytes_are_not_unpacked(name: bytes) -> None:
    head = {b"iTXt": b"k\0\1\0\0\0", b"zTXt": b"k\0\0", b"iCCP": b"k\0\0"}[name]
    bomb = chunk(name, head + zlib.compress(b"\0" * 50_000_000, 9)) * 3
    data = png_with(bomb)
    tracemalloc.start()
    try:
        read_head(reader(data))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"k\0" + b"v" * 30), "first chunk is not IHDR"),
        (picture("PNG")[:16] + b"\0\1\0\0" + picture("PNG")[20:], "checksum of IHDR"),
        (b"RIFF\0\0\0\0WEBPVP9 " + b"\0" * 40, "not VP8"),
        (b"RIFF\0\0\0\0WEBPVP8L" + b"\0" * 40, "not VP8"),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 40, "not VP8"),
        (b"\0\0\0\x20ftypavif" + b"\0" * 400, "boxes end early"),
    ],
)
def test_a_damaged_header_says_what_is_wrong_with_it(data: bytes, why: str) -> None:
    with pytest.raises(NotAnImageError, match=why):
        read_head(reader(data))


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0"}])
def test_webps_of_every_make_are_read(options: dict[str, object]) -> None:
    _, header = read_head(reader(picture("WEBP", **options)))
    assert (header.width_px, header.height_px) == (320, 200)


def test_an_avif_whose_boxes_are_long_is_read() -> None:
    plain = picture("AVIF")
    free = struct.pack(">I", 300_008) + b"free" + bytes(300_000)
    at = struct.unpack_from(">I", plain)[0]
    # libavif wants the offsets of its data where they were, so the long box stands behind them.
    _, header = read_head(reader(plain + free))
    assert (header.width_px, header.height_px) == (320, 200)
    with pytest.raises(NotAnImageError):
        read_head(reader(plain[:at] + free))


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from(["PNG", "GIF", "JPEG", "WEBP"]))
@settings(deadline=None, max_examples=40)
def test_sizes_are_those_that_a_decoder_sees(width: int, height: int, kind: str) -> None:
    data = io.BytesIO()
    Image.new("1" if kind in {"PNG", "GIF"} else "L", (width, height)).save(data, kind)
    _, header = read_head(reader(data.getvalue()))
    assert (header.width_px, header.height_px) == (width, height)


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


def test_an_avif_that_the_library_cannot_read_is_no_image() -> None:
    # Found by fuzzing: Pillow raises RuntimeError for most of what libavif says.
    plain = picture("AVIF")
    at = plain.index(b"ipco")
    with pytest.raises(NotAnImageError):
        read_head(reader(plain[:at] + b"ipcx" + plain[at + 4 :]))
