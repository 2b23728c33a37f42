"""Brings what appears in the output bucket into a local folder, each object once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sandbox.drop.brought import BroughtFiles

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Words:
    """What an error document says in plain words."""

    what_happened: str
    what_to_do: str

    def __str__(self) -> str:
        return f"{self.what_happened} {self.what_to_do}"


class Results:
    """A folder that has what the bucket has; of what was there before, only what an earlier run brought goes.

    Args:
        s3: where the bucket is.
        bucket: its name.
        folder: made when the first object comes.

    Raises OSError when what an earlier run brought cannot be removed.
    """

    def __init__(self, s3: S3Client, bucket: str, folder: Path) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._folder = folder
        self._etags: dict[str, str] = {}
        self._files: dict[str, Path] = {}
        self._brought = BroughtFiles(folder)
        self._brought.take_away()

    def fetch(self) -> list[Path]:
        """The files that are new or changed since the last time, relative to the folder.

        Raises OSError when the folder cannot be written.
        """
        news = []
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        for page in pages:
            for found in page.get("Contents", []):
                key, etag = found["Key"], found["ETag"]
                place = local_place(key)
                if self._etags.get(key) != etag and place is not None:
                    self._bring(key, self._folder / place)
                    self._etags[key] = etag
                    self._files[f"s3://{self._bucket}/{key}"] = place
                    self._brought.note(place)
                    news.append(place)
        if news:
            self._brought.save()
        return news

    def file_of(self, uri: str) -> Path | None:
        """The file of an object, relative to the folder; None as long as it has not come."""
        return self._files.get(uri)

    def words_of(self, uri: str) -> Words | None:
        """What an error document says; None as long as it has not come."""
        file = self.file_of(uri)
        if file is None:
            return None
        try:
            document = json.loads((self._folder / file).read_text(encoding="utf-8"))
            return Words(str(document["whatHappened"]), str(document["whatToDo"]))
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
        ):  # somebody changed or took it meanwhile
            return None

    def _bring(self, key: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whole at once: whoever looks at the folder sees no half of a picture.
        unfinished = target.with_name(f".{target.name[:100]}.unfinished")
        try:
            with unfinished.open("wb") as file:
                self._s3.download_fileobj(self._bucket, key, file)
            unfinished.replace(target)
        finally:  # Ctrl-C comes when it likes
            unfinished.unlink(missing_ok=True)


def local_place(key: str) -> Path | None:
    """Where an object goes below the folder; None if its key would lead out of it."""
    place = PurePosixPath(key)
    if place.is_absolute() or ".." in place.parts or not place.parts or key.endswith("/"):
        return None
    return Path(place)
