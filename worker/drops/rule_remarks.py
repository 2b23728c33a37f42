"""What a good rules file says that some requests would be refused for, though not all.

A preset may be for requests alone, and the rows of a manifest may say otherwise: so such a file is
taken, and workers go by it. But whoever checks a file wants to hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from worker.contracts.request import parse_document
from worker.drops.rule_checks import depends_on_names, document_of
from worker.drops.rule_places import told_in_request
from worker.drops.rule_set import RuleSet
from worker.drops.yaml_text import read_yaml
from worker.errors import InvalidRequestError, Problem, RulesProblem


def remarks_on(text: str, rules: RuleSet) -> list[RulesProblem]:
    """What is wrong with presets by themselves, and with what the rows of a manifest share.

    `text` is the file that `rules` were loaded from.
    """
    read = read_yaml(text)
    found: list[RulesProblem] = []
    for name, fields in rules.presets.items():
        for problem in _problems_of_part(fields, rules):
            at = f"presets.{name}.{problem.field}"
            found.append(RulesProblem(read.line_of(at), "", replace(problem, field=at)))
    for index, rule in enumerate(rules.rules):
        if rule.is_manifest:
            for problem in _problems_of_part(document_of(rules, rule), rules):
                place = f"rules[{index}]"
                found.append(told_in_request(read, place, rule, problem.field, problem))
    return sorted(dict.fromkeys(found), key=lambda one: one.line)


def _problems_of_part(fields: Mapping[str, Any], rules: RuleSet) -> Iterable[Problem]:
    """What a request with these fields would be refused for; what is missing, others may say."""
    try:
        parse_document(
            {**fields, "requestId": "sample"},
            input_buckets=rules.input_buckets,
            output_buckets=rules.output_buckets,
        )
    except InvalidRequestError as error:
        for problem in error.problems:
            is_missing = problem.rule.startswith("is required") or not problem.value
            if not is_missing and not depends_on_names(fields, problem.field):
                yield problem
