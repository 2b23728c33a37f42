"""Photos with known colours, made by code, and the lab that they go through."""

import io
import struct
from typing import Any

import pillow_heif
from PIL import Image

from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.jobs.photo_look import PhotoLook, look_at
from worker.ports.photos import DevelopedPhoto, PhotoLimits

pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

LIMITS = PhotoLimits(max_bytes=1_000_000, max_side_px=512, max_source_pixels=4_000_000)
RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 200, 40), (30, 40, 220), (240, 230, 30)
LOSSLESS, LOSSY = 0, 12
"""By how much a channel may differ, of 255: nothing, or what a lossy codec and its chroma cost."""


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of that kind."""
    file = io.BytesIO()
    if kind == "JPEG":
        options = {"quality": 98, "subsampling": 0, **options}
    if kind in {"WEBP", "AVIF", "HEIF"} and not options.get("lossless"):
        options = {"quality": 98, **options}
    image.save(file, kind, **options)
    return file.getvalue()


def plain(color: Any = RED, *, mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, size, color)


def look(data: bytes) -> PhotoLook:
    """The first look at a file."""
    return look_at(io.BytesIO(data).read)


def develop(
    data: bytes, limits: PhotoLimits = LIMITS, lab: PillowPhotoLab | None = None
) -> DevelopedPhoto | None:
    """The file through the lab, as the engine would send it there."""
    lab = lab or PillowPhotoLab(memory_bytes=None)
    with lab.turn():
        return lab.develop(io.BytesIO(data), look(data).content_type, limits, io.BytesIO())


def made(data: bytes, limits: PhotoLimits = LIMITS) -> tuple[DevelopedPhoto, Image.Image]:
    """The same, for what has to be changed, and the picture that came out, decoded."""
    photo = develop(data, limits)
    assert photo is not None
    with photo.body as body:
        body.seek(0)
        out = body.read()
    assert len(out) == photo.size_bytes
    assert look(out).marks == (), "what comes out of the lab is clean"
    assert look(out).content_type == photo.content_type
    image = Image.open(io.BytesIO(out))
    image.load()
    assert image.size == (photo.width_px, photo.height_px)
    assert not {"icc_profile", "exif", "xmp"} & image.info.keys()
    return photo, image


def differs(found: Any, wanted: tuple[int, ...]) -> int:
    """The largest difference of a channel."""
    if isinstance(found, int):
        found = (found,) * len(wanted)
    return max(abs(int(one) - other) for one, other in zip(found, wanted, strict=True))


def exif(orientation: int, **tags: Any) -> bytes:
    """An EXIF block, as cameras write it."""
    block = Image.Exif()
    block[0x0112] = orientation
    if tags.get("gps"):
        block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


def cmyk_profile(cyan: tuple[int, int, int]) -> bytes:
    """A profile of a printer whose full cyan has that Lab colour (as bytes of a table).

    Paper is white, each other ink is black, and so is every mixture. Source: ICC.1:2001-04, 6.5.8.
    """
    nodes = [
        (255, 128, 128) if ink == 0 else cyan if ink == 8 else (0, 128, 128) for ink in range(16)
    ]
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    table += bytes(range(256)) * 4
    table += b"".join(bytes(node) for node in nodes)
    table += bytes(range(256)) * 3
    header = struct.pack(
        ">I4s4s4s4s4s", 144 + len(table), b"\0\0\0\0", b"\x02\x40\0\0", b"prtr", b"CMYK", b"Lab "
    )
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    header += bytes(128 - len(header))
    return header + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table
