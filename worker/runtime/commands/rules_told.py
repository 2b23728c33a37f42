"""How a set of rules, its problems and its trials are told: to people, and as JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from worker.contracts.text import visible, visible_json
from worker.drops.rules import Rule, RuleSet
from worker.errors import Problem, RulesError, RulesProblem
from worker.runtime.commands.output import plain, print_hanging, stderr, stdout, styled
from worker.runtime.commands.rule_trials import Trial
from worker.runtime.commands.wording import count, duration

_LABEL = 12


def tell_problems(error: RulesError) -> None:
    """Every problem with its line, and below it the fix."""
    console = stderr()
    number = count(len(error.problems), "problem")
    console.print(styled(f"{error.source}: {number}", "bold red"), soft_wrap=True)
    for found in error.problems:
        name = f"{plain(found.rule)}: " if found.rule else ""
        value = f"{plain(found.problem.value)}: " if found.problem.value else ""
        line = Text.assemble(
            (f"  line {found.line:<4} ", "dim"),
            (name, "bold"),
            f"{plain(found.problem.field)}: {value}{plain(found.problem.rule)}",
        )
        print_hanging(console, line, 12)
        if found.problem.fix:
            print_hanging(console, styled(f"            -> {found.problem.fix}", "green"), 15)


def tell_rules(file: str, rules: RuleSet, *, warnings: int = 0) -> None:
    """The rules in their order."""
    console = stdout()
    presets = f", {count(len(rules.presets), 'preset')}" if rules.presets else ""
    wrong = count(warnings, "warning") if warnings else "no problems"
    head = styled(f"{file}: {count(len(rules.rules), 'rule')}{presets}, {wrong}", "bold")
    console.print(head, soft_wrap=True)
    width = max((len(rule.name) for rule in rules.rules), default=0)
    for rule in rules.rules:
        line = Text.assemble(
            (f"  {rule.name:<{width}}  ", "cyan"),
            f"{rule.bucket}/{plain(rule.template.text)}",
            (f"  {takes(rule)}", "dim"),
        )
        print_hanging(console, line, width + 4)


def tell_trial(trial: Trial) -> None:
    """One key: its rule or why there is none, and what comes of it."""
    console = stdout()
    console.print()
    for key in trial.keys:
        console.print(styled(visible(f"s3://{trial.bucket}/{key}"), "bold"), soft_wrap=True)
    for rule, why in trial.misses:
        _line("not", f"{rule.name} (line {rule.line}): {why}", style="dim")
    match = trial.match
    if match is None:
        if trial.sidecar_of is not None:
            name = trial.sidecar_of.name
            _line("no photo", f"as a sidecar of {name} it is read with its photo, if that comes")
        else:
            _line("ignored", "no rule takes it", style="yellow")
        return
    rule = match.rule
    _line("rule", f"{rule.name} (line {rule.line})")
    _line("names", ", ".join(f"{name} = {visible(text)}" for name, text in match.names.items()))
    if rule.settle_s:
        _line("rests", f"{duration(rule.settle_s)} after the upload")
    if match.sidecar_keys:
        _line("sidecar", _alternatives(match.sidecar_keys))
    if trial.missing:
        words = ", ".join(trial.missing)
        wait = duration(rule.parts_within_s)
        _line("waits", f"for {words}; after {wait} an error document says so", style="yellow")
    elif trial.batch is not None:
        _line("becomes", "a batch")
        _json(trial.batch)
    elif trial.plan is not None:
        _tell_plan(trial)


def json_of(
    file: str, rules: RuleSet, trials: list[Trial], warnings: Sequence[RulesProblem]
) -> dict[str, Any]:
    """All of it for scripts."""
    return {
        "file": file,
        "problems": [],
        "warnings": _found_json(warnings),
        "rules": [rule_json(rule) for rule in rules.rules],
        "presets": sorted(rules.presets),
        "keys": [_trial_json(trial) for trial in trials],
    }


def problems_json(error: RulesError) -> dict[str, Any]:
    """The problems of a file for scripts."""
    found = _found_json(error.problems)
    return {"problems": found, "warnings": [], "rules": [], "presets": [], "keys": []}


def _found_json(found: Sequence[RulesProblem]) -> list[dict[str, Any]]:
    return [
        {"line": one.line, "rule": one.rule or None, **_problem_json(one.problem)} for one in found
    ]


def _tell_plan(trial: Trial) -> None:
    plan = trial.plan
    assert plan is not None  # noqa: S101 - the caller looked
    if plan.problems:
        console = stdout()
        for problem in plan.problems:
            head = Text.assemble((f"  {'refused':<{_LABEL}}", "red"), plain(str(problem)))
            print_hanging(console, head, _LABEL + 2)
        if plan.error:
            _line("told in", plan.error)
        for field, folder in (plan.on_failure or {}).items():
            _line("the photo", f"{_verb(field)} {folder}")
        return
    drop = plan.requests[0]["origin"]["drop"]
    for label, name in (("succeeded", "onSuccess"), ("failed", "onFailure")):
        for field, folder in drop.get(name, {}).items():
            _line(label, f"the photo is {_verb(field)} {folder}")
    if "error" in drop:
        _line("failed", f"{drop['error']} says why")
    _line("becomes", count(len(plan.requests), "request"))
    for request in plan.requests:
        _json(request)


def _alternatives(keys: Sequence[str]) -> str:
    """Keys without those that look like another: an accent can be written in two ways."""
    alike = {unicodedata.normalize("NFC", key): key for key in reversed(keys)}
    return " or ".join(visible(key) for key in reversed(alike.values()))


def _verb(field: str) -> str:
    return "moved to" if field == "moveTo" else "copied to"


def takes(rule: Rule) -> str:
    """Which files a rule takes, in a word or two."""
    if rule.is_manifest:
        return "a batch"
    if rule.parts:
        return " + ".join(part.word for part in rule.parts)
    return ", ".join(rule.extensions)


def _line(label: str, text: str, *, style: str = "") -> None:
    line = Text.assemble((f"  {label:<{_LABEL}}", "dim"), (plain(text), style))
    print_hanging(stdout(), line, _LABEL + 2)


def _json(document: dict[str, Any]) -> None:
    text = visible_json(json.dumps(document, indent=2, ensure_ascii=False))
    stdout().print(styled(text), soft_wrap=True)


def _problem_json(problem: Problem) -> dict[str, str]:
    return {
        "field": problem.field,
        "value": problem.value,
        "problem": problem.rule,
        "fix": problem.fix,
    }


def rule_json(rule: Rule) -> dict[str, Any]:
    """What a rule watches, for scripts."""
    return {
        "name": rule.name,
        "line": rule.line,
        "bucket": rule.bucket,
        "match": rule.template.text,
        "extensions": list(rule.extensions),
        "manifest": rule.is_manifest,
    }


def _trial_json(trial: Trial) -> dict[str, Any]:
    match, plan = trial.match, trial.plan
    return {
        "bucket": trial.bucket,
        "keys": list(trial.keys),
        "rule": match.rule.name if match else None,
        "names": dict(match.names) if match else {},
        "misses": [{"rule": rule.name, "because": why} for rule, why in trial.misses],
        "sidecarOf": trial.sidecar_of.name if trial.sidecar_of else None,
        "sidecars": list(match.sidecar_keys) if match else [],
        "settleSeconds": match.rule.settle_s if match else None,
        "missingParts": list(trial.missing),
        "requests": list(plan.requests) if plan else [],
        "problems": [_problem_json(problem) for problem in plan.problems] if plan else [],
        "error": plan.error if plan else None,
        "onFailure": dict(plan.on_failure) if plan and plan.on_failure else None,
        "batch": trial.batch,
    }
