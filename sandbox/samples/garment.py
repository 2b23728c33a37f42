"""The garment sample: a short jacket with buttons and pockets, laid out on white."""

from __future__ import annotations

from PIL import Image

from sandbox.samples.canvas import Canvas, Colour, Point, curve, ellipse, mirrored, outline

SIZE = (832, 1200)
_AXIS = 416.0

_CLOTH: Colour = (28, 92, 96)
_CLOTH_DEEP: Colour = (18, 70, 76)
_CLOTH_LIGHT: Colour = (40, 114, 116)
_SHADOW: Colour = (8, 36, 42)
_TRIM: Colour = (236, 222, 196)
_LINING: Colour = (12, 46, 52)
_STITCH: Colour = (112, 168, 164)
_BRASS: Colour = (214, 174, 96)
_BRASS_DEEP: Colour = (150, 108, 48)


def draw_garment() -> Image.Image:
    """The jacket, mode RGB, 832 x 1200 pixels."""
    canvas = Canvas(SIZE, (255, 255, 255), (255, 255, 255))
    body, sleeve = _body(), _sleeve()
    other_sleeve = mirrored(sleeve, _AXIS)
    for shape in (sleeve, other_sleeve):
        _draw_sleeve(canvas, shape, is_left=shape is sleeve)
    _draw_body(canvas, body)
    _neck_lining(canvas)
    _pockets(canvas)
    _front(canvas)
    _collar(canvas)
    return canvas.picture()


def _half_body() -> list[Point]:
    """From the neck over the left shoulder and side to the middle of the hem."""
    return outline(
        curve((346, 226), (300, 240), (250, 262), (214, 288)),
        curve((214, 288), (214, 360), (206, 430), (198, 500), (186, 600), (176, 690), (170, 768)),
        curve((170, 768), (250, 776), (330, 780), (_AXIS, 781)),
    )


def _body() -> list[Point]:
    left = _half_body()
    return outline(left, list(reversed(mirrored(left, _AXIS))))


def _sleeve() -> list[Point]:
    return outline(
        curve((232, 274), (196, 290), (174, 322), (156, 372), (128, 480), (98, 620), (70, 760),
              (48, 880), (34, 968)),
        curve((34, 968), (64, 982), (100, 988), (130, 988)),
        curve((130, 988), (144, 920), (162, 810), (180, 700), (202, 580), (220, 440), (236, 360),
              (240, 300)),
    )  # fmt: skip


def _draw_sleeve(canvas: Canvas, shape: list[Point], *, is_left: bool) -> None:
    def side(*points: Point) -> list[Point]:
        line = curve(*points)
        return line if is_left else mirrored(line, _AXIS)

    ends = (_CLOTH_LIGHT, _CLOTH_DEEP) if is_left else (_CLOTH_DEEP, _CLOTH_LIGHT)
    canvas.fill(shape, *ends, sideways=True)
    fold = outline(side((200, 420), (176, 560), (140, 760), (112, 940)),
                   side((132, 940), (166, 740), (200, 560), (216, 420)))  # fmt: skip
    canvas.shade(fold, _SHADOW, opacity=0.5, blur=12, within=shape)
    shine = outline(side((166, 380), (132, 520), (94, 720), (66, 900)),
                    side((76, 900), (108, 720), (150, 520), (184, 380)))  # fmt: skip
    canvas.shade(shine, (92, 160, 158), opacity=0.42, blur=9, within=shape)
    for top, bottom in (((150, 640), (186, 622)), ((120, 700), (170, 690))):
        middle = ((top[0] + bottom[0]) / 2, (top[1] + bottom[1]) / 2 + 9)
        canvas.stroke(side(top, middle, bottom), _CLOTH_DEEP, 2.2)
    cuff = outline(side((43, 908), (34, 968)), side((34, 968), (64, 982), (100, 988), (130, 988)),
                   side((130, 988), (142, 930)), side((142, 930), (108, 930), (72, 922), (43, 908)))  # fmt: skip
    canvas.fill(cuff, _CLOTH, _CLOTH_DEEP)
    canvas.stroke(side((43, 908), (72, 922), (108, 930), (142, 930)), _TRIM, 4)
    canvas.stitches(side((36, 956), (66, 970), (102, 976), (132, 976)), _STITCH, 1.6)
    _button(canvas, side((116, 954), (116, 954))[0], 8)


