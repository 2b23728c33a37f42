"""Finds what stands in front of a plain backdrop: the garment or the figure of a studio photo.

A product photo is often white on white, so brightness alone does not tell cloth from
backdrop. What does is that the backdrop touches the border of the photo: it is filled from
the border inwards, over pixels that differ little from the border's own colour, and what the
fill does not reach is the subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from PIL import Image, ImageChops, ImageFilter

_WORK_SIDE_PX = 400  # the fill is plain Python; at this size it takes about 50 ms
_MAX_BACKDROP_SPREAD = 40  # a border that varies more than this is scenery, not a backdrop


@dataclass(frozen=True, slots=True)
class Cutout:
    """A photo and where its subject is.

    Attributes:
        image: the photo, mode RGB.
        mask: mode L, same size, 255 on the subject with a soft edge.
        box: left, top, right, bottom of the subject in pixels.
        backdrop: colour of the backdrop, or None if the photo has no plain one; the mask is
            then the whole photo.
    """

    image: Image.Image
    mask: Image.Image
    box: tuple[int, int, int, int]
    backdrop: tuple[int, int, int] | None

    def span_at(self, fraction: float) -> tuple[int, int]:
        """Left and right end of the subject at a height; 0 is its top, 1 its bottom."""
        left, top, right, bottom = self.box
        y = min(bottom - 1, top + int((bottom - top) * fraction))
        row = self.mask.crop((left, y, right, y + 1)).point(_solid)
        found = row.getbbox()
        return (left, right) if found is None else (left + found[0], left + found[2])


def cut_out(photo: Image.Image) -> Cutout:
    """Separates the subject of a photo from its backdrop; a photo without one stays whole."""
    if "A" in photo.getbands():
        mask = photo.getchannel("A")
        box = mask.point(_solid).getbbox()
        if box is not None and mask.getextrema()[0] == 0:
            return Cutout(image=_on_white(photo), mask=mask, box=box, backdrop=(255, 255, 255))
        photo = _on_white(photo)
    image = photo.convert("RGB")
    backdrop, noise = _border_colour(image)
    if noise is not None:
        mask = _subject_mask(image, backdrop, tolerance=noise + 3)
        box = mask.point(_solid).getbbox()
        if (
            box is not None
            and (box[2] - box[0]) * (box[3] - box[1]) * 50 > mask.width * mask.height
        ):
            return Cutout(image=image, mask=mask, box=box, backdrop=backdrop)
    whole = Image.new("L", image.size, 255)
    return Cutout(
        image=image,
        mask=whole,
        box=(0, 0, *image.size),
        backdrop=None if noise is None else backdrop,
    )


def torso(figure: Cutout) -> Cutout:
    """The part of a person that wears the top: from below the chin to the hips."""
    left, top, right, bottom = figure.box
    upper, lower = top + int((bottom - top) * 0.14), top + int((bottom - top) * 0.56)
    mask = Image.new("L", figure.mask.size, 0)
    mask.paste(figure.mask.crop((left, upper, right, lower)), (left, upper))
    return Cutout(
        image=figure.image,
        mask=mask,
        box=mask.point(_solid).getbbox() or figure.box,
        backdrop=figure.backdrop,
    )


def _solid(value: int) -> int:
    return 255 if value > 127 else 0


def _tighten(value: int) -> int:
    """Moves a blurred edge inwards, so that no rim of backdrop is left around the subject."""
    return max(0, min(255, (value - 110) * 255 // 90))


def _on_white(photo: Image.Image) -> Image.Image:
    rgba = photo.convert("RGBA")
    base = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(base, rgba).convert("RGB")


def _border_colour(image: Image.Image) -> tuple[tuple[int, int, int], int | None]:
    """The typical border colour, and how far the border strays from it (None: scenery)."""
    width, height = image.size
    small = image.resize((min(width, 160), min(height, 160)), Image.Resampling.BOX)
    w, h = small.size
    # The lower edge is left out: feet, floors and shadows often touch it.
    edges = [(0, 0, w, 1), (0, 0, 1, h), (w - 1, 0, w, h)]
    pixels = [pixel for edge in edges for pixel in _rgb_pixels(small.crop(edge))]
    red, green, blue = (int(median(channel)) for channel in zip(*pixels, strict=True))
    strays = sorted(
        max(abs(pixel[0] - red), abs(pixel[1] - green), abs(pixel[2] - blue)) for pixel in pixels
    )
    stray = strays[int(len(strays) * 0.9)]
    return (red, green, blue), (stray if stray <= _MAX_BACKDROP_SPREAD else None)


def _rgb_pixels(image: Image.Image) -> list[tuple[int, int, int]]:
    raw = image.tobytes()
    return list(zip(raw[0::3], raw[1::3], raw[2::3], strict=True))


def _subject_mask(
    image: Image.Image, backdrop: tuple[int, int, int], *, tolerance: int
) -> Image.Image:
    factor = max(1, -(-max(image.size) // _WORK_SIDE_PX))
    small = image.reduce(factor)
    difference = ImageChops.difference(small, Image.new("RGB", small.size, backdrop))
    red, green, blue = difference.split()
    distance = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    outside = _fill_from_border(distance, tolerance)
    mask = ImageChops.invert(outside).filter(ImageFilter.MedianFilter(5))
    mask = mask.resize(image.size, Image.Resampling.BICUBIC)
    return mask.filter(ImageFilter.GaussianBlur(factor)).point(_tighten)


def _fill_from_border(distance: Image.Image, tolerance: int) -> Image.Image:
    """Mode L, 255 where the backdrop reaches without crossing a pixel above the tolerance."""
    # A rim of one pixel of pure backdrop makes the fill go around the subject and spares the
    # loop below all checks of the image's ends.
    width, height = distance.width + 2, distance.height + 2
    framed = Image.new("L", (width, height), 0)
    framed.paste(distance, (1, 1))
    passable = bytearray(1 if value <= tolerance else 0 for value in framed.tobytes())
    reached = bytearray(width * height)
    last = width * height - 1
    stack = [0]
    passable[0] = 0
    while stack:
        at = stack.pop()
        reached[at] = 255
        for neighbour in (at - 1, at + 1, at - width, at + width):
            if 0 <= neighbour <= last and passable[neighbour]:
                passable[neighbour] = 0
                stack.append(neighbour)
    filled = Image.frombytes("L", (width, height), bytes(reached))
    return filled.crop((1, 1, width - 1, height - 1))
