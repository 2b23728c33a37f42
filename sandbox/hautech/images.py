"""Images as the API knows them: records with a signed, short-lived link to their bytes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.hautech.clock import rfc3339
from sandbox.hautech.options import Options
from sandbox.hautech.pictures.studio import Source
from sandbox.hautech.signing import LinkSigner


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image.

    Attributes:
        id: UUID.
        source: its bytes, or how to draw them.
        width: pixels.
        height: pixels.
        format: `png`, `jpg`, `webp` …
        created_at: aware UTC.
        expires_at: aware UTC, None if kept.
        filename_base: name of the uploaded file without extension, None if not uploaded.
        filename_ext: extension without dot, None if there is none.
    """

    id: str
    source: Source
    width: int
    height: int
    format: str
    created_at: datetime
    expires_at: datetime | None = None
    filename_base: str | None = None
    filename_ext: str | None = None


class ImageStore:
    """All images of the account."""

    def __init__(self, *, creator_id: str, signer: LinkSigner, media_url: str) -> None:
        self._creator_id = creator_id
        self._signer = signer
        self._media_url = media_url
        self._records: dict[str, ImageRecord] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(
        self,
        source: Source,
        *,
        size: tuple[int, int],
        image_format: str,
        now: datetime,
        expires_at: datetime | None = None,
        filename: str | None = None,
    ) -> ImageRecord:
        """A new record; `filename` is split into base and extension at its last dot."""
        base, ext = _split_name(filename)
        record = ImageRecord(
            id=str(uuid.uuid4()),
            source=source,
            width=size[0],
            height=size[1],
            format=image_format,
            created_at=now,
            expires_at=expires_at,
            filename_base=base,
            filename_ext=ext,
        )
        self._records[record.id] = record
        return record

    def find(self, image_id: str, *, now: datetime) -> ImageRecord | None:
        """The record, unless it is unknown or has expired."""
        record = self._records.get(image_id)
        if record is None or (record.expires_at is not None and now >= record.expires_at):
            return None
        return record

    def link(self, record: ImageRecord, *, now: datetime, options: Options) -> str:
        """A fresh link to the bytes on the media host."""
        path = f"/files/{record.id}"
        return self._media_url + self._signer.sign(path, now=now, life_s=options.link_life_s)

    def entity(self, record: ImageRecord, *, now: datetime, options: Options) -> dict[str, Any]:
        """The ImageEntity document, with a fresh link."""
        created = rfc3339(record.created_at)
        document: dict[str, Any] = {
            "id": record.id,
            "kind": "image",
            "creatorId": self._creator_id,
            "metadata": {},
            "expiresAt": None if record.expires_at is None else rfc3339(record.expires_at),
            "createdAt": created,
            "updatedAt": created,
            "format": record.format,
            "width": record.width,
            "height": record.height,
            "url": self.link(record, now=now, options=options),
        }
        names = {
            "originalFilenameBase": record.filename_base,
            "originalFilenameExt": record.filename_ext,
        }
        return {**document, **optional_keys(names, options=options)}


def optional_keys(values: Mapping[str, Any], *, options: Options) -> dict[str, Any]:
    """Keys that have a value; with the switch on, the others too, as null."""
    return {
        key: value
        for key, value in values.items()
        if value is not None or options.null_optional_keys
    }


def _split_name(filename: str | None) -> tuple[str | None, str | None]:
    if filename is None:
        return None, None
    base, dot, ext = filename.rpartition(".")
    return (base, ext) if dot and base else (filename, None)
