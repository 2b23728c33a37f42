"""Files that were made to harm: a small one must not take memory that the worker does not have."""

import io
import struct
import zlib
from dataclasses import replace

import pytest

from tests.unit.photo_lab.pictures import LIMITS, develop, encoded, plain
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.photo_lab.room import own_bytes
from worker.errors import ImageTooLargeError, ImageUnreadableError
from worker.jobs.images import GrowingHead
from worker.jobs.jpeg_marks import is_in_one_scan

MB = 1024 * 1024


def jpeg_segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_in_three_scans(width: int, height: int) -> bytes:
    """A grey baseline JPEG whose channels come one after the other."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    one_code = b"\1" + bytes(15) + b"\0"  # "0" means: no difference, and: end of block
    header = (
        b"\xff\xd8"
        + jpeg_segment(0xDB, b"\0" + b"\1" * 64)
        + jpeg_segment(0xC0, frame)
        + jpeg_segment(0xC4, b"\x00" + one_code)
        + jpeg_segment(0xC4, b"\x10" + one_code)
    )
    blocks = -(-width // 8) * -(-height // 8)
    scans = (
        jpeg_segment(0xDA, bytes([1, channel, 0, 0, 63, 0])) + bytes(-(-blocks // 4))
        for channel in (1, 2, 3)
    )
    return header + b"".join(scans) + b"\xff\xd9"


def tiff_with_tile(side_px: int) -> bytes:
    """A grey TIFF of 16 × 16 px whose one tile has sides of that length."""
    data = zlib.compress(bytes(1000))
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1}
    tags |= {322: side_px, 323: side_px, 324: 8, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    begin = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return begin + struct.pack("<H", len(tags)) + entries + bytes(4)


def png(width: int, height: int, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of zeros with 8 bits, of that kind of colours, with these chunks before its pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = (b"IDAT", zlib.compress(bytes((width + 1) * height)))
    file = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", head), *chunks, body, (b"IEND", b"")):
        checksum = zlib.crc32(name + content)
        file += struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    return file


def head_of(data: bytes) -> GrowingHead:
    return GrowingHead(io.BytesIO(data).read)


def lab_with(free_mb: int) -> PillowPhotoLab:
    """One that has so much for a photo, besides what it keeps for other work."""
    return PillowPhotoLab(memory_bytes=own_bytes() + (48 + free_mb) * MB)


def test_a_progressive_jpeg_that_is_read_smaller_is_reckoned_in_full() -> None:
    data = encoded(plain(size=(8000, 1600)), "JPEG", progressive=True)
    limits = replace(LIMITS, max_source_pixels=20_000_000)
    with pytest.raises(ImageTooLargeError, match=r"takes about 1\d\d MB"):
        develop(data, limits, lab_with(90))


def test_a_baseline_jpeg_in_several_scans_is_reckoned_in_full() -> None:
    data = jpeg_in_three_scans(8000, 1600)
    limits = replace(LIMITS, max_source_pixels=20_000_000)
    with pytest.raises(ImageTooLargeError, match=r"takes about 1\d\d MB"):
        develop(data, limits, lab_with(90))
    photo = develop(data, limits)
    assert photo is not None
    photo.body.close()


def test_a_baseline_jpeg_in_one_scan_takes_what_it_is_read_as() -> None:
    data = encoded(plain(size=(8000, 1600)), "JPEG")
    photo = develop(data, replace(LIMITS, max_source_pixels=20_000_000), lab_with(90))
    assert photo is not None
    photo.body.close()


def test_whether_the_first_scan_has_it_all_is_read_from_the_header() -> None:
    assert is_in_one_scan(head_of(encoded(plain(), "JPEG")))
    assert is_in_one_scan(head_of(encoded(plain(90, mode="L"), "JPEG")))
    assert not is_in_one_scan(head_of(encoded(plain(), "JPEG", progressive=True)))
    assert not is_in_one_scan(head_of(jpeg_in_three_scans(48, 32)))
    assert not is_in_one_scan(head_of(encoded(plain(), "JPEG")[:200])), "nobody knows"


def test_a_small_tiff_with_a_huge_tile_is_refused_for_its_memory() -> None:
    with pytest.raises(ImageTooLargeError, match=r"takes about 1,9\d\d MB"):
        develop(tiff_with_tile(20_000), LIMITS, lab_with(400))
    photo = develop(tiff_with_tile(16), LIMITS, lab_with(90))
    assert photo is not None
    photo.body.close()


@pytest.mark.parametrize(
    "data",
    [
        png(8, 8, 3),
        png(8, 8, 3, (b"PLTE", b"\1\2\3"), (b"tRNS", bytes(400))),
    ],
    ids=["no palette", "a palette that is too short"],
)
def test_a_damaged_palette_is_the_photos_fault_and_not_tried_again(data: bytes) -> None:
    with pytest.raises(ImageUnreadableError, match="PNG that cannot be decoded"):
        develop(data)
