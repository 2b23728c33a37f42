"""Fits a garment to a figure: where it goes, how wide it hangs, what stays in front of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from sandbox.hautech.pictures.cutout import Cutout

_BOTTOMS = re.compile(r"\b(trousers?|pants?|jeans?|shorts?|skirts?|leggings?)\b", re.IGNORECASE)
_STRIPS = 24  # the garment is bent to the body in this many horizontal strips


@dataclass(frozen=True, slots=True)
class Body:
    """Where a figure stands on the canvas, in pixels, and how wide its shoulders are."""

    top: float
    height: float
    centre_x: float
    shoulder_width: float

    def y(self, fraction: float) -> float:
        """Height on the canvas of a point of the body; 0 is the crown, 1 the soles."""
        return self.top + self.height * fraction


def find_body(figure: Cutout) -> Body:
    """Estimates crown, soles and shoulders from the outline of a standing figure.

    The proportions are those of an upright adult of about seven and a half heads. A photo
    without a plain backdrop is taken to show one that fills most of the frame.
    """
    left, top, right, bottom = figure.box
    if figure.backdrop is None or figure.box == (0, 0, *figure.image.size):
        height = figure.image.height * 0.9
        return Body(
            top=figure.image.height * 0.06,
            height=height,
            centre_x=figure.image.width / 2,
            shoulder_width=min(height * 0.25, figure.image.width * 0.5),
        )
    height = bottom - top
    spans = [figure.span_at(fraction) for fraction in (0.2, 0.23, 0.26)]
    shoulder_left = min(span[0] for span in spans)
    shoulder_right = max(span[1] for span in spans)
    # Arms held out or a cut-off figure must not blow the garment up.
    width = min(shoulder_right - shoulder_left, height * 0.3)
    width = max(width, height * 0.16, (right - left) * 0.3)
    return Body(
        top=top,
        height=height,
        centre_x=(shoulder_left + shoulder_right) / 2,
        shoulder_width=width,
    )


def dress(canvas: Image.Image, garment: Cutout, body: Body, *, label: str) -> Image.Image:
    """The layer (mode RGBA, canvas size) that shows the garment on the body."""
    piece = garment.image.convert("RGBA")
    piece.putalpha(garment.mask)
    piece = piece.crop(garment.box)
    if _BOTTOMS.search(label):
        grip_fraction, grip_width, neck_y = 0.06, body.shoulder_width * 0.86, body.y(0.4)
        room = body.y(0.96) - neck_y
    else:
        grip_fraction, grip_width, neck_y = 0.16, body.shoulder_width * 1.1, body.y(0.135)
        room = body.y(0.9) - neck_y
    grip_left, grip_right = garment.span_at(grip_fraction)
    scale = min(grip_width / max(1, grip_right - grip_left), room / piece.height)
    size = (max(8, round(piece.width * scale)), max(8, round(piece.height * scale)))
    hang_x = ((grip_left + grip_right) / 2 - garment.box[0]) * scale
    piece = _bend(
        piece.resize(size, Image.Resampling.LANCZOS),
        axis_x=hang_x,
        widest=body.shoulder_width * 1.26,
    )
    layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    layer.paste(piece, (round(body.centre_x - hang_x), round(neck_y)))
    return layer


def _bend(piece: Image.Image, *, axis_x: float, widest: float) -> Image.Image:
    """Draws sleeves that were laid out flat in towards the body, row by row."""
    alpha = piece.getchannel("A")
    width, height = piece.size
    squeeze = []
    for index in range(_STRIPS + 1):
        y = min(height - 1, index * height // _STRIPS)
        found = alpha.crop((0, y, width, y + 1)).point(lambda v: 255 if v > 127 else 0).getbbox()
        spread = 0.0 if found is None else max(axis_x - found[0], found[2] - axis_x) * 2
        squeeze.append(max(1.0, spread / widest))
    # A garment bends gradually: each row may differ only a little from its neighbours.
    for order in (range(1, _STRIPS + 1), range(_STRIPS - 1, -1, -1)):
        for index in order:
            before = squeeze[index - 1] if order.step > 0 else squeeze[index + 1]
            squeeze[index] = max(squeeze[index], before - 0.05)
    mesh = []
    for index in range(_STRIPS):
        y0, y1 = index * height // _STRIPS, (index + 1) * height // _STRIPS
        if y1 <= y0:
            continue
        upper, lower = squeeze[index], squeeze[index + 1]
        quad = (
            axis_x - axis_x * upper, y0,
            axis_x - axis_x * lower, y1,
            axis_x + (width - axis_x) * lower, y1,
            axis_x + (width - axis_x) * upper, y0,
        )  # fmt: skip
        mesh.append(((0, y0, width, y1), quad))
    # A transparent frame, because the mesh reads beyond the piece where it is squeezed.
    return piece.transform(piece.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def head_mask(size: tuple[int, int], figure_mask: Image.Image, body: Body) -> Image.Image:
    """Mode L: head and neck, which stay in front of the garment's collar."""
    region = Image.new("L", size, 0)
    draw = ImageDraw.Draw(region)
    half = body.height * 0.058
    draw.rectangle(
        (body.centre_x - half * 1.6, 0, body.centre_x + half * 1.6, body.y(0.12)), fill=255
    )
    draw.ellipse(
        (body.centre_x - half, body.y(0.05), body.centre_x + half, body.y(0.178)), fill=255
    )
    region = region.filter(ImageFilter.GaussianBlur(max(1.0, body.height * 0.003)))
    return Image.composite(region, Image.new("L", size, 0), figure_mask)
