"""Poses: what preparing a pose photo leaves behind."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.hautech.clock import rfc3339
from sandbox.hautech.images import ImageRecord, ImageStore
from sandbox.hautech.options import Options


@dataclass(frozen=True, slots=True)
class PoseRecord:
    """One prepared pose; the preview has the size that pictures of this pose get."""

    id: str
    source_image: ImageRecord
    preview: ImageRecord
    created_at: datetime

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of pictures made with this pose."""
        return self.preview.width, self.preview.height


class PoseStore:
    """All poses of the account."""

    def __init__(self, *, creator_id: str, images: ImageStore) -> None:
        self._creator_id = creator_id
        self._images = images
        self._records: dict[str, PoseRecord] = {}

    def add(self, *, source: ImageRecord, preview: ImageRecord, now: datetime) -> PoseRecord:
        """A new pose."""
        record = PoseRecord(str(uuid.uuid4()), source, preview, now)
        self._records[record.id] = record
        return record

    def find(self, pose_id: str) -> PoseRecord | None:
        """The pose, or None."""
        return self._records.get(pose_id)

    def entity(self, record: PoseRecord, *, now: datetime, options: Options) -> dict[str, Any]:
        """The PoseEntity document, with fresh image links."""
        created = rfc3339(record.created_at)
        return {
            "id": record.id,
            "kind": "pose",
            "sourceImage": self._images.entity(record.source_image, now=now, options=options),
            "previewImage": self._images.entity(record.preview, now=now, options=options),
            "previewImageId": record.preview.id,
            "metadata": {},
            "creatorId": self._creator_id,
            "expiresAt": None,
            "createdAt": created,
            "updatedAt": created,
        }
