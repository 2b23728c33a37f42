"""The rules of drop folders and presets that are in force: read when they are first needed, and again.

    rules.yaml ── changed? (ETag, at most every 30 s) ── good ──► in force, and on the shelf
                                                    └── broken ─► told; what was in force stays

A worker that starts while the file is broken takes the rules from the shelf, so that all workers go by
the same ones. Where no version was ever good, what needs rules waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

import structlog

from worker.contracts.presets import Presets
from worker.contracts.s3_uri import S3Uri
from worker.drops.yaml_text import MAX_BYTES
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
from worker.ports.objects import ObjectStore
from worker.ports.rules import KeptRules, RulesShelf

if TYPE_CHECKING:
    from worker.drops.rule_set import RuleSet

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)


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
        self._etag: str | None = None
        """Of the version that was read last, good or not."""
        self._in_force: RuleSet | None = None
        self._trouble: WorkerError | None = None

    @property
    def are_set(self) -> bool:
        """Whether there is a rules file at all."""
        return self._place is not None

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
            self._look(place)
        except RulesError as error:
            self._trouble = NoRulesError(f"{error.message}\nno earlier version of it is known")
            log.error(  # noqa: TRY400 - the lines of the file say more than ours  # noqa: TRY400 - it says all that there is to know: lines of the file
                f"the rules file is broken, and what was in force stays: {error.message}",
                action="rules_broken",
                uri=str(place),
            )
        except WorkerError as error:
            is_passing = isinstance(error, TransientError | SystemicError)
            self._trouble = error if is_passing else NoRulesError(error.message)
            log.warning(f"the rules file cannot be read: {error.message}", action="rules_unread")
        if self._in_force is None:
            self._take_from_shelf(place)
        self._looked_at = now

    def _look(self, place: S3Uri) -> None:
        """Read the file if it is another one. Raises RulesError, and what the store raises."""
        found = self._objects.head(place)
        etag = found.etag if found else None
        if self._looked_at is not None and etag == self._etag:
            return
        if found is None:
            self._etag = None
            raise _broken(place, "is not there", "put it there, or unset WORKER_DROP_RULES")
        # Of what was seen: a version that comes before it is read is only read once more.
        self._etag = etag
        text = read_rules_text(self._objects, place)
        self._in_force = self._load(text, str(place))
        log.info(
            f"{len(self._in_force.rules)} rule(s) and {len(self._in_force.presets)} preset(s) are in "
            "force",
            action="rules_loaded",
            uri=str(place),
        )
        self._keep(KeptRules(source=str(place), text=text))

    def _load(self, text: str, source: str) -> RuleSet:
        # Imported with the first rules file: a worker without one need not wait for it at its start.
        from worker.drops.rules import load_rules  # noqa: PLC0415

        return load_rules(
            text,
            input_buckets=self._input_buckets,
            output_buckets=self._output_buckets,
            source=source,
        )

    def _keep(self, rules: KeptRules) -> None:
        """Put good rules on the shelf; it is for a bad day, so trouble with it stops nothing."""
        if self._shelf is None:
            return
        try:
            if self._shelf.read() != rules:
                self._shelf.keep(rules)
        except WorkerError as error:
            log.warning(f"the rules are not kept: {error.message}", action="rules_not_kept")

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
        data = stored.body.read(MAX_BYTES + 1)
    finally:
        stored.body.close()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _broken(place, "is not UTF-8 text") from error


def _broken(place: S3Uri, rule: str, fix: str = "") -> RulesError:
    return RulesError([RulesProblem(1, "", Problem("the file", "", rule, fix))], source=str(place))
