"""The first look at a photo: clean, or why not; by its beginning only, whatever the bytes are."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from tests.unit.photo_lab.pictures import encoded, exif, look, plain
from worker.jobs.exif_marks import names_a_place, orientation_of
from worker.jobs.icc_marks import is_srgb
from worker.jobs.images import NotAnImageError
from worker.jobs.photo_look import look_at, photo_type


@pytest.mark.parametrize(
    "data",
    [
        encoded(plain(), "JPEG"),
        encoded(plain(), "JPEG", progressive=True),
        encoded(plain(9, mode="L"), "JPEG"),
        encoded(plain(), "JPEG", exif=exif(1)),
        encoded(plain(), "JPEG", dpi=(300, 300), comment="by hand"),
        encoded(plain(), "PNG"),
        encoded(plain(9, mode="L"), "PNG"),
        encoded(plain(), "PNG", exif=exif(1), dpi=(300, 300)),
    ],
)
def test_an_ordinary_photo_is_clean(data: bytes) -> None:
    found = look(data)
    assert found.marks == ()
    assert found.header is not None
    assert (found.header.width_px, found.header.height_px) == (48, 32)
    assert found.head is not None
    assert data.startswith(found.head)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("HEIF", "image/heic"),
        ("AVIF", "image/avif"),
    ],
)
def test_every_other_format_is_for_the_lab(kind: str, content_type: str) -> None:
    found = look(encoded(plain(), kind))
    assert (found.content_type, found.header) == (content_type, None)
    assert found.marks


@pytest.mark.parametrize(
    ("begin", "content_type"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"\0\0\0\x14ftypavis\0\0\0\0avif", "image/avif"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", None),
        (b"\0\0\0\x10ftypisom\0\0\0\0heic", None),
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"MM\0+\0\0\0\x08", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_a_format_is_known_by_its_first_bytes(begin: bytes, content_type: str | None) -> None:
    assert photo_type(begin) == content_type


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(content)) + content


def jpeg_with(*segments: bytes, before_scan: bool = False) -> bytes:
    data = encoded(plain(), "JPEG")
    at = data.index(b"\xff\xda") if before_scan else 2
    return data[:at] + b"".join(segments) + data[at:]


@pytest.mark.parametrize("before_scan", [False, True])
def test_an_orientation_is_found_wherever_its_segment_stands(before_scan: bool) -> None:
    data = jpeg_with(segment(0xE1, exif(6)), before_scan=before_scan)
    assert look(data).marks == ("EXIF orientation",)


def test_an_exif_block_behind_megabytes_of_others_is_found() -> None:
    filler = segment(0xE2, b"x" * 60_000) * 50
    assert look(jpeg_with(filler, segment(0xE1, exif(8)))).marks == ("EXIF orientation",)


@pytest.mark.parametrize(
    ("at", "value", "mark"),
    [(1, 0xC3, "unusual coding"), (1, 0xC9, "unusual coding"), (4, 12, "12 bits"), (9, 4, "CMYK")],
)
def test_an_unusual_frame_is_for_the_lab(at: int, value: int, mark: str) -> None:
    data = bytearray(encoded(plain(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + at] = value
    assert look(bytes(data)).marks == (mark,)


def test_the_parts_of_a_profile_are_put_together_by_their_numbers() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    half = len(profile) // 2
    first = segment(0xE2, b"ICC_PROFILE\0\x01\x02" + profile[:half])
    second = segment(0xE2, b"ICC_PROFILE\0\x02\x02" + profile[half:])
    assert look(jpeg_with(second, first)).marks == ()
    assert look(jpeg_with(second)).marks == ("colour profile",)


def test_a_header_without_end_is_for_the_lab() -> None:
    data = encoded(plain(), "PNG")
    text = b"x" * (9 * 1024 * 1024)
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", 0)
    assert look(data[:33] + chunk + data[33:]).marks == ("its header has no end",)
    assert look(data[:33]).marks == ("its header has no end",)
    jpeg = encoded(plain(), "JPEG")
    assert look(jpeg[: jpeg.index(b"\xff\xda")]).marks == ("its header has no end",)


def test_a_profile_that_unpacks_to_gigabytes_is_unpacked_to_one_megabyte() -> None:
    data = encoded(plain(), "PNG")
    packed = b"p\0\0" + zlib.compress(bytes(64 * 1024 * 1024), 9)
    chunk = struct.pack(">I", len(packed)) + b"iCCP" + packed + struct.pack(">I", 0)
    tracemalloc.start()
    try:
        assert look(data[:33] + chunk + data[33:]).marks == ("colour profile",)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_little_of_a_clean_photo_is_read() -> None:
    asked: list[int] = []
    stream = io.BytesIO(encoded(plain(), "PNG") + bytes(5_000_000))

    def read(size: int) -> bytes:
        asked.append(size)
        return stream.read(size)

    look_at(read)
    assert sum(asked) <= 64 * 1024


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["H", "I"])
def test_an_orientation_is_read_in_both_byte_orders(order: str, kind: str) -> None:
    begin = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entry = struct.pack(order + "HHI", 0x0112, 3 if kind == "H" else 4, 1)
    block = begin + struct.pack(order + "H", 1) + entry + struct.pack(order + kind, 6) + bytes(4)
    assert orientation_of(block) == 6
    assert orientation_of(b"Exif\0\0" + block) == 6
    assert not names_a_place(block)


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_upright(value: int) -> None:
    block = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, value, 0)
    assert orientation_of(block) == 1


@given(st.binary(max_size=200))
def test_no_bytes_make_an_exif_block_or_a_profile_that_cannot_be_read(data: bytes) -> None:
    assert 1 <= orientation_of(b"II*\0" + data) <= 8
    assert not is_srgb(data)


PHOTOS = [
    encoded(plain(), "JPEG", exif=exif(6)),
    encoded(plain(), "PNG", exif=exif(3)),
    encoded(plain((1, 2, 3, 4), mode="RGBA"), "PNG"),
]


@settings(max_examples=300)
@given(st.sampled_from(PHOTOS), st.data())
def test_a_bent_header_is_looked_at_or_refused(photo: bytes, data: st.DataObject) -> None:
    bent = bytearray(photo)
    for _ in range(data.draw(st.integers(1, 4))):
        bent[data.draw(st.integers(3, len(bent) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = look(bytes(bent[: data.draw(st.integers(4, len(bent)))]))
    except NotAnImageError:
        return
    assert found.head is not None
    assert bytes(bent).startswith(found.head)


def test_no_imaging_library_is_imported_for_a_clean_photo() -> None:
    """On Lambda it would be a good part of every cold start."""
    code = (
        "import sys, worker.runtime.aws_lambda, worker.bootstrap\n"
        "from worker.adapters.photo_lab.lab import PillowPhotoLab\n"
        "from worker.jobs.photo_look import look_at\n"
        "PillowPhotoLab(memory_bytes=None)\n"
        "assert look_at(sys.stdin.buffer.read).marks == ()\n"
        "assert not {'PIL', 'pillow_heif'} & sys.modules.keys(), 'imported'\n"
    )
    for data in (encoded(plain(), "JPEG"), encoded(plain(), "PNG")):
        subprocess.run([sys.executable, "-c", code], input=data, check=True)
