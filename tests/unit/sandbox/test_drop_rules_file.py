"""A person's rules are used as they stand, for the buckets of the run, and again when they change."""

from pathlib import Path

import pytest

from sandbox.drop.rules import RulesFile, own_rules, read_rules, with_buckets
from worker.errors import RulesError

OWN = """\
version: 1
rules:
  - name: shoes
    bucket: catalog
    match: "inbox/{sku}.{ext}"
    request: {workflow: prepare-image, input: {isHuman: false}}
    output: "s3://shop/shoes/"
"""


def test_the_demos_own_rules_are_put_there_once(tmp_path: Path) -> None:
    place = tmp_path / "demo-drop/rules.yaml"

    assert RulesFile(place).read() == own_rules() == place.read_text()


def test_rules_that_are_there_are_used_and_left_as_they_are(tmp_path: Path) -> None:
    place = tmp_path / "rules.yaml"
    place.write_text(OWN)

    assert RulesFile(place).read() == OWN == place.read_text()


def test_rules_that_changed_are_told_once(tmp_path: Path) -> None:
    place = tmp_path / "rules.yaml"
    rules = RulesFile(place)
    rules.read()
    assert rules.news() is None

    place.write_text(OWN)
    assert rules.news() == OWN
    assert rules.news() is None

    place.unlink()
    assert rules.news() is None


@pytest.mark.parametrize("broken", [b"rules: [", b"version: 1\nrules: \xff"])
def test_broken_rules_are_told_once_and_count_again_when_they_are_right(
    tmp_path: Path, broken: bytes
) -> None:
    place = tmp_path / "rules.yaml"
    rules = RulesFile(place)
    rules.read()

    place.write_bytes(broken)
    with pytest.raises(RulesError, match=r"rules\.yaml has 1 problem"):
        rules.news()
    assert rules.news() is None

    place.write_text(own_rules())
    assert rules.news() == own_rules()


def test_the_buckets_of_the_documentation_are_those_of_the_run() -> None:
    text = with_buckets(
        OWN + "  # s3://catalog-2/ and s3://shops/ are others\n", catalog="in-1", shop="out-1"
    )

    assert "    bucket: in-1\n" in text
    assert '"s3://out-1/shoes/"' in text
    assert "s3://catalog-2/ and s3://shops/ are others" in text
    assert read_rules(text, catalog="in-1", shop="out-1").match("in-1", "inbox/a.jpg") is not None
