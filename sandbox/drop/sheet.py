"""Makes the report of what was dropped: each job with its photo as it lies in the inbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from sandbox.demo import timeline
from sandbox.demo.collecting import PHOTOS, PICTURES, save_output
from sandbox.demo.report import DemoReport, JobReport, Note, Picture
from sandbox.drop.folder import Dropped
from sandbox.drop.outlook import Kind
from sandbox.drop.rows import Brought, Row, error_places
from sandbox.drop.rules import PREFIX
from sandbox.stack_user import StackUser
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import Job
from worker.runtime.commands.wording import size as told_size

_PREVIEW_PX = 1_200

Events = Mapping[str, dict[str, Any]]


def drop_report(
    stack: StackUser,
    dropped: Sequence[Dropped],
    rows: Iterable[Row],
    events: Events,
    *,
    oddities: Mapping[str, str],
    brought: Brought,
    folders: tuple[Path, Path],
    started_at: datetime,
) -> DemoReport:
    """The report; its pictures are saved beside the page.

    Args:
        stack: the service, which still runs.
        dropped: what was dropped.
        rows: how it stands, for the notes.
        events: by request id.
        oddities: what is to be seen with a file, by name.
        brought: what has come from the output bucket.
        folders: the inbox, and that of the page.
        started_at: when the first file was taken.
    """
    inbox, page = folders
    (page / PHOTOS).mkdir(parents=True, exist_ok=True)
    (page / PICTURES).mkdir(parents=True, exist_ok=True)
    previews, noted = _Previews(inbox, page), tuple(rows)
    jobs = [
        _job_report(stack, one, job, events.get(job.request_id), oddities, previews, page, brought)
        for one in dropped
        for job in one.jobs.values()
    ]
    return DemoReport(
        jobs=tuple(jobs),
        started_at=started_at,
        duration_s=(datetime.now(UTC) - started_at).total_seconds(),
        photos_are_drawn=all(one.path.as_posix() in oddities for one in dropped),
        name="hautech-worker drop folder",
        headline="Photos into one folder, pictures out of another.",
        command="make demo-drop",
        notes=tuple(_notes(dropped, noted)),
    )


def _job_report(
    stack: StackUser,
    dropped: Dropped,
    job: Job,
    event: dict[str, Any] | None,
    oddities: Mapping[str, str],
    previews: _Previews,
    page: Path,
    brought: Brought,
) -> JobReport:
    data = (event or {}).get("data") or {}
    file = dropped.path.as_posix()
    title, sent_at = file, dropped.at
    if dropped.told.kind is Kind.LIST:
        title = f"{file}, row {job.request_id.rpartition('.')[2]}"
    elif len(ids := dropped.told.request_ids) > 1 and job.request_id in ids:
        title = f"{file}, picture {ids.index(job.request_id) + 1} of {len(ids)}"
    said = [f"Rule {dropped.told.rule}"]
    if file in oddities:
        said.append(oddities[file])
    changes = [change for given in data.get("inputs") or () for change in given["changes"]]
    if changes:
        said.append(f"the worker changed the photo: {', '.join(changes)}")
    shown = previews.of(job)
    words = next(filter(None, map(brought.words_of, error_places([job]))), None)
    return JobReport(
        title=title,
        explanation="; ".join(said) + ".",
        request=job.request,
        event=event,
        plainly=(words.what_happened, words.what_to_do) if words else None,
        inputs=(shown,) if shown else (),
        unseen=() if shown else (_photo_path(job) or file,),
        outputs=tuple(save_output(stack, output, page) for output in data.get("outputs") or ()),
        rows=timeline.rows(job, sent_at),
        moments=timeline.moments(job, sent_at),
        duration_s=timeline.duration_s(job, sent_at),
    )


def _notes(dropped: Iterable[Dropped], rows: Iterable[Row]) -> Iterator[Note]:
    """What has no card of its own: lists, files that are no photos, files that failed at once."""
    has_card = {one.path.as_posix() for one in dropped if one.told.kind is Kind.PHOTO and one.jobs}
    for row in rows:
        if row.file not in has_card:
            files = f": {', '.join(row.files)}" if row.files else ""
            detail = f" ({row.detail})" if row.detail else ""
            # What stands there already is not told twice.
            reasons = tuple(reason for reason in row.reasons if reason != row.detail)
            yield Note(f"{row.file}: {row.word}{detail}{files}", reasons)


def _photo_path(job: Job) -> str:
    """The photo that a job was made of, relative to the inbox; "" if it is none of S3."""
    given = str((job.request.get("input") or {}).get("imageId", ""))
    return S3Uri.parse(given).key.removeprefix(PREFIX) if given.startswith("s3://") else ""


class _Previews:
    """The photos of the inbox as any browser can show them."""

    def __init__(self, inbox: Path, page: Path) -> None:
        self._inbox = inbox
        self._page = page
        self._made: dict[Path, Picture | None] = {}
        pillow_heif.register_heif_opener()

    def of(self, job: Job) -> Picture | None:
        """The photo that a job was made of; None if it is none, or not of the inbox."""
        name = _photo_path(job)
        if not name:
            return None
        path = Path(name)
        if path not in self._made:
            self._made[path] = self._make(path)
        return self._made[path]

    def _make(self, path: Path) -> Picture | None:
        name = f"{PHOTOS}/{len(self._made) + 1}.jpg"
        try:
            size_bytes = (self._inbox / path).stat().st_size
            with Image.open(self._inbox / path) as photo:
                kind, size = photo.format or "", photo.size
                upright = ImageOps.exif_transpose(photo).convert("RGB")
        except (OSError, UnidentifiedImageError, ValueError):
            return None
        upright.thumbnail((_PREVIEW_PX, _PREVIEW_PX))
        upright.save(self._page / name, quality=88)
        return Picture(
            file=name,
            caption=path.as_posix(),
            note=f"{kind}, {size[0]} × {size[1]}, {told_size(size_bytes)}",
            width=upright.width,
            height=upright.height,
        )
