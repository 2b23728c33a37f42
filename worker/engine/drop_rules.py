"""The rules of drop folders and presets that are in force: read when they are first needed, and again.

    rules.yaml ── changed? (ETag, at most every 30 s) ── good ──► in force, and on the shelf
                                                    └── broken ─► told, on the shelf, too; what was
                                                                  in force stays

A worker that starts while the file is broken takes the rules from the shelf, so that all workers go by
the same ones. Where no version was ever good, what needs rules waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

import structlog

from worker.contracts.presets import Presets
from worker.contracts.s3_uri import S3Uri
from worker.drops.limits import MAX_YAML_BYTES
from worker.engine.rules import EngineRules
from worker.errors import (
    NoRulesError,
    Problem,
    RulesError,
    RulesProblem,
    SystemicError,
    TransientError,
    WorkerError,
)
from worker.ports.clock import Clock
from worker.ports.objects import ObjectInfo, ObjectStore
from worker.ports.rules import BrokenRules, KeptRules, RulesShelf

if TYPE_CHECKING:
    from worker.drops.rule_set import RuleSet

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)

_PROBLEMS_TOLD = 10
_PROBLEM_CHARACTERS = 500


class DropRules:
    """Says which rules are in force; safe for threads."""

    def __init__(
        self, rules: EngineRules, *, objects: ObjectStore, shelf: RulesShelf | None, clock: Clock
    ) -> None:
        self._place = rules.drop_rules
        self._input_buckets = rules.input_buckets
        self._output_buckets = rules.output_buckets
        self._objects = objects
        self._shelf = shelf
        self._clock = clock
        self._lock = Lock()
        self._looked_at: datetime | None = None
        self._found: ObjectInfo | None = None
        """What was seen last, good or not."""
        self._is_judged = False
        """Whether that was read, and is good or broken: it is not read again then."""
        self._is_broken = False
        self._in_force: RuleSet | None = None
        self._trouble: WorkerError | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is a rules file at all."""
        return self._place is not None

    @property
    def are_broken(self) -> bool:
        """Whether the file could not be used when it was last looked at. Asks nobody."""
        return self._is_broken

    def presets(self) -> Presets:
        """The presets in force; none without a rules file. Raises as `current` does."""
        return self.current().presets if self.are_set else {}

    def current(self) -> RuleSet:
        """The rules in force.

        Raises NoRulesError when no version could ever be used, or there is no rules file; a passing
        or systemic error when nobody can tell yet.
        """
        if self._place is None:
            raise NoRulesError("WORKER_DROP_RULES is not set")
        # Who has rules does not wait for somebody else who looks whether they changed.
        if self._lock.acquire(blocking=self._in_force is None):
            try:
                self._look_if_due(self._place)
            finally:
                self._lock.release()
        if self._in_force is None:
            raise self._trouble or NoRulesError()
        return self._in_force

    def _look_if_due(self, place: S3Uri) -> None:
        now = self._clock.now()
        if self._looked_at is not None and now - self._looked_at < LOOK_AGAIN:
            return
        try:
            is_news = self._look(place)
        except RulesError as error:
            self._trouble = NoRulesError(f"{error.message}\nno earlier version of it is known")
            log.error(  # noqa: TRY400 - it says all that there is to know: lines of the file
                f"the rules file is broken, and what was in force stays: {error.message}",
                action="rules_broken",
                uri=str(place),
            )
            self._is_broken = True
            self._tell(place, [str(problem) for problem in error.problems])
        except WorkerError as error:
            is_passing = isinstance(error, TransientError | SystemicError)
            self._trouble = error if is_passing else NoRulesError(error.message)
            log.warning(f"the rules file cannot be read: {error.message}", action="rules_unread")
            if not is_passing:
                self._is_broken = True
                self._tell(place, [error.message])
        else:
            if is_news:
                self._is_broken = False
            if not self._is_broken:
                self._tell(place, None)
        if self._in_force is None:
            self._take_from_shelf(place)
        self._looked_at = now

    def _look(self, place: S3Uri) -> bool:
        """Read the file if it is another one; whether it was. Raises RulesError, and what the store raises."""
        was_judged, self._is_judged = self._is_judged, False
        found = self._objects.head(place)
        if was_judged and _etag(found) == _etag(self._found):
            self._is_judged = True
            return False
        # Of what was seen: a version that comes before it is read is only read once more.
        self._found = found
        try:
            if found is None:
                raise _broken(place, "is not there", "put it there, or unset WORKER_DROP_RULES")
            text = read_rules_text(self._objects, place)
            self._in_force = self._load(text, str(place))
        except RulesError:
            self._is_judged = True
            raise
        self._is_judged = True
        log.info(
            f"{len(self._in_force.rules)} rule(s) and {len(self._in_force.presets)} preset(s) are in "
            "force",
            action="rules_loaded",
            uri=str(place),
        )
        self._keep(
            KeptRules(
                source=str(place),
                text=text,
                etag=found.etag,
                version_id=found.version_id,
                since=self._clock.now(),
            )
        )
        return True

    def _load(self, text: str, source: str) -> RuleSet:
        # Imported with the first rules file: a worker without one need not wait for it at its start.
        from worker.drops.rules import load_rules  # noqa: PLC0415

        try:
            return load_rules(
                text,
                input_buckets=self._input_buckets,
                output_buckets=self._output_buckets,
                source=source,
            )
        except WorkerError:
            raise
        except Exception as error:
            # A file that nobody foresaw is a broken one: no drop waits for whoever understands it.
            log.warning(
                "the rules file is beyond what can be read", action="rules_unread", exc_info=error
            )
            problem = Problem("the file", "", f"cannot be read: {type(error).__name__}")
            raise RulesError([RulesProblem(1, "", problem)], source=source) from error

    def _keep(self, rules: KeptRules) -> None:
        """Put good rules on the shelf; it is for a bad day, so trouble with it stops nothing."""
        if self._shelf is None:
            return
        try:
            kept = self._shelf.read()
            # Whoever comes second with the same version leaves it since when it is in force.
            if kept is None or replace(kept, since=rules.since) != rules:
                self._shelf.keep(rules)
        except WorkerError as error:
            log.warning(f"the rules are not kept: {error.message}", action="rules_not_kept")

    def _tell(self, place: S3Uri, problems: Sequence[str] | None) -> None:
        """Say on the shelf what is wrong with the file, for figures and people; None: nothing is.

        Also when this worker has known for long that nothing is: who had said so may be gone.
        """
        if self._shelf is None:
            return
        try:
            told = self._shelf.broken()
            if problems is None:
                if told is not None:
                    self._shelf.tell(None)
                return
            was_broken = told is not None and told.source == str(place)
            broken = BrokenRules(
                source=str(place),
                etag=_etag(self._found),
                version_id=self._found.version_id if self._found else None,
                since=told.since if told is not None and was_broken else self._clock.now(),
                problems=tuple(text[:_PROBLEM_CHARACTERS] for text in problems[:_PROBLEMS_TOLD]),
            )
            if broken != told:
                self._shelf.tell(broken)
        except WorkerError as error:
            log.warning(
                f"the state of the rules is not kept: {error.message}", action="rules_not_kept"
            )

    def _take_from_shelf(self, place: S3Uri) -> None:
        if self._shelf is None:
            return
        try:
            kept = self._shelf.read()
            if kept is None or kept.source != str(place):
                return
            self._in_force = self._load(kept.text, f"the last good version of {place}")
        except WorkerError as error:
            log.warning(
                f"the last good rules cannot be used: {error.message}", action="rules_unread"
            )
        else:
            log.warning("the last good rules are in force", action="rules_from_shelf")


def read_rules_text(objects: ObjectStore, place: S3Uri) -> str:
    """The text of a rules file, cut where it is longer than one may be.

    Raises RulesError if it is no text, and what the store raises.
    """
    stored = objects.open(place)
    try:
        data = stored.body.read(MAX_YAML_BYTES + 1)
    finally:
        stored.body.close()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _broken(place, "is not UTF-8 text") from error


def _etag(found: ObjectInfo | None) -> str | None:
    return found.etag if found else None


def _broken(place: S3Uri, rule: str, fix: str = "") -> RulesError:
    return RulesError([RulesProblem(1, "", Problem("the file", "", rule, fix))], source=str(place))
