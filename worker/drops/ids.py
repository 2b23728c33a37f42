"""The ids of what is made of a drop: derived from the upload, never drawn.

The same upload, announced five times and in any order, gives the same ids, and the second request
of an id is the first one's job. The rule is no part of them: an upload that was worked on under
yesterday's rules is not paid again under today's. (Who sends asks first whether there is a job of
that id: with other content, made by other rules, it would be a conflict and not a repetition.)
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Protocol

MAX_STEM_CHARACTERS: Final = 60
_DIGEST_CHARACTERS: Final = 12
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]+")


class Identified(Protocol):
    """An object in S3 as it stands there now."""

    @property
    def bucket(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def version_id(self) -> str | None: ...  # noqa: D102
    @property
    def etag(self) -> str: ...  # noqa: D102


def drop_request_id(
    stem: str, photos: Iterable[Identified], *, number: int | None = None, again: str = ""
) -> str:
    """A requestId: the readable stem, 12 hex digits of what was uploaded, and the number (from 1)
    of the request where one drop makes several.

    `again` (which turn it is) gives another id to the same upload: for a photo that is dropped again
    after its job failed.
    """
    parts = ["drop"]
    for photo in sorted(photos, key=lambda one: (one.bucket, one.key)):
        parts += [photo.bucket, photo.key, photo.version_id or "", photo.etag]
    parts.append(again)
    suffix = "" if number is None else f"-{number}"
    return f"{readable(stem)}-{_digest(parts)}{suffix}"


def drop_batch_id(stem: str, manifest: Identified) -> str:
    """The batchId of a dropped manifest."""
    parts = [manifest.bucket, manifest.key, manifest.version_id or "", manifest.etag]
    return f"{readable(stem)}-{_digest(['batch', *parts])}"


def readable(text: str) -> str:
    """A name of a file in the letters of a requestId (no colons): 1 to 60 of them."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    cleaned = _NOT_ALLOWED.sub("-", plain)[:MAX_STEM_CHARACTERS].strip("-.")
    return cleaned or "photo"


def _digest(parts: Iterable[str]) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()[:_DIGEST_CHARACTERS]
