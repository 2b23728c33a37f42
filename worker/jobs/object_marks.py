"""What the worker's own objects in S3 say of themselves in their metadata, and which are no drops.

    request-id, accepted-at   pictures and result documents: which job they are of
    batch-id, accepted-at     lists of results: which batch they are of
    hautech-worker            what an object is that the worker wrote for somebody's sake
    hautech-place             of a photo or a table: where the worker put it
    hautech-source            of a photo that was put aside: what it is a copy of

What the worker wrote is no drop, wherever it lies. A photo remains somebody's photo, though: who
moves it on from where the worker put it drops it, and S3 keeps its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from worker.contracts.s3_uri import S3Uri
from worker.jobs.keys import digest_of

REQUEST_ID: Final = "request-id"
BATCH_ID: Final = "batch-id"
ACCEPTED_AT: Final = "accepted-at"

MARKER: Final = "hautech-worker"
"""Its values are the next four."""

ERROR: Final = "error"
PHOTO: Final = "photo"
"""A dropped photo, or what lay beside it, after its job has ended."""
RESULTS: Final = "results"
UPLOAD: Final = "upload"
"""A photo or a table that a command brought from somebody's machine."""

_PLACE: Final = "hautech-place"
_SOURCE: Final = "hautech-source"
_OWN: Final = frozenset({REQUEST_ID, BATCH_ID, ACCEPTED_AT, MARKER, _PLACE, _SOURCE})

_METADATA_MAX_BYTES: Final = 1_800
"""Source: S3 user guide, user-defined metadata: 2 KB of names and values."""


def is_ours(metadata: Mapping[str, str], place: S3Uri) -> bool:
    """Whether what lies there was written there by the worker: then it is no drop.

    The first release did not write down where it put a photo. It put them where no rule watches.
    """
    if REQUEST_ID in metadata or BATCH_ID in metadata:
        return True
    if metadata.get(MARKER) in {PHOTO, UPLOAD}:
        return metadata.get(_PLACE) == _place_mark(place)
    return MARKER in metadata


def upload_marks(place: S3Uri) -> dict[str, str]:
    """The metadata of what a command puts there."""
    return {MARKER: UPLOAD, _PLACE: _place_mark(place)}


def source_mark(source: S3Uri, *, version_id: str | None, etag: str) -> str:
    """What tells the photo at a place, as it is now, from every other (40 hex digits)."""
    return digest_of("source", source.bucket, source.key, version_id or etag)


def copy_marks(metadata: Mapping[str, str], mark: str, place: S3Uri) -> dict[str, str]:
    """The metadata of a copy at `place` of the photo with that mark and metadata.

    What S3 would not take again is left out, and so is what would make it look like a picture.
    """
    kept = {
        name: value
        for name, value in metadata.items()
        if name not in _OWN and (name + value).isascii()
    }
    size_bytes = sum(len(name) + len(value) for name, value in kept.items())
    marks = {MARKER: PHOTO, _SOURCE: mark, _PLACE: _place_mark(place)}
    return {**(kept if size_bytes <= _METADATA_MAX_BYTES else {}), **marks}


def is_copy(metadata: Mapping[str, str], mark: str) -> bool:
    """Whether an object is a copy of the photo with that mark."""
    return metadata.get(MARKER) == PHOTO and metadata.get(_SOURCE) == mark


def _place_mark(place: S3Uri) -> str:
    return digest_of("place", place.bucket, place.key)