def _draw_body(canvas: Canvas, shape: list[Point]) -> None:
    canvas.fill(shape, _CLOTH_LIGHT, _CLOTH)
    for flip in (False, True):
        edge = outline(
            curve((214, 288), (206, 430), (186, 600), (168, 780)),
            curve((232, 780), (226, 600), (232, 430), (240, 320)),
        )
        canvas.shade(
            mirrored(edge, _AXIS) if flip else edge, _SHADOW, opacity=0.55, blur=13, within=shape
        )
        fold = outline(
            curve((300, 560), (286, 640), (282, 740)), curve((304, 740), (306, 640), (310, 560))
        )
        canvas.shade(
            mirrored(fold, _AXIS) if flip else fold, _SHADOW, opacity=0.28, blur=9, within=shape
        )
        seam = curve((214, 288), (226, 330), (230, 372), (222, 430))
        seam = mirrored(seam, _AXIS) if flip else seam
        canvas.stroke(seam, _CLOTH_DEEP, 3)
        canvas.stitches([(x + (-6 if flip else 6), y) for x, y in seam], _STITCH, 1.6)
        yoke = curve((226, 342), (300, 352), (_AXIS, 356))
        yoke = mirrored(yoke, _AXIS) if flip else yoke
        canvas.stroke(yoke, _CLOTH_DEEP, 2.6)
        canvas.stitches([(x, y + 6) for x, y in yoke], _STITCH, 1.6)
    band_top = curve((174, 716), (250, 724), (330, 728), (_AXIS, 729))
    band_top = outline(band_top, list(reversed(mirrored(band_top, _AXIS))))
    hem = curve((170, 768), (250, 776), (330, 780), (_AXIS, 781))
    hem = outline(hem, list(reversed(mirrored(hem, _AXIS))))
    canvas.fill(outline(band_top, list(reversed(hem))), _CLOTH, _CLOTH_DEEP)
    canvas.stroke(band_top, _TRIM, 4)
    canvas.stitches([(x, y - 10) for x, y in hem], _STITCH, 1.6)


def _neck_lining(canvas: Canvas) -> None:
    inside = outline(
        curve((340, 214), (376, 206), (_AXIS, 204), (456, 206), (492, 214)),
        curve((492, 214), (484, 256), (456, 288), (_AXIS, 310), (376, 288), (348, 256), (340, 214)),
    )
    canvas.fill(inside, _LINING, _CLOTH_DEEP)
    label = outline(curve((392, 222), (440, 222)), curve((440, 246), (392, 246)))
    canvas.fill(label, _TRIM, (216, 200, 170))
    canvas.stroke([(402, 234), (430, 234)], (150, 132, 104), 1.8)


def _pockets(canvas: Canvas) -> None:
    for flip in (False, True):
        for box in ((262, 404, 356, 452), (236, 612, 352, 668)):
            left, top, right, bottom = box
            flap = outline(
                curve((left, top), (right, top + 5)),
                curve((right, top + 5), (right, bottom - 8)),
                curve((right, bottom - 8), ((left + right) / 2, bottom + 6), (left, bottom - 12)),
            )
            flap = mirrored(flap, _AXIS) if flip else flap
            canvas.shade([(x, y + 5) for x, y in flap], _SHADOW, opacity=0.5, blur=5)
            canvas.fill(flap, _CLOTH_LIGHT, _CLOTH)
            rim = curve((left, top), (right, top + 5))
            canvas.stroke(mirrored(rim, _AXIS) if flip else rim, _TRIM, 3.4)
            knob = ((left + right) / 2, bottom - 14)
            _button(canvas, (2 * _AXIS - knob[0], knob[1]) if flip else knob, 7)


def _front(canvas: Canvas) -> None:
    placket = outline(
        curve((396, 300), (437, 300)), curve((437, 300), (438, 540), (438, 782)),
        curve((438, 782), (396, 782)), curve((396, 782), (396, 540), (396, 300)),
    )  # fmt: skip
    canvas.shade([(x + 7, y) for x, y in placket], _SHADOW, opacity=0.45, blur=5, within=_body())
    canvas.fill(placket, _CLOTH_LIGHT, _CLOTH)
    canvas.stroke(curve((437, 300), (438, 540), (438, 780)), _TRIM, 3.4)
    canvas.stitches(curve((402, 306), (402, 540), (402, 776)), _STITCH, 1.6)
    for y in (352, 444, 536, 628, 752):
        _button(canvas, (418, y), 11)


def _collar(canvas: Canvas) -> None:
    left = outline(
        curve((340, 212), (348, 256), (376, 288), (418, 306)),
        curve((418, 306), (396, 340), (372, 356), (352, 360)),
        curve((352, 360), (322, 322), (304, 282), (302, 238)),
        curve((302, 238), (318, 224), (328, 216), (340, 212)),
    )
    for shape in (mirrored(left, _AXIS), left):
        canvas.shade([(x, y + 7) for x, y in shape], _SHADOW, opacity=0.5, blur=6, within=_body())
        canvas.fill(shape, _CLOTH_LIGHT, _CLOTH)
    rim = curve((302, 238), (304, 282), (322, 322), (352, 360))
    tip = curve((352, 360), (372, 356), (396, 340), (418, 306))
    for line in (rim, tip):
        canvas.stroke(line, _TRIM, 4)
        canvas.stroke(mirrored(line, _AXIS), _TRIM, 4)


def _button(canvas: Canvas, centre: Point, radius: float) -> None:
    x, y = centre
    canvas.shade(ellipse((x + 1, y + 3), radius, radius), _SHADOW, opacity=0.6, blur=2.5)
    canvas.fill(ellipse(centre, radius, radius), _BRASS, _BRASS_DEEP)
    canvas.fill(ellipse(centre, radius * 0.7, radius * 0.7), (226, 190, 118), _BRASS)
    for dx in (-0.22, 0.22):
        for dy in (-0.22, 0.22):
            hole = ellipse((x + dx * radius, y + dy * radius), radius * 0.11, radius * 0.11)
            canvas.fill(hole, _BRASS_DEEP)
