"""Files as people drop them, drawn on the spot: photos on their side, HEIC, odd names, no photo at all."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pillow_heif
from PIL import Image

from sandbox.samples import draw_garment

_ORIENTATION: Final = 0x0112
_TURN_RIGHT: Final = 6
"""What a phone writes that was held upright: the pixels lie on their side (Source: Exif 2.32,
Orientation)."""

_SIDECAR = """\
# What is different for the photo of the same name.
input:
  prompt: A model wearing the jacket of the photo, on a terrace in the evening sun
  seed: 7
"""

# The last row asks for a seed that is none: the others do not wait for it.
_LIST = """\
sku,photo,input.prompt,input.seed
1042,jacket.png,"A woman in the jacket of the photo, in the snow",1
1043,RED JACKET.JPG,"A woman in the jacket of the photo, by the sea",2
1044,jacket.png,"A woman in the jacket of the photo, in the forest",many
"""

_NO_PHOTO = "This is a price list, whatever its name says.\njacket;120\n"


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file for the inbox; `oddity` says what is to be seen with it."""

    name: str
    oddity: str
    content: bytes


def odd_files() -> Iterator[OddFile]:
    """The files, in the order in which they are best dropped; the same ones each time but for HEIC."""
    jacket = draw_garment()
    yield OddFile("jacket.png", "an ordinary photo", _saved(jacket, "PNG"))
    yield OddFile(
        "RED JACKET.JPG", "an extension in capitals", _saved(_coloured(jacket, 110), "JPEG")
    )
    yield OddFile(
        "phone 0142.jpg",
        "a phone's photo on its side: the phone noted how it was held",
        _on_its_side(_coloured(jacket, 60)),
    )
    yield OddFile("IMG_0815.HEIC", "a phone's format", _heic(_coloured(jacket, 160)))
    yield OddFile(
        "summer sale 🌞 +50%.png",
        "a name with an emoji and more",
        _saved(_coloured(jacket, 200), "PNG"),
    )
    yield OddFile("price list.jpg", "no photo at all", _NO_PHOTO.encode())
    yield OddFile("evening.yaml", "what is different for evening.jpg", _SIDECAR.encode())
    yield OddFile(
        "evening.jpg", "a photo with a file beside it", _saved(_coloured(jacket, 30), "JPEG")
    )
    yield OddFile(
        "spring/coat.png", "two pictures of one photo", _saved(_coloured(jacket, 230), "PNG")
    )
    yield OddFile("autumn.csv", "a list of requests, one of them bad", _LIST.encode())


def drop_odd_files(inbox: Path) -> tuple[OddFile, ...]:
    """Writes those that are not there yet; gives all.

    Raises OSError when the folder cannot be written.
    """
    files = tuple(odd_files())
    for file in files:
        place = inbox / file.name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            unfinished = place.with_name(
                f".{place.name}"
            )  # hidden, so nobody takes it half written
            unfinished.write_bytes(file.content)
            unfinished.replace(place)
    return files


def _coloured(picture: Image.Image, turn: int) -> Image.Image:
    """The same in another colour; `turn` is in 256ths of the circle of colours."""
    hue, saturation, value = picture.convert("HSV").split()
    hue = hue.point([(level + turn) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def _saved(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def _on_its_side(picture: Image.Image) -> bytes:
    marks = Image.Exif()
    marks[_ORIENTATION] = _TURN_RIGHT
    file = io.BytesIO()
    picture.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=marks)
    return file.getvalue()


def _heic(picture: Image.Image) -> bytes:
    # Half as large: the encoder is slow.
    half = picture.resize((picture.width // 2, picture.height // 2))
    file = io.BytesIO()
    pillow_heif.from_pillow(half).save(file, quality=80)
    return file.getvalue()
