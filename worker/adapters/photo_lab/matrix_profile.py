"""Colour profiles for files that name their primaries and their curve by numbers only.

LittleCMS, by which Pillow converts, takes them from ICC profiles; so one is written here. It has a
matrix and one curve, and no text. Source: ICC.1:2022, 7.2 (header), 10.6 (curv), 10.31 (XYZ),
annex E (adaptation to D50).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from worker.jobs.icc_marks import srgb_to_light

Point = tuple[float, float]
"""A chromaticity: x and y of CIE 1931."""

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

D65: Final[Point] = (0.3127, 0.3290)
SRGB: Final[tuple[Point, Point, Point]] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3: Final[tuple[Point, Point, Point]] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020: Final[tuple[Point, Point, Point]] = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
"""Red, green and blue of Display P3 and BT.2020, whose white is D65 (Source: ITU-T H.273, table 2)."""

_D50: Final[Vector] = (0.9642, 1.0, 0.8249)
_BRADFORD: Final[Matrix] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_CURVE_POINTS: Final = 1024


def matrix_profile(
    primaries: Sequence[Point], *, white: Point = D65, light: Callable[[float], float] | None = None
) -> bytes:
    """An ICC profile (version 2) with these primaries and this white.

    `light` gives the linear light, 0 to 1, of a value, 0 to 1; without it the curve is that of sRGB.
    Raises ZeroDivisionError or ValueError for points that span no colours.
    """
    to_light = light or srgb_to_light
    values = [to_light(number / (_CURVE_POINTS - 1)) for number in range(_CURVE_POINTS)]
    curve = b"curv\0\0\0\0" + struct.pack(
        f">I{_CURVE_POINTS}H", _CURVE_POINTS, *(round(65535 * min(1, max(0, v))) for v in values)
    )
    red, green, blue = _colorants(primaries, white)
    contents = {
        b"wtpt": _xyz_tag(_D50),
        b"rXYZ": _xyz_tag(red),
        b"gXYZ": _xyz_tag(green),
        b"bXYZ": _xyz_tag(blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    begin = 128 + 4 + 12 * len(contents)
    table, data = struct.pack(">I", len(contents)), b""
    for name, content in contents.items():
        table += struct.pack(">4sII", name, begin + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    return _header(begin + len(data)) + table + data


def _header(size_bytes: int) -> bytes:
    header = struct.pack(
        ">I4sI4s4s4s", size_bytes, b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    header += bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(65536 * value) for value in _D50))
    return header + bytes(128 - len(header))


def _xyz_tag(color: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in color))


def _colorants(primaries: Sequence[Point], white: Point) -> Matrix:
    """The primaries as XYZ, so strong that together they are the white, seen under D50."""
    columns = [_xyz(point) for point in primaries]
    strengths = _times(_inverse(_transposed(columns)), _xyz(white))
    adapt = _adaptation(_xyz(white))
    red, green, blue = (
        _times(adapt, _scaled(column, strength))
        for column, strength in zip(columns, strengths, strict=True)
    )
    return red, green, blue


def _adaptation(white: Vector) -> Matrix:
    """From colours under that white to those under D50, by Bradford's cones."""
    here, there = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    scaled = [
        _scaled(row, target / source)
        for row, source, target in zip(_BRADFORD, here, there, strict=True)
    ]
    back = _inverse(_BRADFORD)
    columns = [_times(back, column) for column in _transposed(scaled)]
    return _transposed(columns)


def _xyz(point: Point) -> Vector:
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _scaled(vector: Vector, by: float) -> Vector:
    return vector[0] * by, vector[1] * by, vector[2] * by


def _transposed(rows: Sequence[Vector]) -> Matrix:
    first, second, third = zip(*rows, strict=True)
    return first, second, third


def _times(matrix: Matrix, vector: Vector) -> Vector:
    one, two, three = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return one, two, three


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        ((e * i - f * h) / whole, (c * h - b * i) / whole, (b * f - c * e) / whole),
        ((f * g - d * i) / whole, (a * i - c * g) / whole, (c * d - a * f) / whole),
        ((d * h - e * g) / whole, (b * g - a * h) / whole, (a * e - b * d) / whole),
    )
