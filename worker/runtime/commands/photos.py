"""Photos on this machine: found in a request, checked, and brought to the input bucket once.

    uploads/<first 16 hex digits of the SHA-256>/<file name>

The key comes from the content, so the same photo lands on the same key however often it is sent.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from worker.contracts.plain_words import path_of
from worker.contracts.s3_uri import SCHEME, S3Uri
from worker.contracts.text import shown
from worker.errors import OutputForbiddenError, Problem
from worker.jobs.images import NotAnImageError
from worker.jobs.object_marks import upload_marks
from worker.jobs.photo_look import TAKEN, look_at
from worker.ports.objects import ObjectStore

_SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".gif"}
)
_ODD = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What the worker takes: bytes of the file, and width times height if it has to be converted."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo on this machine and where it belongs in S3."""

    path: Path
    uri: S3Uri
    content_type: str
    size_bytes: int
    sha256: str


class PhotoError(ValueError):
    """The file cannot be used; says why and what to do."""


class PhotoShelf:
    """Reads photos and remembers them: each file is read once, however many requests use it."""

    def __init__(self, bucket: str, limits: PhotoLimits) -> None:
        self._bucket = bucket
        self._limits = limits
        self._photos: dict[Path, Photo] = {}

    def settle(
        self, document: dict[str, Any], folder: Path
    ) -> tuple[dict[str, Any], list[Photo], list[Problem]]:
        """The request with S3 URIs in place of local paths, the photos, and what is wrong.

        A path is what stands where an id or URI would, and names a file or looks like a picture's
        name. The document itself is not changed.
        """
        given = document.get("input")
        if not isinstance(given, dict):
            return document, [], []
        photos: list[Photo] = []
        problems: list[Problem] = []

        def replace(text: str, place: tuple[str | int, ...]) -> str:
            path = _local_path(text, folder)
            if path is None:
                return text
            try:
                photo = self.read(path)
            except PhotoError as error:
                problems.append(Problem(path_of(("input", *place)), shown(text), str(error)))
                return text
            photos.append(photo)
            return str(photo.uri)

        return {**document, "input": _mapped(given, (), replace)}, photos, problems

    def read(self, path: Path) -> Photo:
        """The photo in a file. Raises PhotoError."""
        path = path.resolve()
        if path not in self._photos:
            self._photos[path] = self._read(path)
        return self._photos[path]

    def _read(self, path: Path) -> Photo:
        limit = self._limits
        try:
            size_bytes = path.stat().st_size
            if size_bytes > limit.max_bytes:
                raise PhotoError(
                    f"has {size_bytes:,} bytes, the worker takes {limit.max_bytes:,}: save it smaller"
                )
            data = path.read_bytes()
        except OSError as error:
            raise PhotoError(f"cannot be read: {error.strerror or error}") from error
        try:
            look = look_at(io.BytesIO(data).read)
        except NotAnImageError as error:
            raise PhotoError(f"is not a {TAKEN} picture: save it as one ({error})") from error
        header = look.header  # of other formats, the worker finds the size when it converts them
        if header is not None and header.width_px * header.height_px > limit.max_pixels:
            raise PhotoError(
                f"has {header.width_px}×{header.height_px} pixels, the worker takes "
                f"{limit.max_pixels:,} in all: save it smaller"
            )
        sha256 = hashlib.sha256(data).hexdigest()
        name = _ODD.sub("-", path.name).strip("-") or "photo"
        return Photo(
            path=path,
            uri=S3Uri(self._bucket, f"uploads/{sha256[:16]}/{name}"),
            content_type=look.content_type,
            size_bytes=len(data),
            sha256=sha256,
        )


def missing_photos(document: dict[str, Any], folder: Path) -> list[Problem]:
    """Local paths in the request that name no file; needs no setting."""
    problems: list[Problem] = []

    def look(text: str, place: tuple[str | int, ...]) -> str:
        path = _local_path(text, folder)
        if path is not None and not path.exists():
            rule = f"cannot be read: {os.strerror(errno.ENOENT)}"
            problems.append(Problem(path_of(("input", *place)), shown(text), rule))
        return text

    if isinstance(document.get("input"), dict):
        _mapped(document["input"], (), look)
    return problems


def names_no_photo(text: str, folder: Path) -> bool:
    """Whether this could only be an id at Hautech: it is no URI, no file and no picture's name."""
    return bool(text) and "://" not in text and _local_path(text, folder) is None


def upload(photo: Photo, objects: ObjectStore) -> bool:
    """Brings a photo to its place in S3, unless it is there. Returns whether it was sent.

    Raises PhotoError when the file changed since it was read; errors of the store.
    """
    try:
        stored = objects.head(photo.uri)
    except OutputForbiddenError:
        stored = None  # who may write need not be allowed to look; then it is written again
    if stored and stored.sha256 == photo.sha256 and stored.size_bytes == photo.size_bytes:
        return False
    data = photo.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise PhotoError(f"{photo.path} changed while it was being submitted: submit again")
    objects.put(
        photo.uri,
        data,
        size_bytes=photo.size_bytes,
        content_type=photo.content_type,
        sha256=photo.sha256,
        metadata=upload_marks(photo.uri),
    )
    return True


def _local_path(text: str, folder: Path) -> Path | None:
    if not text or text[: len(SCHEME)].lower() == SCHEME or "\0" in text:
        return None
    path = folder / Path(text).expanduser()
    try:
        if path.is_file():
            return path
    except OSError:  # too long to be a name
        return None
    is_meant = Path(text).suffix.lower() in _SUFFIXES or text.startswith(("./", "../", "~", "/"))
    return path if is_meant and "://" not in text else None


def _mapped(value: Any, place: tuple[str | int, ...], replace: Any) -> Any:
    """A copy of `value` with every text in an id's place replaced."""
    if isinstance(value, dict):
        return {
            key: _mapped_member(key, item, (*place, key), replace) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_mapped(item, (*place, index), replace) for index, item in enumerate(value)]
    return value


def _mapped_member(key: str, item: Any, place: tuple[str | int, ...], replace: Any) -> Any:
    if isinstance(item, str) and key.endswith("Id"):
        return replace(item, place)
    if isinstance(item, list) and key.endswith("Ids"):
        return [
            replace(member, (*place, index))
            if isinstance(member, str)
            else _mapped(member, (*place, index), replace)
            for index, member in enumerate(item)
        ]
    return _mapped(item, place, replace)


def stems(document: dict[str, Any]) -> Iterator[str]:
    """Names of the request's pictures without folder and suffix, the garment's first."""
    given = document.get("input")
    if not isinstance(given, dict):
        return
    for key in sorted(given, key=lambda key: key != "imageId"):
        text = given[key]
        if isinstance(text, str) and key.endswith("Id") and text.startswith(SCHEME):
            name = text.partition("?versionId=")[0].rpartition("/")[2]
            if stem := Path(name).stem:
                yield stem
