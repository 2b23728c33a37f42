"""Loads a rules file: all its problems at once, or a set of rules that never raises later.

    rules = load_rules(text, input_buckets=…, output_buckets=…)
    match = rules.match("catalog", "inbox/spring/sku-1042.JPG")     first match wins; None: no rule
    match.rule, match.names                                         {"season": "spring", …}
    match.sidecar_keys, match.siblings_prefix, match.belongs(key)   what to look for beside it
    planning.plan_drop(match, photos, sidecar)                      its requests, or why there are none
    manifests.plan_batch(match, manifest)                           for a rule with `manifest: true`
    rules.presets                                                   for `contracts.presets.with_preset`

A rule is tried out with a made-up photo while it is loaded: what a request of it would be refused
for is found now, with its line, and not with the first photo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from worker.contracts.plain_words import did_you_mean, problems_of
from worker.contracts.presets import Presets
from worker.contracts.text import shown
from worker.drops.compiling import RuleCompiler
from worker.drops.rule_checks import (
    is_told_as_loop,
    problems_of_marks,
    problems_of_rule,
    problems_of_writing,
)
from worker.drops.rule_places import told_in_request
from worker.drops.rule_set import Match, Rule, RuleSet
from worker.drops.rule_shapes import MAX_RULES, RuleShape, check_name
from worker.drops.yaml_text import YamlTextError, YamlValue, read_yaml
from worker.errors import Problem, RulesError, RulesProblem

__all__ = ["Match", "Rule", "RuleSet", "load_rules"]

_RULE_FIELDS: Final = frozenset(field.alias or "" for field in RuleShape.model_fields.values())
_FIELDS: Final = ("version", "presets", "rules")
MAX_PROBLEMS: Final = 50

_UNTRIED: Final = frozenset({"match", "photo", "parts"})
"""Without these no photo can be made up that would try the rule."""

_NO_NAME: Final = "unnamed"

_BEGINNING: Final = "version: 1, and below it rules: with a list of them"


def load_rules(
    text: str,
    *,
    input_buckets: frozenset[str],
    output_buckets: frozenset[str],
    drop_bucket: str | None = None,
    source: str = "the rules file",
) -> RuleSet:
    """The rules of a file. `source` names it in the error. `drop_bucket` is that of rules which name
    none; unless given, the input bucket if there is only one.

    Raises RulesError with every problem (at most 50), in the order of the lines.
    """
    try:
        read = read_yaml(text)
    except YamlTextError as error:
        problem = RulesProblem(error.line, "", Problem("the file", "", error.rule, error.fix))
        raise RulesError([problem], source=source) from error
    if drop_bucket is None and len(input_buckets) == 1:
        (drop_bucket,) = input_buckets
    loading = _Loading(read, input_buckets, output_buckets, drop_bucket)
    rules = loading.load()
    if loading.problems:
        ordered = sorted(loading.problems, key=lambda found: found.line)
        raise RulesError(ordered[:MAX_PROBLEMS], source=source)
    return rules


@dataclass(frozen=True, slots=True)
class _Tried:
    """A rule as far as it could be made, and its fields in which a mistake was told."""

    rule: Rule
    broken: frozenset[str]


class _Loading:
    """One file on its way to a set of rules; problems are gathered, not raised."""

    def __init__(
        self,
        read: YamlValue,
        input_buckets: frozenset[str],
        output_buckets: frozenset[str],
        drop_bucket: str | None,
    ) -> None:
        self._drop_bucket = drop_bucket
        self._read = read
        self._input_buckets = input_buckets
        self._output_buckets = output_buckets
        self._broken_presets: set[str] = set()
        self.problems: list[RulesProblem] = []

    def load(self) -> RuleSet:
        document = self._read.value
        if not isinstance(document, dict):
            found = "" if document is None else shown(document)
            rule = "is empty" if document is None else "must have version and rules in it"
            self._note("", "", Problem("the file", found, rule, _BEGINNING))
            return RuleSet()
        self._check_head(document)
        presets = self._presets(document.get("presets") or {})
        tried = self._rules(document.get("rules") or [], presets)
        rules = tuple(one.rule for one in tried.values() if "bucket" not in one.broken)
        rule_set = RuleSet(rules, presets, self._input_buckets, self._output_buckets)
        for place, one in tried.items():
            self._try(place, one, rule_set)
        return rule_set

    def _try(self, place: str, one: _Tried, rules: RuleSet) -> None:
        """What only shows in the whole set; what follows from a mistake that was told is not told."""
        rule, found = one.rule, []
        if "bucket" not in one.broken:
            found += [*problems_of_writing(rules, rule), *problems_of_marks(rules, rule)]
        if rule.preset not in self._broken_presets:
            is_loop = any(is_told_as_loop(problem) for _, problem in found)
            found += [
                (at, problem)
                for at, problem in problems_of_rule(rules, rule)
                if not (is_loop and is_told_as_loop(problem))
            ]
        for at, problem in found:
            if not _follows(at, problem, one.broken):
                self._add(told_in_request(self._read, place, rule, at, problem))

    def _check_head(self, document: Mapping[str, Any]) -> None:
        version = document.get("version")
        if version != 1 or isinstance(version, bool):
            value = "" if version is None else shown(version)
            self._note("version", "", Problem("version", value, "must be 1", "version: 1"))
        for name, value in document.items():
            if name not in _FIELDS:
                fix = did_you_mean(name, _FIELDS) or f"known fields: {', '.join(_FIELDS)}"
                rule = "is not a field of a rules file"
                self._note(name, "", Problem(name, shown(value), rule, fix))

    def _presets(self, given: Any) -> Presets:
        if not isinstance(given, dict):
            rule = "must be a mapping of names to parts of requests"
            self._note("presets", "", Problem("presets", shown(given), rule))
            return {}
        sound = {name for name, fields in given.items() if self._is_sound_preset(name, fields)}
        self._broken_presets = given.keys() - sound
        return {name: fields if name in sound else {} for name, fields in given.items()}

    def _is_sound_preset(self, name: str, fields: Any) -> bool:
        place = f"presets.{name}"
        before = len(self.problems)
        try:
            check_name(name)
        except ValueError as error:
            rule = getattr(error, "context", {}).get("rule", "is no name")
            self._note(place, "", Problem("presets", shown(name), rule))
        if not isinstance(fields, dict):
            rule = "must have fields of a request"
            self._note(
                place, "", Problem(place, shown(fields), rule, "such as workflow: full-naomi")
            )
            return False
        for field in ("requestId", "origin", "preset"):
            if field in fields:
                rule = "cannot stand in a preset"
                self._note(f"{place}.{field}", "", Problem(f"{place}.{field}", "", rule))
        return len(self.problems) == before

    def _rules(self, given: Any, presets: Presets) -> dict[str, _Tried]:
        if not isinstance(given, list) or len(given) > MAX_RULES:
            rule = f"must be a list of at most {MAX_RULES} rules"
            self._note("rules", "", Problem("rules", shown(given), rule))
            return {}
        compiler = RuleCompiler(
            presets, self._input_buckets, self._output_buckets, self._drop_bucket
        )
        rules: dict[str, _Tried] = {}
        names: dict[str, int] = {}
        for index, one in enumerate(given):
            place = f"rules[{index}]"
            read = self._shape(one, place)
            if read is None:
                continue
            shape, broken = read
            line = self._read.line_of(place)
            if shape.name in names and "name" not in broken:
                rule_text = f"is the name of the rule in line {names[shape.name]}, too"
                problem = Problem("name", shown(shape.name), rule_text, "give each its own")
                self._note(f"{place}.name", shape.name, problem)
            names.setdefault(shape.name, line)
            compiled, problems = compiler.compile(shape, line)
            told = [found for found in problems if not _follows(*found, broken)]
            for at, problem in told:
                self._note(f"{place}.{at}", shape.name, problem)
            broken |= {_head(at) for at, _ in told}
            if compiled is not None and not broken & _UNTRIED:
                rules[place] = _Tried(compiled, broken)
        return rules

    def _shape(self, given: Any, place: str) -> tuple[RuleShape, frozenset[str]] | None:
        """The rule without the fields that are no such thing, and which those are: what else is
        wrong shows without them. None where nothing can be said of the rest.
        """
        if not isinstance(given, dict):
            rule = "must be a rule with name, match and the rest"
            self._note(place, "", Problem(place, shown(given), rule))
            return None
        name = given.get("name")
        name = name if isinstance(name, str) else ""
        fields = {field: value for field, value in given.items() if value is not None}
        try:
            return RuleShape.model_validate(fields, by_alias=True, by_name=False), frozenset()
        except ValidationError as error:
            problems = problems_of(error, RuleShape, what="a rule")
        for problem in problems:
            told = _hint_about_quotes(fields, problem)
            self._note(f"{place}.{problem.field}", name, told)
        broken = frozenset(_head(problem.field) for problem in problems)
        sound = {field: value for field, value in fields.items() if field not in broken}
        if "match" in broken:
            return None
        if "name" in broken:
            sound["name"] = _NO_NAME
        shape = RuleShape.model_validate(sound, by_alias=True, by_name=False)
        return (shape.model_copy(update={"name": name}) if "name" in broken else shape), broken

    def _note(self, place: str, rule: str, problem: Problem) -> None:
        self._add(RulesProblem(self._read.line_of(place), rule, problem))

    def _add(self, found: RulesProblem) -> None:
        if found not in self.problems:
            self.problems.append(found)


def _head(place: str) -> str:
    """The field of a rule that a place in it belongs to."""
    return re.split(r"[.\[]", place, maxsplit=1)[0]


def _follows(at: str, problem: Problem, broken: frozenset[str]) -> bool:
    """Whether a problem may come of fields that are broken and were told."""
    places = {_head(problem.field), _head(at)} - ({"name"} if problem.field != "name" else set())
    if places & broken:
        return True
    if not problem.rule.startswith("is required"):
        return False
    unknown = broken - _RULE_FIELDS
    if broken & {"preset", "request"} or (problem.field == "preset" and unknown):
        return True
    return any(did_you_mean(one, ("preset", "request", problem.field)) for one in unknown)


def _hint_about_quotes(fields: Mapping[str, Any], problem: Problem) -> Problem:
    """`output: {sku}` without quotes is a mapping in YAML, and `creditCap: 12` a number: say so."""
    value = fields.get(problem.field)
    if problem.rule == "must be text" and isinstance(value, bool | int | float):
        return replace(problem, fix=f'put it in quotes: "{shown(value)}"')
    if isinstance(value, dict) and len(value) == 1 and list(value.values()) == [None]:
        (name,) = value
        fix = f'put it in quotes: "{{{name}}}"'
        return Problem(problem.field, f"{{{name}}}", "is a mapping in YAML without quotes", fix)
    return problem
