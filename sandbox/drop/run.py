"""The demo of the drop folder itself: starts everything, drops its own files, follows all."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, Self

from sandbox.demo.contact_sheet import contact_sheet
from sandbox.demo.output_folder import SHEET
from sandbox.demo.report import DemoReport
from sandbox.demo.run import STOPPING
from sandbox.drop.folder import DropFolder
from sandbox.drop.odd_photos import OddFile, drop_odd_files
from sandbox.drop.results import Results
from sandbox.drop.rows import Row
from sandbox.drop.rules import POSE_KEY, PREFIX, RulesFile, read_rules, with_buckets
from sandbox.drop.sheet import drop_report
from sandbox.drop.show import DropShow
from sandbox.drop.strays import strays_note
from sandbox.local import LocalStack, LocalStackError
from sandbox.samples import draw_pose
from worker.drops.rule_set import RuleSet
from worker.errors import RulesError

PIPELINE_S = 3.0
"""How long the stand-in takes: enough to see something move."""

DEADLINE_S = 240.0
"""For all files of `run_once`: they take about half a minute, but the machine may be busy."""

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the demo's files are, below one folder."""

    top: Path
    inbox: Path
    results: Path
    rules: Path

    @classmethod
    def below(cls, folder: Path) -> Folders:
        """The usual names."""
        return cls(folder, folder / "inbox", folder / "results", folder / "rules.yaml")


def run_until_interrupted(folders: Folders, show: DropShow) -> NoReturn:
    """Runs until an exception from outside, such as Interrupted, ends it.

    Raises:
        EmulatorError, DeployError, LocalStackError: something local did not work.
        RulesError: the file of rules that lies there cannot be used.
        OSError: a folder cannot be written.
    """
    with _Demo(folders, show) as demo:
        show.invite(
            f"Copy photos into {folders.inbox}; pictures come to {folders.results}. Ctrl-C ends it."
        )
        while True:
            demo.look()


def run_once(folders: Folders, page: Path, show: DropShow) -> tuple[DemoReport, bool]:
    """Works on what lies in the inbox, and writes the contact sheet into the folder `page`.

    Gives the report, and whether every file came to its end: a picture, or the reason why not.

    Raises:
        EmulatorError, DeployError, LocalStackError: something local did not work.
        RulesError: the file of rules that lies there cannot be used.
        OSError: a folder cannot be written.
    """
    with _Demo(folders, show) as demo:
        is_over = demo.follow_to_the_end()
        show.step("collecting the pictures")
        report = demo.report(page)
    (page / SHEET).write_text(contact_sheet(report), encoding="utf-8", errors="replace")
    return report, is_over


class _Demo:
    """The service with a drop folder, for as long as a `with` block lasts."""

    def __init__(self, folders: Folders, show: DropShow) -> None:
        self._folders = folders
        self._show = show
        self._rules = RulesFile(folders.rules)
        self._stack = LocalStack(
            workers=0, standin_options={"durationSeconds": PIPELINE_S}, watch=PREFIX
        )

    def __enter__(self) -> Self:
        show, folders = self._show, self._folders
        self._rules_text = (
            self._rules.read()
        )  # first: with a mistake in them there is nothing to see
        if note := strays_note(folders.top, folders.inbox):
            show.notice(note)
        show.step("drawing photos, some of them odd")
        folders.inbox.mkdir(parents=True, exist_ok=True)
        folders.results.mkdir(parents=True, exist_ok=True)
        self._odd_files: tuple[OddFile, ...] = drop_odd_files(folders.inbox)
        show.step("starting AWS (emulated), Hautech (a stand-in) and a worker")
        try:
            self._stack.__enter__()
            self._start()
        except BaseException:
            self._stop(after_trouble=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Ctrl-C is how most runs end, and no trouble.
        self._stop(after_trouble=kind is not None and issubclass(kind, Exception))

    def look(self) -> tuple[Row, ...]:
        """One look at everything, shown; takes a moment."""
        self._stack.check()
        self._look_at_rules()
        self._folder.look(time.monotonic())
        rows = self._folder.rows(datetime.now(UTC))
        self._show.rows(rows)
        time.sleep(_LOOK_EVERY_S)
        return rows

    def follow_to_the_end(self) -> bool:
        """Looks until everything that lies in the inbox is over; whether that was in time."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            rows = self.look()
            if rows and all(row.is_over for row in rows):
                return True
        return False

    def report(self, page: Path) -> DemoReport:
        """What all this has made; its pictures are put beside the page."""
        dropped = tuple(self._folder.dropped())
        subjects = {job.request_id for one in dropped for job in one.jobs.values()}
        events = {}

        def is_announced() -> bool:
            events.update(
                {str(event.get("subject")): event for event in self._stack.receive_events()}
            )
            return subjects <= events.keys()

        with suppress(LocalStackError):  # the page says which job has none
            self._stack.wait_for(is_announced, deadline_s=10)
        return drop_report(
            self._stack,
            dropped,
            self._folder.rows(datetime.now(UTC)),
            events,
            oddities={file.name: file.oddity for file in self._odd_files},
            brought=self._results,
            folders=(self._folders.inbox, page),
            started_at=self._started_at,
        )

    def _start(self) -> None:
        stack, folders = self._stack, self._folders
        shop = stack.outputs.output_bucket_name
        with tempfile.TemporaryDirectory(prefix="hautech-sandbox-") as folder:
            pose = Path(folder, "pose.png")
            draw_pose().save(pose)
            stack.upload(pose, POSE_KEY)
        rules = self._put_rules(self._rules_text)
        stack.add_worker()
        stack.wait_until_receiving()
        self._say_watching()
        self._started_at = datetime.now(UTC)
        self._results = Results(stack.aws.client("s3"), shop, folders.results)
        self._folder = DropFolder(
            stack,
            rules,
            folders.inbox,
            self._results,
            pipeline_s=PIPELINE_S,
        )

    def _say_watching(self) -> None:
        folders = self._folders
        self._show.step(
            f"watching {folders.inbox} by {folders.rules}; results come to {folders.results}"
        )

    def _look_at_rules(self) -> None:
        """Go by the file of rules again if it was edited; what is broken is told, and changes nothing."""
        try:
            text = self._rules.news()
        except RulesError as error:
            self._show.notice(f"{error.message}\nuntil then, the rules of before are in force")
            return
        if text is None:
            return
        self._show.step(f"{self._folders.rules} has changed: a worker takes over that goes by it")
        # Workers look at their rules every half minute; nobody wants to wait for that here.
        rules, before = self._put_rules(text), self._stack.workers[-1]
        self._stack.add_worker()
        self._stack.wait_until_receiving()
        before.stop_in_a_hurry()
        self._folder.go_by(rules)
        self._show.notice("")
        self._say_watching()

    def _put_rules(self, text: str) -> RuleSet:
        """Put the rules where workers find them that start from now on."""
        outputs = self._stack.outputs
        catalog, shop = outputs.input_bucket_name, outputs.output_bucket_name
        text = with_buckets(text, catalog=catalog, shop=shop)
        self._stack.use_drop_rules(text)
        return read_rules(text, catalog=catalog, shop=shop)

    def _stop(self, *, after_trouble: bool) -> None:
        self._show.step(STOPPING, after_trouble=after_trouble)
        self._stack.close()
