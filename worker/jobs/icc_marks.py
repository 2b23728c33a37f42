"""Whether a colour profile is sRGB in all but name, so that nothing has to be converted.

The name in a profile is free text. What counts is where its primaries lie and how its curves run.
"""

from __future__ import annotations

import struct
from typing import Final

PROFILE_BYTES_MAX: Final = 1024 * 1024
"""A longer profile is not looked at, and so counts as one that has to be converted."""

_TAGS_MAX: Final = 100
_SRGB_COLORANTS: Final = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""Primaries of IEC 61966-2-1, adapted to the D50 of profiles (Bradford)."""

_COLORANT_TOLERANCE: Final = 0.004
_CURVE_TOLERANCE: Final = 0.004
"""Less than lies between the curve of sRGB and a gamma of 2.2."""

_LOOKED_AT: Final = (0.05, 0.2, 0.5, 0.8, 1.0)
_PARAMETERS: Final = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


def is_srgb(profile: bytes) -> bool:
    """Whether converting from this profile to sRGB would change nothing that anybody sees.

    Of profiles for grey, whether their curve is that of sRGB. Damaged ones, and those that work by
    tables, are not: then a library has to decide. Source: ICC.1:2022, 7.2, 7.3, 10.6, 10.18, 10.31.
    """
    if len(profile) > PROFILE_BYTES_MAX:
        return False
    try:
        tags = _tags(profile)
        if any(name[:3] in {b"A2B", b"D2B"} for name in tags):
            return False
        if profile[16:20] == b"GRAY":
            return _runs_like_srgb(tags[b"kTRC"])
        return (
            profile[16:20] == b"RGB "
            and all(_lies_at(tags[name], place) for name, place in _SRGB_COLORANTS.items())
            and all(_runs_like_srgb(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        )
    except (KeyError, ValueError, struct.error, ArithmeticError, IndexError):
        return False


def srgb_to_light(value: float) -> float:
    """Linear light, 0 to 1, of a value of sRGB, 0 to 1 (Source: IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if profile[36:40] != b"acsp":
        raise ValueError("no profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > _TAGS_MAX:
        raise ValueError("absurdly many tags")
    tags: dict[bytes, bytes] = {}
    for number in range(count):
        name, begin, length = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        tags[name] = profile[begin : begin + length]
    return tags


def _lies_at(tag: bytes, place: tuple[float, float, float]) -> bool:
    if tag[:4] != b"XYZ ":
        return False
    found = (value / 65536 for value in struct.unpack_from(">3i", tag, 8))
    return all(
        abs(one - other) <= _COLORANT_TOLERANCE for one, other in zip(found, place, strict=True)
    )


def _runs_like_srgb(tag: bytes) -> bool:
    return all(abs(_light(tag, x) - srgb_to_light(x)) <= _CURVE_TOLERANCE for x in _LOOKED_AT)


def _light(tag: bytes, x: float) -> float:
    """Linear light of a value by a `curv` or `para` tag."""
    if tag[:4] == b"curv":
        return _by_table(tag, x)
    if tag[:4] != b"para":
        raise ValueError("no curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = _PARAMETERS[kind]
    numbers = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    g, a, b, c, d, e, f = numbers + [0.0] * (7 - count)
    if kind == 0:
        return float(x**g)
    if kind < 3:  # c is an offset here, and the curve begins where a·x + b does
        return float((a * x + b) ** g + c) if x >= -b / a else c
    return float((a * x + b) ** g + e) if x >= d else c * x + f


def _by_table(tag: bytes, x: float) -> float:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return x
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return float(x ** (gamma / 256))
    at = x * (count - 1)
    low = min(int(at), count - 2)
    before, after = struct.unpack_from(">2H", tag, 12 + 2 * low)
    return float(before + (after - before) * (at - low)) / 65535
