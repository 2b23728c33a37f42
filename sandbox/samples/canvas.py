"""Vector-like drawing with Pillow: smooth outlines, soft shading, clean edges.

Everything is drawn three times as large and reduced at the end, which is what makes the edges
smooth. Coordinates are pixels of the finished picture.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Colour = tuple[int, int, int]

_SCALE = 3
_POINTS_PER_SPAN = 14


def curve(*through: Point) -> list[Point]:
    """A smooth open line through the points (Catmull-Rom, ends repeated)."""
    padded = [through[0], *through, through[-1]]
    line: list[Point] = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for index in range(_POINTS_PER_SPAN):
            at = index / _POINTS_PER_SPAN
            line.append(
                (
                    _spline(before[0], start[0], end[0], after[0], at),
                    _spline(before[1], start[1], end[1], after[1], at),
                )
            )
    line.append(through[-1])
    return line


def _spline(before: float, start: float, end: float, after: float, at: float) -> float:
    return 0.5 * (
        2 * start
        + (end - before) * at
        + (2 * before - 5 * start + 4 * end - after) * at**2
        + (3 * start - before - 3 * end + after) * at**3
    )


def outline(*curves: Sequence[Point]) -> list[Point]:
    """One closed shape of several curves; it has corners where they meet."""
    return [point for part in curves for point in part]


def mirrored(points: Iterable[Point], axis_x: float) -> list[Point]:
    """The points on the other side of a vertical axis."""
    return [(2 * axis_x - x, y) for x, y in points]


def ellipse(centre: Point, radius_x: float, radius_y: float) -> list[Point]:
    """A closed ellipse."""
    x, y = centre
    half = 0.7071
    ring: list[Point] = [
        (x, y - radius_y), (x + radius_x * half, y - radius_y * half),
        (x + radius_x, y), (x + radius_x * half, y + radius_y * half),
        (x, y + radius_y), (x - radius_x * half, y + radius_y * half),
        (x - radius_x, y), (x - radius_x * half, y - radius_y * half),
    ]  # fmt: skip
    closed = curve(*ring[-2:], *ring, *ring[:3])
    return closed[2 * _POINTS_PER_SPAN : -2 * _POINTS_PER_SPAN]


class Canvas:
    """A picture in the making.

    Args:
        size: width and height of the finished picture in pixels.
        top: colour of the backdrop at the top.
        bottom: and at the bottom.
    """

    def __init__(self, size: tuple[int, int], top: Colour, bottom: Colour) -> None:
        self._size = size
        self._large = (size[0] * _SCALE, size[1] * _SCALE)
        self._image = _gradient(self._large, top, bottom, sideways=False)

    def fill(
        self,
        shape: Sequence[Point],
        colour: Colour,
        to: Colour | None = None,
        *,
        sideways: bool = False,
    ) -> None:
        """Fills a shape, with a gradient from `colour` to `to` down or sideways."""
        box = self._box(shape, 2)
        size = (box[2] - box[0], box[3] - box[1])
        paint = _gradient(size, colour, to or colour, sideways=sideways)
        self._image.paste(paint, box[:2], self._mask(shape, box))

    def shade(
        self,
        shape: Sequence[Point],
        colour: Colour,
        *,
        opacity: float,
        blur: float,
        within: Sequence[Point] | None = None,
    ) -> None:
        """Lays a blurred shape over the picture, cut off at the edge of `within`."""
        box = self._box(shape, blur * 3)
        mask = self._mask(shape, box).filter(ImageFilter.GaussianBlur(blur * _SCALE))
        if within is not None:
            mask = ImageChops.multiply(mask, self._mask(within, box))
        mask = mask.point([round(value * opacity) for value in range(256)])
        paint = Image.new("RGB", mask.size, colour)
        self._image.paste(paint, box[:2], mask)

    def stroke(self, line: Sequence[Point], colour: Colour, width: float) -> None:
        """Draws a line with round ends."""
        draw = ImageDraw.Draw(self._image)
        scaled = [(x * _SCALE, y * _SCALE) for x, y in line]
        draw.line(scaled, fill=colour, width=round(width * _SCALE), joint="curve")
        radius = width * _SCALE / 2
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def stitches(self, line: Sequence[Point], colour: Colour, width: float) -> None:
        """Draws a seam along the line: stitches of 7 pixels with gaps of 5."""
        walked, stitch = 0.0, [line[0]]
        for start, end in itertools.pairwise(line):
            # Small steps, so that the ends of a stitch do not depend on how a line was made.
            steps = max(1, round(math.dist(start, end)))
            for index in range(1, steps + 1):
                at = index / steps
                point = (start[0] + (end[0] - start[0]) * at, start[1] + (end[1] - start[1]) * at)
                walked += math.dist(start, end) / steps
                if walked % 12 < 7:
                    stitch.append(point)
                else:
                    if len(stitch) > 1:
                        self.stroke(stitch, colour, width)
                    stitch = [point]
        if len(stitch) > 1:
            self.stroke(stitch, colour, width)

    def picture(self) -> Image.Image:
        """The finished picture, mode RGB."""
        return self._image.resize(self._size, Image.Resampling.BOX)

    def _box(self, shape: Sequence[Point], margin: float) -> tuple[int, int, int, int]:
        """The part of the large picture that the shape and its margin touch."""
        xs, ys = [point[0] for point in shape], [point[1] for point in shape]
        width, height = self._large
        return (
            max(0, int((min(xs) - margin) * _SCALE)),
            max(0, int((min(ys) - margin) * _SCALE)),
            min(width, int((max(xs) + margin) * _SCALE) + 1),
            min(height, int((max(ys) + margin) * _SCALE) + 1),
        )

    def _mask(self, shape: Sequence[Point], box: tuple[int, int, int, int]) -> Image.Image:
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
        points = [(x * _SCALE - box[0], y * _SCALE - box[1]) for x, y in shape]
        ImageDraw.Draw(mask).polygon(points, fill=255)
        return mask


def _gradient(size: tuple[int, int], start: Colour, end: Colour, *, sideways: bool) -> Image.Image:
    if start == end:
        return Image.new("RGB", size, start)
    ramp = Image.linear_gradient("L")
    if sideways:
        ramp = ramp.transpose(Image.Transpose.ROTATE_90)
    ramp = ramp.resize(size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", size, end), Image.new("RGB", size, start), ramp)
