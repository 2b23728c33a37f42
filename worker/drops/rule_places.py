"""Where in a rules file a problem is told: where it is written, in the rule or in its preset."""

from __future__ import annotations

from dataclasses import replace

from worker.drops.rule_set import Rule
from worker.drops.yaml_text import YamlValue
from worker.errors import Problem, RulesProblem


def told_in_request(
    read: YamlValue, place: str, rule: Rule, at: str, problem: Problem
) -> RulesProblem:
    """A problem at `at` of the request of a rule that stands at `place`.

    One of its preset says nothing of the rule: it is the same for all rules that name the preset.
    """
    if rule.preset is not None and f"presets.{rule.preset}.{at}" in read.lines:
        of_preset = f"presets.{rule.preset}.{at}"
        if not {f"{place}.{at}", f"{place}.request.{at}"} & read.lines.keys():
            return RulesProblem(read.line_of(of_preset), "", replace(problem, field=of_preset))
    in_request = f"{place}.request.{at}"
    at_last = in_request if in_request in read.lines else f"{place}.{at}"
    return RulesProblem(read.line_of(at_last), rule.name, problem)
