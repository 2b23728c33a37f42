"""Composes the pictures: the garment on the figure, the cut-out garment, the pose preview.

All of them depend on nothing but their arguments, so the same inputs and seed give the same
bytes.
"""

from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from sandbox.hautech.pictures.cutout import Cutout
from sandbox.hautech.pictures.fitting import Body, dress, find_body, head_mask

_CAPTION_WORDS = 12


@dataclass(frozen=True, slots=True)
class Caption:
    """What the strip below a picture says."""

    title: str
    text: str
    seed: int | None


def model_picture(
    *,
    size: tuple[int, int],
    figure: Cutout | None,
    garment: Cutout | None,
    label: str,
    caption: Caption,
) -> Image.Image:
    """The figure of the pose photo in the garment, before a backdrop that the seed chooses.

    Args:
        size: width and height of the picture in pixels.
        figure: the pose photo, or None for an empty studio.
        garment: the product photo, or None.
        label: what the garment is called; trousers and skirts hang from the waist.
        caption: words of the strip at the bottom.
    """
    width, height = size
    strip = max(28, height // 20)
    dice = random.Random(0 if caption.seed is None else caption.seed)
    light = _studio_light(size, dice)
    canvas = light
    body = Body(height * 0.06, (height - strip) * 0.9, width / 2, height * 0.22)
    fitted: Cutout | None = None
    if figure is not None:
        fitted = _place(figure, size, bottom_margin=strip)
        body = find_body(fitted)
        # The photo's own shadows stay, because its backdrop is multiplied with the light.
        canvas = ImageChops.multiply(fitted.image, light)
        if fitted.backdrop is None:
            canvas = Image.blend(fitted.image, canvas, 0.35)
        else:
            canvas = Image.composite(fitted.image, canvas, _true_colour_mask(fitted, body))
    if garment is not None:
        layer = dress(canvas, garment, body, label=label)
        shadow = layer.getchannel("A").filter(ImageFilter.GaussianBlur(height * 0.008))
        shadow = ImageChops.offset(shadow, 0, max(2, height // 240)).point(lambda v: v * 2 // 5)
        worn = Image.composite(Image.new("RGB", size, (24, 22, 26)), canvas, shadow)
        # A white garment before a white wall would vanish: cloth takes a little of the light.
        tint = Image.blend(light, Image.new("RGB", size, (255, 255, 255)), 0.7)
        cloth = ImageChops.multiply(layer.convert("RGB"), tint)
        worn.paste(cloth, (0, 0), layer.getchannel("A"))
        if fitted is not None and fitted.backdrop is not None:
            worn = Image.composite(canvas, worn, head_mask(size, fitted.mask, body))
        canvas = worn
    return _with_caption(canvas, caption, strip)


def prepared_garment(garment: Cutout, size: tuple[int, int]) -> Image.Image:
    """The garment alone on a light checkerboard."""
    board = _checkerboard(garment.image.size)
    board.paste(garment.image, (0, 0), garment.mask)
    outline = garment.mask.filter(ImageFilter.FIND_EDGES).filter(ImageFilter.GaussianBlur(1))
    board.paste((92, 132, 214), (0, 0), outline)
    return board if board.size == size else board.resize(size, Image.Resampling.LANCZOS)


def pose_preview(figure: Cutout, size: tuple[int, int]) -> Image.Image:
    """The outline of the pose: a silhouette with its inner edges drawn, as a pose model sees it."""
    fitted = _place(figure, size, bottom_margin=0)
    canvas = Image.new("RGB", size, (238, 241, 248))
    silhouette = fitted.mask if fitted.backdrop is not None else Image.new("L", size, 0)
    canvas.paste((186, 202, 236), (0, 0), silhouette)
    grey = fitted.image.convert("L").filter(ImageFilter.GaussianBlur(1.5))
    # FIND_EDGES also "finds" the photo's own frame; the crop below blanks that rim.
    edges = grey.filter(ImageFilter.FIND_EDGES).point(lambda v: min(255, max(0, v - 6) * 9))
    inner = Image.new("L", size, 0)
    inner.paste(edges.crop((3, 3, size[0] - 3, size[1] - 3)), (3, 3))
    canvas.paste((38, 62, 128), (0, 0), inner)
    return canvas


def _true_colour_mask(figure: Cutout, body: Body) -> Image.Image:
    """Where the figure keeps its own colours: on it, but not where it is as pale as the wall.

    The outline alone is not enough: the wall also shows between legs and through hair. The
    face is kept as it is, because light on a cheek is as pale as the wall.
    """
    wall = Image.new("RGB", figure.image.size, figure.backdrop)
    red, green, blue = ImageChops.difference(figure.image, wall).split()
    distance = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    keep = distance.point(lambda v: min(255, max(0, v - 14) * 5))
    half = body.height * 0.035
    face = (body.centre_x - half, body.y(0.025), body.centre_x + half, body.y(0.135))
    ImageDraw.Draw(keep).ellipse(face, fill=255)
    return ImageChops.darker(figure.mask, keep)


def _studio_light(size: tuple[int, int], dice: random.Random) -> Image.Image:
    """A backdrop lit from one side; the seed chooses colour and side."""
    hue, side = dice.random(), dice.choice((-1, 1))
    near = _rgb(hue, 0.07, 0.99)
    far = _rgb((hue + dice.uniform(-0.08, 0.08)) % 1, 0.24, 0.84)
    ramp = Image.linear_gradient("L").rotate(
        90 - side * dice.randint(50, 80), resample=Image.Resampling.BICUBIC
    )
    ramp = ramp.crop((52, 52, 204, 204)).resize(size, Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", size, far), Image.new("RGB", size, near), ramp)


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _place(figure: Cutout, size: tuple[int, int], *, bottom_margin: int) -> Cutout:
    """The photo fitted whole into the canvas, its backdrop carried on to the canvas's ends."""
    width, height = size[0], size[1] - bottom_margin
    source = figure.image
    scale = min(width / source.width, height / source.height)
    inner = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    at = ((width - inner[0]) // 2, (height - inner[1]) // 2)
    if figure.backdrop is None:
        image = _blurred_cover(source, size)
    else:
        image = Image.new("RGB", size, figure.backdrop)
    image.paste(source.resize(inner, Image.Resampling.LANCZOS), at)
    mask = Image.new("L", size, 0)
    mask.paste(figure.mask.resize(inner, Image.Resampling.BILINEAR), at)
    left, top, right, bottom = figure.box
    box = (
        at[0] + int(left * scale),
        at[1] + int(top * scale),
        at[0] + min(inner[0], max(1, int(right * scale))),
        at[1] + min(inner[1], max(1, int(bottom * scale))),
    )
    return Cutout(image=image, mask=mask, box=box, backdrop=figure.backdrop)


def _blurred_cover(source: Image.Image, size: tuple[int, int]) -> Image.Image:
    small = source.resize((24, 24), Image.Resampling.BOX)
    return small.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(6))


def _checkerboard(size: tuple[int, int], square: int = 24) -> Image.Image:
    tile = Image.new("RGB", (square * 2, square * 2), (255, 255, 255))
    for at in ((0, 0), (square, square)):
        tile.paste((229, 231, 237), (*at, at[0] + square, at[1] + square))
    board = Image.new("RGB", size)
    for y in range(0, size[1], square * 2):
        for x in range(0, size[0], square * 2):
            board.paste(tile, (x, y))
    return board


def _with_caption(canvas: Image.Image, caption: Caption, strip: int) -> Image.Image:
    width, height = canvas.size
    plate = Image.new("RGB", (width, strip), (28, 30, 38))
    draw = ImageDraw.Draw(plate)
    title_font = ImageFont.load_default(round(strip * 0.4))
    text_font = ImageFont.load_default(round(strip * 0.36))
    pad, middle = strip // 3, strip // 2
    draw.text((pad, middle), caption.title, font=title_font, fill=(255, 255, 255), anchor="lm")
    start = pad * 2 + round(draw.textlength(caption.title, font=title_font))
    seed = "" if caption.seed is None else f"seed {caption.seed}"
    end = width - pad * 2 - round(draw.textlength(seed, font=text_font))
    draw.text((width - pad, middle), seed, font=text_font, fill=(160, 168, 186), anchor="rm")
    words = " ".join(caption.text.split()[:_CAPTION_WORDS])
    while words and draw.textlength(words + "…", font=text_font) > end - start:
        words = words[: -max(1, len(words) // 12)].rstrip()
    if words:
        text = words if words == " ".join(caption.text.split()) else words + "…"
        draw.text((start, middle), text, font=text_font, fill=(206, 212, 226), anchor="lm")
    captioned = canvas.copy()
    captioned.paste(plate, (0, height - strip))
    return captioned
