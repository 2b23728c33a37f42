"""A set of drop rules: which rule a key belongs to, what its path says, what lies beside it.

A set raises for no key, whatever its letters are. `worker.drops.rules` makes one of a file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from worker.contracts.presets import Presets
from worker.contracts.text import shown
from worker.drops.loops import KeyForm, can_meet
from worker.drops.sidecars import EXTENSIONS as SIDECAR_EXTENSIONS
from worker.drops.templates import EXT, PART, PathTemplate

_SEPARATORS: Final = "_-. "


@dataclass(frozen=True, slots=True)
class Part:
    """One photo of a group: the word in its name, the field of `input` it is for."""

    word: str
    field: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class MarkTemplate:
    """What happens to a photo when its job ends: `field` is copyTo or moveTo, `folder` a template
    of a URI that ends in /.
    """

    field: str
    folder: str

    @property
    def moves(self) -> bool:
        """Whether the photo is gone from its place afterwards."""
        return self.field == "moveTo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, checked. Texts in `request`, `fan_out`, `tenant` and marks are templates."""

    name: str
    line: int
    bucket: str
    template: PathTemplate
    extensions: tuple[str, ...]
    preset: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    photo: str = "imageId"
    parts: tuple[Part, ...] = ()
    parts_within_s: int = 900
    fan_out: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    tenant: str | None = None
    has_sidecar: bool = False
    settle_s: int = 0
    on_success: MarkTemplate | None = None
    on_failure: MarkTemplate | None = None
    writes_errors: bool = True
    is_manifest: bool = False
    results_to: str | None = None
    credit_cap: str | None = None

    @property
    def watched(self) -> KeyForm:
        """The keys that this rule may take."""
        return KeyForm.watched(self.template)

    def names_of(self, key: str) -> dict[str, str] | None:
        """What the path says, if it has the form; extension and bucket are not looked at."""
        return self.template.match(key, [part.word for part in self.parts])

    def miss(self, bucket: str, key: str) -> str:
        """Why a key is not this rule's, in plain words; "" if it is."""
        name = key.rpartition("/")[2]
        if bucket != self.bucket:
            return f"watches the bucket {self.bucket}"
        if name.startswith("."):
            return "takes no hidden files (the name begins with a dot)"
        extension = name.rpartition(".")[2].lower() if "." in name else ""
        names = self.names_of(key)
        if names is None and self._is_only_of_another_part(key):
            words = ", ".join(part.word for part in self.parts)
            return f"has the parts {words}, and the name has none of them"
        if names is None:
            return f"wants {self.template.text}"
        if extension not in self.extensions:
            what = f".{extension} is none of them" if extension else "the name has none"
            return f"takes the extensions {', '.join(self.extensions)}: {shown(what)[1:-1]}"
        return ""

    def _is_only_of_another_part(self, key: str) -> bool:
        # Any word at all in the place of {part}: would the form fit then?
        if not self.parts:
            return False
        stem = key.rpartition("/")[2].rpartition(".")[0]
        words = {piece for sep in "_-. " for piece in stem.split(sep) if piece}
        return self.template.match(key, words) is not None


