"""How the rules of the deployed service stand: what is in force, from where, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.contracts.s3_uri import S3Uri
from worker.drops.rules import RuleSet, load_rules
from worker.engine.drop_rules import read_rules_text
from worker.errors import ImageForbiddenError, ImageMissingError, OutputForbiddenError, RulesError
from worker.ports.objects import ObjectInfo, ObjectStore
from worker.ports.rules import KeptRules, RulesShelf
from worker.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInForce:
    """Rules that workers go by."""

    rules: RuleSet
    etag: str
    version_id: str | None
    since: datetime | None
    """When a worker first went by this version; None: none has yet, or nobody noted it."""
    is_kept: bool
    """Whether it is the last good version from the job table, because the file is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesStanding:
    """The file as it is now, and what counts."""

    place: S3Uri
    found: ObjectInfo | None
    """The file as it is now, if it is there and may be looked at."""
    in_force: RulesInForce | None
    """None: no version could ever be used, and what needs rules waits."""
    error: RulesError | None = None
    """What is wrong with the file, with its lines."""
    unread: str = ""
    """Why the file cannot be had at all."""
    broken_since: datetime | None = None
    """When a worker first found it broken; None while none has."""

    @property
    def is_broken(self) -> bool:
        """Whether the file as it is now cannot be used."""
        return self.error is not None or bool(self.unread)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, each with its line if it has one."""
        if self.error is not None:
            return tuple(str(problem) for problem in self.error.problems)
        return (self.unread,) if self.unread else ()


def rules_standing(
    place: S3Uri, *, settings: Settings, objects: ObjectStore, shelf: RulesShelf
) -> RulesStanding:
    """Look at the file and at the job table, as a worker would.

    Raises a passing or systemic error when nobody can tell.
    """
    found: ObjectInfo | None = None
    error: RulesError | None = None
    unread = ""
    kept = shelf.read()
    try:
        found = objects.head(place)
        text = read_rules_text(objects, place)
        rules = _loaded(text, str(place), settings)
    except RulesError as trouble:
        error = trouble
    except (ImageMissingError, ImageForbiddenError, OutputForbiddenError) as trouble:
        unread = trouble.message
    else:
        is_known = kept is not None and (kept.source, kept.text) == (str(place), text)
        in_force = RulesInForce(
            rules=rules,
            etag=found.etag if found else "",
            version_id=found.version_id if found else None,
            since=kept.since if kept is not None and is_known else None,
            is_kept=False,
        )
        return RulesStanding(place=place, found=found, in_force=in_force)
    told = shelf.broken()
    return RulesStanding(
        place=place,
        found=found,
        in_force=_last_good(kept, place, settings),
        error=error,
        unread=unread,
        broken_since=told.since if told is not None and told.source == str(place) else None,
    )


def _last_good(kept: KeptRules | None, place: S3Uri, settings: Settings) -> RulesInForce | None:
    if kept is None or kept.source != str(place):
        return None
    try:
        rules = _loaded(kept.text, str(place), settings)
    except RulesError:
        return None  # the lists of buckets have changed since: the workers cannot use it either
    return RulesInForce(
        rules=rules,
        etag=kept.etag,
        version_id=kept.version_id,
        since=kept.since,
        is_kept=True,
    )


def _loaded(text: str, source: str, settings: Settings) -> RuleSet:
    return load_rules(
        text,
        input_buckets=frozenset(settings.input_buckets),
        output_buckets=frozenset(settings.output_buckets),
        source=source,
    )
