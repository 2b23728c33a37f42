"""The two photos of a demo: a person's own, checked before anything starts, or drawn ones."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sandbox.samples import draw_garment, draw_pose
from worker.engine.rules import EngineRules
from worker.jobs.images import NotAnImageError, read_head

_EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


class PhotoError(Exception):
    """A photo cannot be used: "--garment coat.pdf: is not a PNG, JPEG or WebP image; …"."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that the service will accept. Width and height are pixels."""

    path: Path
    width: int
    height: int
    extension: str
    """That of its real format, with the dot."""


@dataclass(frozen=True, slots=True)
class Photos:
    """What the demo is made with."""

    garment: Photo
    pose: Photo
    garment_is_drawn: bool
    pose_is_drawn: bool


def choose_photos(garment: Path | None, pose: Path | None, folder: Path) -> Photos:
    """The person's photos, each replaced by a drawn sample if there is none.

    Args:
        garment: photo of a garment.
        pose: photo whose pose is copied.
        folder: where samples are written; only those that are needed.

    Raises:
        PhotoError: one of them cannot be used; nothing has been written then.
        OSError: the folder cannot be written.
    """
    own_garment = check_photo(at_home(garment), "--garment (GARMENT=)") if garment else None
    own_pose = check_photo(at_home(pose), "--pose (POSE=)") if pose else None
    return Photos(
        own_garment or _sample(draw_garment(), folder / "garment.png"),
        own_pose or _sample(draw_pose(), folder / "pose.png"),
        garment_is_drawn=own_garment is None,
        pose_is_drawn=own_pose is None,
    )


def at_home(path: Path) -> Path:
    """With the home folder for a leading `~`, which no shell expands in `make demo GARMENT=~/a.png`.

    As it is where the home folder is not known.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _sample(drawing: Image.Image, path: Path) -> Photo:
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.save(path)
    return check_photo(path, "sample")


def check_photo(path: Path, option: str) -> Photo:
    """Format and size of a photo, by the worker's own rules.

    Args:
        path: the file.
        option: how a person named it, for the error.

    Raises:
        PhotoError: it is missing, not readable, no image, damaged, or beyond a limit.
    """
    limits = EngineRules(input_buckets=frozenset(), output_buckets=frozenset())

    def bad(rule: str) -> PhotoError:
        return PhotoError(f"{option} {path}: {rule}")

    try:
        size_bytes = path.stat().st_size
        if size_bytes > limits.image_max_bytes:
            most = limits.image_max_bytes
            raise bad(f"has {size_bytes:,} bytes, at most {most:,} are taken; save it smaller")
        _, header = read_head(io.BytesIO(path.read_bytes()).read)
    except FileNotFoundError:
        raise bad("there is no such file; check the path") from None
    except IsADirectoryError:
        raise bad("is a folder; name a photo in it") from None
    except OSError as error:
        raise bad(f"cannot be read: {error.strerror}") from error
    except NotAnImageError:
        raise bad("is not a PNG, JPEG or WebP image; export it as one of these") from None
    longest = max(header.width_px, header.height_px)
    if longest > limits.image_max_px:
        raise bad(
            f"is {header.width_px} x {header.height_px} px, at most {limits.image_max_px} px a side "
            "are taken; save it smaller"
        )
    _check_pixels(path, bad("is damaged or cut short; export it again"))
    return Photo(path, header.width_px, header.height_px, _EXTENSIONS[header.content_type])


def _check_pixels(path: Path, otherwise: PhotoError) -> None:
    """A file can begin well and end early; the browser would show half of it."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise otherwise from error
