"""`rules show`: how the rules in force are told, to people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rich.text import Text

from worker.contracts.fields import rfc3339
from worker.contracts.filling import merged
from worker.contracts.text import visible
from worker.drops.rules import Rule, RuleSet
from worker.runtime.commands.output import plain, print_hanging, stdout, styled
from worker.runtime.commands.rules_standing import RulesInForce, RulesStanding
from worker.runtime.commands.rules_told import rule_json, takes
from worker.runtime.commands.wording import ago, count, duration, moment

_LABEL: Final = 10
_PRESET_FIELDS: Final = ("workflow", "output")


def show_rules(standing: RulesStanding, *, now: datetime) -> None:
    """What counts and since when, what is wrong, then presets and rules in their order."""
    console = stdout()
    console.print(styled(str(standing.place), "bold"), soft_wrap=True)
    in_force = standing.in_force
    if standing.is_broken:
        _line("broken", _broken(standing, now), style="red")
        for problem in standing.problems:
            _line("", problem, style="red")
    if in_force is None:
        _line("in force", "nothing: dropped photos and requests with a preset wait", style="red")
        return
    _line("in force", _in_force(in_force, now), style="yellow" if in_force.is_kept else "green")
    for name, fields in in_force.rules.presets.items():
        console.print()
        console.print(Text.assemble(("preset ", "dim"), (plain(name), "cyan")), soft_wrap=True)
        _preset(fields)
    for number, rule in enumerate(in_force.rules.rules, start=1):
        console.print()
        head = Text.assemble((f"rule {number} ", "dim"), (plain(rule.name), "cyan"))
        console.print(head, soft_wrap=True)
        _rule(rule, in_force.rules)


def standing_json(standing: RulesStanding) -> dict[str, Any]:
    """All of it for scripts."""
    in_force = standing.in_force
    return {
        "file": str(standing.place),
        "isBroken": standing.is_broken,
        "brokenSince": _rfc3339(standing.broken_since),
        "problems": list(standing.problems),
        "now": {"etag": standing.found.etag, "versionId": standing.found.version_id}
        if standing.found
        else None,
        "inForce": in_force
        and {
            "isLastGood": in_force.is_kept,
            "etag": in_force.etag or None,
            "versionId": in_force.version_id,
            "since": _rfc3339(in_force.since),
        },
        "presets": dict(in_force.rules.presets) if in_force else {},
        "rules": [_rule_json(rule, in_force.rules) for rule in in_force.rules.rules]
        if in_force
        else [],
    }


def _broken(standing: RulesStanding, now: datetime) -> str:
    version = _version(
        standing.found.etag if standing.found else "",
        standing.found.version_id if standing.found else None,
    )
    since = standing.broken_since
    when = (
        f"since {moment(since)} ({ago(since, now)})"
        if since
        else "no worker has met it yet: they do with the next photo or preset"
    )
    return ", ".join(part for part in (version, when) if part)


def _in_force(in_force: RulesInForce, now: datetime) -> str:
    what = "the last good version" if in_force.is_kept else "the file as it is"
    version = _version(in_force.etag, in_force.version_id)
    if in_force.since is not None:
        when = f"since {moment(in_force.since)} ({ago(in_force.since, now)})"
    else:
        when = "" if in_force.is_kept else "from the next photo or preset on"
    rules = in_force.rules
    counts = f"{count(len(rules.rules), 'rule')}, {count(len(rules.presets), 'preset')}"
    return ", ".join(part for part in (what, version, when, counts) if part)


def _version(etag: str, version_id: str | None) -> str:
    if version_id is not None:
        return f"version {version_id}"
    return f"ETag {etag.strip(chr(34))}" if etag else ""


def _preset(fields: Mapping[str, Any]) -> None:
    for name in _PRESET_FIELDS:
        if isinstance(fields.get(name), str):
            _line(name, visible(fields[name]))
    given = fields.get("input")
    if isinstance(given, Mapping) and given:
        _line("input", ", ".join(plain(name) for name in given))
    others = [name for name in fields if name not in (*_PRESET_FIELDS, "input")]
    if others:
        _line("also", ", ".join(plain(name) for name in others))


def _rule(rule: Rule, rules: RuleSet) -> None:
    _line("watches", f"s3://{rule.bucket}/{rule.template.text}  ({takes(rule)})")
    if rule.settle_s:
        _line("rests", f"{duration(rule.settle_s)} after the upload")
    if rule.has_sidecar:
        _line("sidecar", "may say what is different")
    _line("becomes", _becomes(rule))
    output = _output(rule, rules)
    if output:
        _line("writes", visible(output))
    if rule.results_to:
        _line("results", visible(rule.results_to))
    for label, mark in (("succeeded", rule.on_success), ("failed", rule.on_failure)):
        if mark is not None:
            verb = "moved" if mark.moves else "copied"
            _line(label, f"the photo is {verb} to {visible(mark.folder)}")
    if rule.writes_errors and not rule.is_manifest:
        _line("failed", "<name>.error.json beside the picture's place says why")


def _becomes(rule: Rule) -> str:
    requests = 1
    for values in rule.fan_out.values():
        requests *= len(values)
    what = "a batch" if rule.is_manifest else count(requests, "request")
    preset = f" of preset {rule.preset}" if rule.preset else ""
    tenant = f", tenant {visible(rule.tenant)}" if rule.tenant else ""
    cap = f", at most {rule.credit_cap} credits" if rule.credit_cap else ""
    return f"{what}{preset}{tenant}{cap}"


def _output(rule: Rule, rules: RuleSet) -> str | None:
    preset = rules.presets.get(rule.preset or "", {})
    output = merged(preset, rule.request).get("output")
    return output if isinstance(output, str) else None


def _rule_json(rule: Rule, rules: RuleSet) -> dict[str, Any]:
    return {
        **rule_json(rule),
        "preset": rule.preset,
        "request": dict(rule.request),
        "output": _output(rule, rules),
        "parts": [part.word + ("" if part.is_required else "?") for part in rule.parts],
        "fanOut": {name: list(values) for name, values in rule.fan_out.items()},
        "tenant": rule.tenant,
        "sidecar": rule.has_sidecar,
        "settleSeconds": rule.settle_s,
        "errors": rule.writes_errors,
        "onSuccess": rule.on_success and {rule.on_success.field: rule.on_success.folder},
        "onFailure": rule.on_failure and {rule.on_failure.field: rule.on_failure.folder},
        "resultsTo": rule.results_to,
        "creditCap": rule.credit_cap,
    }


def _rfc3339(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None


def _line(label: str, text: str, *, style: str = "") -> None:
    line = Text.assemble((f"  {label:<{_LABEL}}", "dim"), (plain(text), style))
    print_hanging(stdout(), line, _LABEL + 2)
