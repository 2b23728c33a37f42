"""The drawings: what stands out from a backdrop, and how a garment is put on a figure."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageDraw

from sandbox.hautech.pictures.compose import Caption, model_picture, pose_preview
from sandbox.hautech.pictures.cutout import cut_out, torso
from sandbox.hautech.pictures.fitting import find_body

CAPTION = Caption(title="Test", text="words of a prompt", seed=1)


def figure_photo() -> Image.Image:
    """A standing figure: head, shoulders and legs, on a pale wall."""
    image = Image.new("RGB", (400, 600), (248, 248, 246))
    draw = ImageDraw.Draw(image)
    draw.ellipse((175, 40, 225, 110), fill=(200, 150, 120))
    draw.rectangle((140, 115, 260, 300), fill="black")
    draw.rectangle((160, 300, 240, 560), fill=(200, 150, 120))
    return image


def garment_photo(cloth: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", (300, 300), (250, 250, 250))
    ImageDraw.Draw(image).rectangle((60, 50, 239, 249), fill=cloth)
    return image


def colour(image: Image.Image, point: tuple[int, int]) -> tuple[int, int, int]:
    pixel = image.getpixel(point)
    assert isinstance(pixel, tuple)
    return pixel[0], pixel[1], pixel[2]


def test_white_garment_is_told_from_a_white_wall() -> None:
    cutout = cut_out(garment_photo((243, 243, 243)))
    left, top, right, bottom = cutout.box
    assert abs(left - 60) <= 3
    assert abs(top - 50) <= 3
    assert abs(right - 240) <= 3
    assert abs(bottom - 250) <= 3
    assert cutout.mask.getpixel((150, 150)) == 255
    assert cutout.mask.getpixel((5, 5)) == 0


def test_backdrop_colour_inside_the_garment_stays_part_of_it() -> None:
    photo = garment_photo((30, 60, 90))
    ImageDraw.Draw(photo).ellipse((120, 120, 180, 180), fill=(250, 250, 250))
    assert cut_out(photo).mask.getpixel((150, 150)) == 255


def test_transparency_of_the_file_is_the_mask() -> None:
    photo = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    photo.paste((255, 0, 0, 255), (10, 10, 40, 40))
    cutout = cut_out(photo)
    assert cutout.box == (10, 10, 40, 40)
    assert cutout.image.getpixel((0, 0)) == (255, 255, 255)


def test_photo_without_a_backdrop_stays_whole() -> None:
    scenery = Image.effect_noise((200, 200), 120).convert("RGB")
    cutout = cut_out(scenery)
    assert cutout.backdrop is None
    assert cutout.box == (0, 0, 200, 200)
    plain = cut_out(Image.new("RGB", (64, 64), "red"))
    assert plain.box == (0, 0, 64, 64)


def test_body_is_found_by_its_outline() -> None:
    body = find_body(cut_out(figure_photo()))
    assert abs(body.centre_x - 200) <= 3
    assert abs(body.top - 40) <= 4
    assert abs(body.height - 520) <= 8
    assert abs(body.shoulder_width - 120) <= 8


def test_garment_is_worn_on_the_torso_and_not_on_head_or_legs() -> None:
    figure, red = cut_out(figure_photo()), cut_out(garment_photo((210, 20, 20)))
    dressed = model_picture(size=(400, 640), figure=figure, garment=red, label="", caption=CAPTION)
    bare = model_picture(size=(400, 640), figure=figure, garment=None, label="", caption=CAPTION)
    red_, green, _ = colour(dressed, (200, 220))
    assert red_ > 150 > green
    for point in ((200, 70), (200, 520)):
        assert dressed.getpixel(point) == bare.getpixel(point)


def test_trousers_hang_from_the_waist() -> None:
    figure, red = cut_out(figure_photo()), cut_out(garment_photo((210, 20, 20)))
    dressed = model_picture(
        size=(400, 640), figure=figure, garment=red, label="blue jeans", caption=CAPTION
    )
    assert max(colour(dressed, (200, 180))) < 60
    assert colour(dressed, (200, 340))[0] > 150


def test_garment_photographed_on_a_person_is_only_its_torso() -> None:
    whole = cut_out(figure_photo())
    part = torso(whole)
    assert part.box[1] > whole.box[1] + 50
    assert part.box[3] < whole.box[3] - 150


def test_pictures_can_be_drawn_in_every_odd_case() -> None:
    scenery = cut_out(Image.effect_noise((200, 300), 120).convert("RGB"))
    tiny = cut_out(Image.new("RGB", (1, 1), "blue"))
    for figure in (None, scenery, tiny):
        for garment in (None, scenery, tiny):
            image = model_picture(
                size=(640, 1536), figure=figure, garment=garment, label="", caption=CAPTION
            )
            assert image.size == (640, 1536)
        if figure is not None:
            assert pose_preview(figure, (1536, 640)).size == (1536, 640)


def test_seed_changes_the_light_and_caption_the_strip() -> None:
    figure = cut_out(figure_photo())

    def draw(caption: Caption) -> Image.Image:
        return model_picture(
            size=(400, 640), figure=figure, garment=None, label="", caption=caption
        )

    first, other_seed = draw(CAPTION), draw(Caption("Test", CAPTION.text, 2))
    other_words = draw(Caption("Test", "something else", 1))
    wall, strip = (0, 0, 400, 100), (0, 608, 400, 640)
    assert ImageChops.difference(first.crop(wall), other_seed.crop(wall)).getbbox()
    assert not ImageChops.difference(first.crop(wall), other_words.crop(wall)).getbbox()
    assert ImageChops.difference(first.crop(strip), other_words.crop(strip)).getbbox()
    assert draw(Caption("Test", "long " * 400, None)).size == (400, 640)


def test_neck_stays_in_front_of_the_collar() -> None:
    figure, red = cut_out(figure_photo()), cut_out(garment_photo((210, 20, 20)))
    dressed = model_picture(size=(400, 640), figure=figure, garment=red, label="", caption=CAPTION)
    assert max(colour(dressed, (200, 126))) < 60
    assert colour(dressed, (160, 126))[0] > 150
