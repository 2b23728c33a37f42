"""The rules in the docs are rules: each example is loaded and tried."""

import json
import re

import pytest

from tests.unit.docs.pages import blocks, read
from worker.contracts.presets import with_preset
from worker.contracts.request import parse_document
from worker.drops.planning import Photo, plan_drop
from worker.drops.rules import RuleSet, load_rules
from worker.drops.sidecars import read_sidecar
from worker.errors import RulesError

PAGE = "docs/how-to/drop-folder.md"
WHOLE, *PARTS = blocks(read(PAGE), "yaml")
RULES = [part for part in PARTS if part.startswith("  - name:")]
FIELDS = [part for part in PARTS if part.startswith("    ")]
SIDECARS = [part for part in PARTS if part.startswith("#")]
BUCKETS = frozenset({"catalog"})


def load(text: str) -> RuleSet:
    return load_rules(text, input_buckets=BUCKETS, output_buckets=BUCKETS | {"shop"})


def test_every_example_is_tried() -> None:
    assert len(RULES) + len(FIELDS) + len(SIDECARS) == len(PARTS)
    assert len(PARTS) >= 6


@pytest.mark.parametrize("part", ["", *RULES, *[part for part in FIELDS if "moveTo" not in part]])
def test_example_is_a_rule(part: str) -> None:
    rules = load(WHOLE + part)
    match = rules.match("catalog", "inbox/spring/sku-1042.JPG")
    assert match is not None
    plan = plan_drop(match, [Photo("catalog", match.key, None, "e")])
    assert plan.requests[0]["output"] == "s3://shop/spring/sku-1042/"
    assert len(plan.requests) == (4 if "fanOut" in part else 1)


def test_example_that_moves_is_for_one_request() -> None:
    (moving,) = [part for part in FIELDS if "moveTo" in part]
    assert load(WHOLE + moving).rules
    (fanned,) = [part for part in FIELDS if "fanOut" in part]
    with pytest.raises(RulesError, match="moveTo"):
        load(WHOLE + fanned + moving)


def test_sidecar_is_one() -> None:
    (text,) = SIDECARS
    assert read_sidecar("sku-1042.yaml", text).fields["input"]["label"] is None


def test_loop_is_told_in_these_words() -> None:
    (told,) = [text for text in blocks(read(PAGE), "text") if "1 problem" in text]
    with pytest.raises(RulesError) as caught:
        load(WHOLE.replace("s3://shop/{season}/{sku}/", "s3://catalog/inbox/{sku}/"))
    (problem,) = caught.value.problems
    words = " ".join(told.split())
    assert problem.problem.rule in words
    assert problem.problem.fix in words
    assert f"line {problem.line} garments: output: {problem.problem.value}" in words


def test_request_with_a_preset_is_a_request() -> None:
    (document,) = [json.loads(block) for block in blocks(read(PAGE), "json")]
    resolved = with_preset(document, load(WHOLE).presets)
    request = parse_document(resolved, input_buckets=BUCKETS, output_buckets=BUCKETS)
    assert request.workflow == "full-naomi"


def test_example_of_the_reference_has_the_form() -> None:
    (text,) = blocks(read("docs/reference/rules.md"), "yaml")
    with pytest.raises(RulesError) as caught:
        load(text)
    # It is cut short on purpose: the preset has no input.
    assert all(re.match(r"input.\w+$", one.problem.field) for one in caught.value.problems)
