"""What in the header of a PNG says that it cannot be sent as it is."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from worker.jobs.exif_marks import orientation_of
from worker.jobs.icc_marks import PROFILE_BYTES_MAX, is_srgb
from worker.jobs.image_sizes import Head

_HEAD_BYTES_MAX: Final = 1024 * 1024
"""So much is kept of each of many photos at once. A longer header is for the lab."""

_CHUNKS_MAX: Final = 2_000
_BEGIN: Final = 33
"""Behind the signature and the chunk IHDR."""

_COLOURS: Final = {3: "palette", 4: "alpha", 6: "alpha"}
_SRGB_GAMMA: Final = range(45_000, 46_001)
"""1/2.2 in hundred-thousandths, give or take a hundredth of it."""

_SRGB_PRIMARIES: Final = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
_PRIMARIES_TOLERANCE: Final = 200

SRGB_CODES: Final = (1, 13)
"""Primaries and transfer of sRGB in a cICP chunk (Source: ITU-T H.273, tables 2 and 3)."""


def png_marks(head: Head) -> tuple[str, ...]:
    """Why a photo lab has to look at it, in a few words each; empty when it is fine.

    Chunks behind the beginning of the picture are not read. `head` has the whole IHDR.
    """
    chunks: dict[bytes, bytes] = {}
    for name, content in _chunks(head):
        if name == b"IDAT":
            break
        chunks.setdefault(name, content)
    else:
        return ("its header has no end",)
    depth, colour = head.data[24], head.data[25]
    marks: tuple[str, ...] = ()
    if depth != 8:
        marks += (f"{depth} bits",)
    if colour in _COLOURS:
        marks += (_COLOURS[colour],)
    elif colour not in {0, 2}:
        marks += ("unknown colours",)
    if b"tRNS" in chunks:
        marks += ("transparency",)
    if b"acTL" in chunks:
        marks += ("animation",)
    if orientation_of(chunks.get(b"eXIf", b"")) != 1:
        marks += ("EXIF orientation",)
    if not _is_srgb(chunks):
        marks += ("colour profile",)
    return marks


def _chunks(head: Head) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the chunks, as far as they may be read; IDAT without its content."""
    position = _BEGIN
    for _ in range(_CHUNKS_MAX):
        if position + 8 > _HEAD_BYTES_MAX or not head.have(position + 8):
            return
        length, name = struct.unpack_from(">I4s", head.data, position)
        if name == b"IDAT":
            yield name, b""
            return
        if position + 8 + length > _HEAD_BYTES_MAX or not head.have(position + 8 + length):
            return
        yield name, bytes(head.data[position + 8 : position + 8 + length])
        position += 12 + length


def _is_srgb(chunks: dict[bytes, bytes]) -> bool:
    """By the first that is there: cICP, iCCP, sRGB, gAMA and cHRM (Source: PNG 3, 4.3)."""
    if b"cICP" in chunks:
        return tuple(chunks[b"cICP"][:2]) == SRGB_CODES
    if b"iCCP" in chunks:
        return is_srgb(_unpacked_profile(chunks[b"iCCP"]))
    if b"sRGB" in chunks:
        return True
    gamma = int.from_bytes(chunks.get(b"gAMA", b"")[:4], "big") or None
    if gamma is not None and gamma not in _SRGB_GAMMA:
        return False
    primaries = chunks.get(b"cHRM", b"")
    return len(primaries) != 32 or all(
        abs(one - other) <= _PRIMARIES_TOLERANCE
        for one, other in zip(struct.unpack(">8I", primaries), _SRGB_PRIMARIES, strict=True)
    )


def _unpacked_profile(content: bytes) -> bytes:
    """At most so much of it as is looked at: a profile can grow a thousandfold."""
    packed = content.partition(b"\0")[2][1:]
    try:
        return zlib.decompressobj().decompress(packed, PROFILE_BYTES_MAX + 1)
    except zlib.error:
        return b""