@dataclass(frozen=True, slots=True)
class Match:
    """A key and its rule. `names` is what the path says, in composed letters (NFC)."""

    rules: RuleSet = field(repr=False, compare=False)
    rule: Rule
    key: str
    names: Mapping[str, str]

    @property
    def bucket(self) -> str:
        """The bucket of the key."""
        return self.rule.bucket

    @property
    def part(self) -> Part | None:
        """Which photo of its group this is; None if the rule has no groups."""
        word = self.names.get(PART)
        return next((part for part in self.rule.parts if part.word == word), None)

    @property
    def folder(self) -> str:
        """The key up to its last slash, as it is written in S3."""
        return self.key[: self.key.rfind("/") + 1]

    @property
    def stem(self) -> str:
        """The file's name without extension and, in a group, without the part's word."""
        name = self.key.rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        if self.part is None:
            return stem
        head, tail = self._around_part
        return (head + tail.lstrip(_SEPARATORS)).rstrip(_SEPARATORS) or stem

    @property
    def sidecar_stems(self) -> tuple[str, ...]:
        """What stands before the extension in the keys of its sidecars; () if the rule has none."""
        if not self.rule.has_sidecar:
            return ()
        # A Mac writes marks on letters in two ways.
        written = (self.stem, *(unicodedata.normalize(form, self.stem) for form in ("NFC", "NFD")))
        return tuple(f"{self.folder}{stem}" for stem in dict.fromkeys(written))

    @property
    def sidecar_keys(self) -> tuple[str, ...]:
        """Where a sidecar usually lies, in the order of their rank; () if the rule has none."""
        return tuple(f"{stem}.{ext}" for ext in SIDECAR_EXTENSIONS for stem in self.sidecar_stems)

    def sidecars_among(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that are sidecars of this photo, in the order of their rank.

        `SKU.JSON` is one as `SKU.json` is: cameras and old programs write extensions in capitals.
        """
        usual = {key: rank for rank, key in enumerate(self.sidecar_keys)}
        ranked = []
        for key in keys:
            stem, _, extension = key.rpartition(".")
            rank = usual.get(f"{stem}.{extension.lower()}")
            if rank is not None:
                ranked.append((rank, key not in usual, key))
        return [key for *_, key in sorted(ranked)]

    @property
    def siblings_prefix(self) -> str:
        """What the keys of all photos of the group begin with; the key itself without groups."""
        if self.part is None:
            return self.key
        head, _ = self._around_part
        # A Mac writes marks on letters in two ways: then only the folder is certain.
        return self.folder + (head if head.isascii() else "")

    @property
    def group(self) -> Mapping[str, str]:
        """What the photos of a group have in common."""
        return {name: value for name, value in self.names.items() if name not in (PART, EXT)}

    def belongs(self, key: str) -> bool:
        """Whether a key of the same bucket is a photo of the same group (this key is, too)."""
        other = self.rules.match(self.bucket, key)
        return other is not None and other.rule is self.rule and other.group == self.group

    @property
    def _around_part(self) -> tuple[str, str]:
        """What stands before and after the part's word in the file's name, without extension."""
        before: list[str] = []
        after: list[str] = []
        side = before
        for piece in self.rule.template.segments[-1]:
            if isinstance(piece, str):
                side.append(piece)
            elif piece.name == PART:
                side = after
            else:
                side.append(self.names[piece.name])
        return "".join(before), "".join(after)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file, in its order, and its presets."""

    rules: tuple[Rule, ...] = ()
    presets: Presets = field(default_factory=dict)
    input_buckets: frozenset[str] = frozenset()
    output_buckets: frozenset[str] = frozenset()

    def match(self, bucket: str, key: str) -> Match | None:
        """The first rule that a key belongs to, and what its path says. Never raises."""
        for rule in self.rules:
            if not rule.miss(bucket, key):
                return Match(self, rule, key, rule.names_of(key) or {})
        return None

    def misses(self, bucket: str, key: str) -> tuple[tuple[Rule, str], ...]:
        """Why the rules before the first match (all, if there is none) do not take a key."""
        found: list[tuple[Rule, str]] = []
        for rule in self.rules:
            reason = rule.miss(bucket, key)
            if not reason:
                break
            found.append((rule, reason))
        return tuple(found)

    def sidecar_of(self, bucket: str, key: str) -> Rule | None:
        """The rule whose photos a key may be the sidecar of: it makes no request itself."""
        head, dot, extension = key.rpartition(".")
        if not dot or extension.lower() not in SIDECAR_EXTENSIONS:
            return None
        return next((rule for rule in self.rules if _may_be_beside(rule, bucket, head)), None)

    def watcher(self, bucket: str, written: KeyForm) -> Rule | None:
        """The first rule that may take what is written in this form: a loop."""
        return next(
            (
                rule
                for rule in self.rules
                if rule.bucket == bucket and can_meet(rule.watched, written)
            ),
            None,
        )


def _may_be_beside(rule: Rule, bucket: str, stem: str) -> bool:
    if not rule.has_sidecar or rule.bucket != bucket:
        return False
    joints = {piece for piece in rule.template.segments[-1] if piece in ("_", "-", ".", " ")}
    endings = [f"{joint}{part.word}" for joint in sorted(joints) for part in rule.parts] or [""]
    return any(
        not rule.miss(bucket, f"{stem}{ending}.{extension}")
        for ending in endings
        for extension in rule.extensions
    )
