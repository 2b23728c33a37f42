"""Puts what is dropped into a local folder into the input bucket, and follows what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.drop.inbox import Inbox, Look
from sandbox.drop.outlook import Kind, Outlook, outlook
from sandbox.drop.results import Results
from sandbox.drop.rows import Row, empty_row, growing_row, refused_row, row
from sandbox.drop.rules import PREFIX
from sandbox.stack_user import StackUser
from worker.batches.batch import Batch
from worker.drops.planning import Photo
from worker.drops.rule_set import RuleSet
from worker.drops.sidecars import MAX_SIDECAR_BYTES, Sidecar, SidecarError, read_sidecar
from worker.jobs.job import Job


@dataclass(slots=True)
class Dropped:
    """A file that was put into S3, and all that is known of it."""

    path: Path
    """Relative to the inbox."""
    photo: Photo
    at: datetime
    told: Outlook
    jobs: dict[str, Job] = field(default_factory=dict)
    """By request id; those of a list's rows once it is over."""
    batch: Batch | None = None


class DropFolder:
    """One inbox with its folder of results.

    Args:
        stack: the service that the files are for.
        rules: the rules that it goes by.
        inbox: the folder of files; there already.
        results: brings what comes of them.
        pipeline_s: how long a pipeline takes there, for the words of progress.
    """

    def __init__(
        self, stack: StackUser, rules: RuleSet, inbox: Path, results: Results, *, pipeline_s: float
    ) -> None:
        self._stack = stack
        self._rules = rules
        self._inbox = inbox
        self._watch = Inbox(inbox)
        self._results = results
        self._pipeline_s = pipeline_s
        self._dropped: dict[Path, Dropped] = {}
        self._refused: dict[Path, str] = {}
        self._found = Look()

    def go_by(self, rules: RuleSet) -> None:
        """What is dropped from now on is told by these rules."""
        self._rules = rules

    def look(self, now_s: float) -> None:
        """Puts what has become ready, looks at the jobs, brings results. `now_s`: a steady clock's.

        Raises OSError when the folder of results cannot be written.
        """
        self._found = self._watch.look(now_s)
        for path in self._found.ready:
            self._put(path)
        for dropped in self._dropped.values():
            self._follow(dropped)
        # After the jobs: what a job that is over has left behind is there.
        self._results.fetch()

    def rows(self, now: datetime) -> tuple[Row, ...]:
        """How every file stands: in the order they were dropped, then those being copied."""
        rows = [
            row(
                dropped.path.as_posix(),
                dropped.told,
                put_at=dropped.at,
                now=now,
                jobs=dropped.jobs,
                batch=dropped.batch,
                brought=self._results,
                pipeline_s=self._pipeline_s,
            )
            for dropped in self._dropped.values()
        ]
        rows += [refused_row(path.as_posix(), why) for path, why in self._refused.items()]
        rows += [empty_row(path.as_posix()) for path in self._found.empty]
        rows += [growing_row(path.as_posix()) for path in self._found.growing]
        return tuple(rows)

    def dropped(self) -> Iterator[Dropped]:
        """Every file that was put into S3, in order."""
        yield from self._dropped.values()

    def _put(self, path: Path) -> None:
        bucket, key = self._stack.outputs.input_bucket_name, PREFIX + path.as_posix()
        self._dropped.pop(path, None)  # dropped again: another upload
        self._refused.pop(path, None)
        at = datetime.now(UTC)
        try:
            with (self._inbox / path).open("rb") as file:
                answer = self._stack.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=file)
        except (OSError, UnicodeError, BotoCoreError, ClientError) as error:
            self._refused[path] = f"cannot be put into S3: {error}"
            return
        photo = Photo(bucket, key, answer.get("VersionId"), answer["ETag"].strip('"'))
        self._dropped[path] = Dropped(path, photo, at, outlook(self._rules, photo))

    def _follow(self, dropped: Dropped) -> None:
        if dropped.told.kind is Kind.LIST:
            self._follow_list(dropped)
            return
        if dropped.told.kind is Kind.PHOTO and not dropped.jobs:
            # A sidecar may have come meanwhile.
            sidecar = self._sidecar(dropped.photo)
            dropped.told = outlook(self._rules, dropped.photo, sidecar)
        self._load(dropped, dropped.told.request_ids)

    def _follow_list(self, dropped: Dropped) -> None:
        if dropped.batch is not None and dropped.batch.state.is_final:
            return
        batch = dropped.batch = self._stack.batch(dropped.told.batch_id)
        if batch is not None and batch.state.is_final:
            self._load(dropped, [f"{batch.batch_id}.{row}" for row in range(1, batch.read + 1)])

    def _load(self, dropped: Dropped, request_ids: tuple[str, ...] | list[str]) -> None:
        for request_id in request_ids:
            known = dropped.jobs.get(request_id)
            if known is None or not known.state.is_final:
                job = self._stack.job(request_id)
                if job is not None:
                    dropped.jobs[request_id] = job

    def _sidecar(self, photo: Photo) -> Sidecar | SidecarError | None:
        match = self._rules.match(photo.bucket, photo.key)
        for key in match.sidecar_keys if match else ():
            try:
                with (self._inbox / key.removeprefix(PREFIX)).open("rb") as file:
                    return read_sidecar(key, file.read(MAX_SIDECAR_BYTES + 1))
            except SidecarError as error:
                return error
            except OSError:
                continue
        return None
