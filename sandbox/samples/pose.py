"""The pose sample: a standing figure in plain clothes before a light grey backdrop."""

from __future__ import annotations

from PIL import Image

from sandbox.samples.canvas import Canvas, Colour, Point, curve, ellipse, mirrored, outline

SIZE = (832, 1200)
_AXIS = 416.0

_SKIN: Colour = (214, 160, 126)
_SKIN_DEEP: Colour = (186, 128, 98)
_BLUSH: Colour = (204, 116, 92)
_HAIR: Colour = (62, 40, 34)
_HAIR_LIGHT: Colour = (98, 66, 52)
_SHIRT: Colour = (88, 92, 104)
_SHIRT_DEEP: Colour = (62, 66, 78)
_TROUSERS: Colour = (52, 56, 68)
_TROUSERS_DEEP: Colour = (36, 39, 50)
_SHADOW: Colour = (22, 24, 34)
_SHOE: Colour = (176, 84, 62)
_SOLE: Colour = (120, 110, 104)
_LINE: Colour = (116, 72, 56)


def draw_pose() -> Image.Image:
    """The figure, mode RGB, 832 x 1200 pixels."""
    canvas = Canvas(SIZE, (240, 241, 243), (240, 241, 243))
    canvas.shade(ellipse((_AXIS, 1134), 116, 6), (150, 154, 164), opacity=0.45, blur=5)
    canvas.fill(_hair_behind(), _HAIR, _HAIR_LIGHT)
    for is_left in (True, False):
        _arm(canvas, is_left=is_left)
    for is_left in (True, False):
        _leg(canvas, is_left=is_left)
    _neck(canvas)
    _shirt(canvas)
    _head(canvas)
    return canvas.picture()


def _sided(line: list[Point], *, is_left: bool) -> list[Point]:
    return line if is_left else mirrored(line, _AXIS)


def _both(half: list[Point]) -> list[Point]:
    """A closed shape from its left half, drawn from top to bottom."""
    return outline(half, list(reversed(mirrored(half, _AXIS))))


def _arm(canvas: Canvas, *, is_left: bool) -> None:
    arm = outline(
        curve((296, 330), (288, 400), (284, 462), (284, 520), (288, 576)),
        curve((288, 576), (282, 604), (280, 632), (288, 660), (300, 684), (310, 688), (312, 676)),
        curve((312, 676), (318, 650), (320, 618), (314, 586)),
        curve((314, 586), (322, 520), (328, 460), (334, 400), (338, 336)),
    )
    arm = _sided(arm, is_left=is_left)
    canvas.fill(arm, _SKIN, _SKIN_DEEP)
    inner = outline(
        curve((318, 360), (314, 460), (304, 580)), curve((318, 580), (330, 460), (340, 360))
    )
    canvas.shade(_sided(inner, is_left=is_left), _LINE, opacity=0.45, blur=6, within=arm)
    for line in (
        curve((297, 640), (300, 664), (305, 682)),
        curve((290, 632), (292, 652), (297, 672)),
        curve((313, 606), (306, 618), (305, 636)),
    ):
        canvas.stroke(_sided(line, is_left=is_left), _LINE, 1.5)


def _leg(canvas: Canvas, *, is_left: bool) -> None:
    shoe = outline(
        curve((330, 1076), (322, 1096), (312, 1116), (306, 1132)),
        curve((306, 1132), (330, 1142), (366, 1140), (386, 1130)),
        curve((386, 1130), (386, 1108), (382, 1090), (376, 1072)),
    )
    canvas.fill(_sided(shoe, is_left=is_left), _SHOE, (140, 60, 44))
    sole = curve((306, 1134), (332, 1142), (364, 1141), (386, 1132))
    canvas.stroke(_sided(sole, is_left=is_left), _SOLE, 6)
    for y in (1092, 1101, 1110):
        lace = curve((341 - (y - 1092) / 3, y), (352, y + 4), (364, y + 1))
        canvas.stroke(_sided(lace, is_left=is_left), (244, 232, 222), 2.4)
    leg = outline(
        curve((322, 560), (312, 640), (314, 740), (322, 830), (320, 920), (322, 1010), (324, 1082)),
        curve((324, 1082), (344, 1090), (366, 1090), (382, 1082)),
        curve(
            (382, 1082), (390, 1000), (400, 910), (402, 830), (410, 740), (415, 660), (_AXIS, 600)
        ),
        curve((_AXIS, 600), (_AXIS, 560)),
    )
    leg = _sided(leg, is_left=is_left)
    canvas.fill(leg, _TROUSERS, _TROUSERS_DEEP)
    inner = outline(
        curve((400, 610), (394, 760), (384, 900), (366, 1084)),
        curve((392, 1084), (412, 900), (424, 760), (424, 610)),
    )
    canvas.shade(_sided(inner, is_left=is_left), _SHADOW, opacity=0.7, blur=10, within=leg)
    crease = curve((362, 640), (358, 760), (360, 860), (354, 980), (352, 1078))
    canvas.stroke(_sided(crease, is_left=is_left), (76, 81, 96), 2)
    for line in (
        curve((326, 838), (342, 848), (356, 846)),
        curve((394, 820), (384, 832), (370, 836)),
    ):
        canvas.stroke(_sided(line, is_left=is_left), _TROUSERS_DEEP, 2)


