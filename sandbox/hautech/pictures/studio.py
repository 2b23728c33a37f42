"""Draws each picture when it is first asked for, away from the event loop, and remembers it.

A run only notes *what* its picture would show (a `Drawing`). Most runs of a bench are never
looked at, and those that are may be asked for several times.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
import zlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageOps

from sandbox.hautech.contents import ContentStore
from sandbox.hautech.pictures.compose import (
    Caption,
    model_picture,
    pose_preview,
    prepared_garment,
)
from sandbox.hautech.pictures.cutout import Cutout, cut_out, torso

_MAX_SOURCE_SIDE_PX = 1600
_REMEMBERED_CUTOUTS = 8
_REMEMBERED_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture whose bytes were uploaded."""

    digest: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that can be drawn at any time from what it says here.

    Attributes:
        kind: what is drawn.
        title: name of the workflow, for the caption.
        width: pixels.
        height: pixels.
        garment: photo of the garment, None if the drawing has none.
        pose: photo of the pose, None if the drawing has none.
        prompt: first words go into the caption.
        label: what the garment is.
        is_human: the garment photo shows a person who wears it.
        seed: chooses backdrop and light.
    """

    kind: Literal["model", "prepared-image", "pose-preview"]
    title: str
    width: int
    height: int
    garment: Upload | Drawing | None = None
    pose: Upload | Drawing | None = None
    prompt: str = ""
    label: str = ""
    is_human: bool = False
    seed: int | None = None

    @property
    def key(self) -> str:
        """Equal for drawings that look the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


Source = Upload | Drawing


class Studio:
    """Turns sources into image bytes; drawings become PNG."""

    def __init__(self, contents: ContentStore) -> None:
        self._contents = contents
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="studio")
        self._drawn: OrderedDict[str, bytes] = OrderedDict()
        self._drawn_bytes = 0
        self._under_way: dict[str, asyncio.Future[bytes]] = {}
        self._cutouts: OrderedDict[tuple[Source, bool], Cutout] = OrderedDict()
        self._cutouts_lock = threading.Lock()

    @property
    def pool(self) -> ThreadPoolExecutor:
        """Threads for work on pictures."""
        return self._pool

    async def picture(self, source: Source, *, flat: bool, pad_bytes: int = 0) -> bytes:
        """The bytes behind an image.

        Args:
            source: an upload, answered with its own bytes, or a drawing.
            flat: draw one plain colour instead of the composed picture.
            pad_bytes: a flat picture is padded to about this size.
        """
        if isinstance(source, Upload):
            return self._contents.get(source.digest)
        key = f"{source.key}/{flat}/{pad_bytes}"
        if key in self._drawn:
            self._drawn.move_to_end(key)
            return self._drawn[key]
        if flat:
            return flat_png(source, pad_bytes=pad_bytes)
        drawing = self._under_way.get(key)
        if drawing is None:
            loop = asyncio.get_running_loop()
            drawing = loop.run_in_executor(self._pool, self.draw, source)
            self._under_way[key] = drawing
            drawing.add_done_callback(lambda _: self._under_way.pop(key, None))
        # Shielded: a client that hangs up must not take the picture away from the others.
        png = await asyncio.shield(drawing)
        self._remember(key, png)
        return png

    def draw(self, drawing: Drawing) -> bytes:
        """Draws now, in this thread."""
        size = (drawing.width, drawing.height)
        garment = self._subject(drawing.garment, worn=drawing.is_human)
        figure = self._subject(drawing.pose)
        if drawing.kind == "prepared-image" and garment is not None:
            image = prepared_garment(garment, size)
        elif drawing.kind == "pose-preview" and figure is not None:
            image = pose_preview(figure, size)
        else:
            caption = Caption(title=drawing.title, text=drawing.prompt, seed=drawing.seed)
            image = model_picture(
                size=size, figure=figure, garment=garment, label=drawing.label, caption=caption
            )
        return _png(image)

    def close(self) -> None:
        """Ends the threads; a picture in the making is finished first."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _subject(self, source: Source | None, *, worn: bool = False) -> Cutout | None:
        if source is None:
            return None
        if isinstance(source, Drawing) and source.kind == "prepared-image":
            # What is on the checkerboard is known without cutting it out a second time.
            return self._subject(source.garment, worn=source.is_human)
        with self._cutouts_lock:
            known = self._cutouts.get((source, worn))
        if known is not None:
            return known
        data = (
            self._contents.get(source.digest) if isinstance(source, Upload) else self.draw(source)
        )
        with Image.open(io.BytesIO(data)) as photo:
            upright = ImageOps.exif_transpose(photo)
            upright.thumbnail((_MAX_SOURCE_SIDE_PX, _MAX_SOURCE_SIDE_PX))
            subject = cut_out(_plain(upright))
        if worn:
            subject = torso(subject)
        with self._cutouts_lock:
            self._cutouts[source, worn] = subject
            while len(self._cutouts) > _REMEMBERED_CUTOUTS:
                self._cutouts.popitem(last=False)
        return subject

    def _remember(self, key: str, png: bytes) -> None:
        if key in self._drawn:
            return
        self._drawn[key] = png
        self._drawn_bytes += len(png)
        while self._drawn_bytes > _REMEMBERED_BYTES and len(self._drawn) > 1:
            _, dropped = self._drawn.popitem(last=False)
            self._drawn_bytes -= len(dropped)


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or RGBA if the file knows transparency; never palettes or 16-bit greys."""
    see_through = "A" in image.getbands() or "transparency" in image.info
    return image.convert("RGBA" if see_through else "RGB")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def flat_png(drawing: Drawing, *, pad_bytes: int = 0) -> bytes:
    """A valid PNG of the drawing's size in a colour of its own, made in about a millisecond.

    Padding goes into a private chunk, which decoders skip: the download has a realistic size
    at no cost for compression.
    """
    digest = bytes.fromhex(drawing.key)
    image = Image.new("P", (drawing.width, drawing.height), 0)
    image.putpalette([*digest[:3], 255, 255, 255])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1, bits=1)
    png = buffer.getvalue()
    missing = pad_bytes - len(png)
    if missing <= 0:
        return png
    body = b"paDd" + (digest * (missing // len(digest) + 1))[:missing]
    chunk = missing.to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    # The last 12 bytes are the IEND chunk.
    return png[:-12] + chunk + png[-12:]