def _neck(canvas: Canvas) -> None:
    half = curve(
        (393, 180), (393, 214), (382, 234), (362, 246), (352, 266), (380, 282), (_AXIS, 286)
    )
    neck = _both(half)
    canvas.fill(neck, _SKIN, _SKIN)
    canvas.shade(ellipse((_AXIS, 198), 30, 18), _LINE, opacity=0.55, blur=7, within=neck)
    for line in (curve((410, 258), (398, 250), (380, 247)),):
        canvas.stroke(line, _SKIN_DEEP, 1.8)
        canvas.stroke(mirrored(line, _AXIS), _SKIN_DEEP, 1.8)


def _shirt(canvas: Canvas) -> None:
    half = outline(
        curve((_AXIS, 276), (396, 272), (380, 260), (370, 241)),
        curve((370, 241), (344, 250), (316, 260), (300, 284), (290, 320), (284, 364)),
        curve((284, 364), (302, 374), (322, 378), (337, 377)),
        curve((337, 377), (341, 352), (343, 340)),
        curve((343, 340), (346, 390), (352, 430), (350, 470), (336, 520), (322, 566), (318, 596)),
        curve((318, 596), (350, 606), (386, 610), (_AXIS, 611)),
    )
    shirt = _both(half)
    canvas.fill(shirt, _SHIRT, _SHIRT_DEEP)
    for is_left in (True, False):
        side = outline(
            curve((340, 350), (348, 430), (346, 480), (318, 600)),
            curve((350, 600), (366, 480), (366, 430), (350, 350)),
        )
        canvas.shade(_sided(side, is_left=is_left), _SHADOW, opacity=0.6, blur=9, within=shirt)
        for line in (
            curve((337, 377), (342, 350), (346, 322)),
            curve((356, 470), (372, 482), (392, 486)),
            curve((348, 500), (362, 512), (378, 516)),
        ):
            canvas.stroke(_sided(line, is_left=is_left), _SHIRT_DEEP, 2)
        sleeve_hem = curve((285, 356), (303, 366), (322, 370), (338, 369))
        canvas.stitches(_sided(sleeve_hem, is_left=is_left), (132, 137, 150), 1.5)
    collar = curve((370, 241), (380, 260), (396, 272), (_AXIS, 276))
    collar = outline(collar, list(reversed(mirrored(collar, _AXIS))))
    canvas.stroke(collar, _SHIRT_DEEP, 6)
    canvas.stroke(collar, (112, 117, 130), 2)
    hem = curve((320, 588), (350, 598), (386, 602), (_AXIS, 603))
    canvas.stitches(outline(hem, list(reversed(mirrored(hem, _AXIS)))), (132, 137, 150), 1.5)


def _hair_behind() -> list[Point]:
    return _both(
        curve((_AXIS, 60), (384, 64), (362, 86), (358, 122), (362, 164), (352, 200), (356, 226),
              (380, 236), (_AXIS, 232))
    )  # fmt: skip


def _head(canvas: Canvas) -> None:
    face = _both(
        curve((_AXIS, 80), (390, 84), (374, 104), (371, 130), (375, 158), (386, 182), (402, 198),
              (_AXIS, 203))
    )  # fmt: skip
    canvas.fill(face, (222, 170, 136), _SKIN)
    canvas.shade(ellipse((384, 166), 13, 9), _BLUSH, opacity=0.4, blur=5, within=face)
    canvas.shade(ellipse((448, 166), 13, 9), _BLUSH, opacity=0.4, blur=5, within=face)
    for is_left in (True, False):
        brow = curve((383, 128), (392, 123), (404, 126))
        canvas.stroke(_sided(brow, is_left=is_left), _HAIR, 3)
        eye = outline(
            curve((384, 142.5), (393, 138), (404, 143)),
            curve((404, 143), (395, 146.5), (384, 142.5)),
        )
        canvas.fill(_sided(eye, is_left=is_left), (250, 246, 242))
        iris = (394.5, 142) if is_left else (437.5, 142)
        canvas.fill(ellipse(iris, 4.2, 4.2), (74, 62, 50))
        canvas.fill(ellipse(iris, 2, 2), (20, 20, 24))
        lash = curve((381.5, 143), (386, 139.5), (393, 137.4), (400, 139), (406, 143.5))
        canvas.stroke(_sided(lash, is_left=is_left), _HAIR, 2.6)
    canvas.stroke(curve((414, 142), (410, 160), (408, 168), (416, 171)), _SKIN_DEEP, 2)
    lips = outline(
        curve((400, 181), (410, 180.4), (416, 182), (422, 180.4), (432, 181)),
        curve((432, 181), (425, 187.5), (416, 189.5), (407, 187.5), (400, 181)),
    )
    canvas.fill(lips, (184, 92, 84), (170, 78, 74))
    canvas.stroke(
        curve((400, 181), (408, 183.6), (416, 184.2), (424, 183.6), (432, 181)), (134, 58, 56), 1.3
    )
    fringe = outline(
        curve((404, 70), (430, 64), (462, 78), (474, 110), (472, 150), (476, 190), (478, 214)),
        curve((478, 214), (466, 190), (462, 156), (456, 128), (436, 104), (404, 88)),
        curve((404, 88), (388, 106), (376, 128), (371, 160), (364, 190), (354, 214)),
        curve((354, 214), (356, 190), (360, 150), (358, 110), (372, 78), (404, 70)),
    )
    canvas.fill(fringe, _HAIR_LIGHT, _HAIR)
    for line in (
        curve((410, 72), (440, 84), (460, 112), (466, 160)),
        curve((400, 74), (378, 92), (368, 124), (364, 168)),
        curve((416, 68), (448, 76), (468, 104), (471, 150)),
    ):
        canvas.stroke(line, (124, 88, 70), 1.6)
