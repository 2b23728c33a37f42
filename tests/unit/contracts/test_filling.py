from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.filling import (
    BadTemplateError,
    escaped,
    fill,
    fill_known,
    filled,
    filled_known,
    merged,
    names_in,
    texts_in,
)

_json = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://shop/{sku}/", "s3://shop/1042/"),
        ("{sku}{sku}", "10421042"),
        ("{{sku}}", "{sku}"),
        ("{{{sku}}}", "{1042}"),
        ("no name", "no name"),
        ("", ""),
    ],
)
def test_names_are_filled_and_doubled_braces_are_braces(text: str, expected: str) -> None:
    assert fill(text, {"sku": "1042"}) == expected


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{}", "{a b}", "{1}", "{a}}"])
def test_brace_that_is_no_name_is_refused(text: str) -> None:
    for use in (names_in, lambda one: fill(one, {"a": ""}), lambda one: fill_known(one, {})):
        with pytest.raises(BadTemplateError, match="twice"):
            use(text)


def test_name_that_nothing_gives_is_refused_with_its_place() -> None:
    with pytest.raises(BadTemplateError, match=r"^input.list\[1\] needs the name \{sku\}"):
        filled({"input": {"list": ["a", "{sku}"]}}, {"other": "x"})


@given(st.text())
def test_value_is_never_read_as_a_template(value: str) -> None:
    assert fill("{a}", {"a": value, "b": "secret"}) == value
    assert fill(escaped(value), {}) == value
    assert fill(fill_known("{a}-{b}", {"a": value}), {"b": "x"}) == f"{value}-x"


def test_what_is_not_known_yet_stays_a_template() -> None:
    document = {"output": "s3://shop/{season}/{sku}/", "list": ["{{x}}", 7]}
    once = filled_known(document, {"season": "{spring}"})
    assert once == {"output": "s3://shop/{{spring}}/{sku}/", "list": ["{{x}}", 7]}
    assert filled(once, {"sku": "1"}) == {"output": "s3://shop/{spring}/1/", "list": ["{x}", 7]}


def test_names_of_pictures_are_left_for_when_there_are_pictures() -> None:
    document = {"outputOptions": {"key": "{sku}/{requestId}-{n}.{ext}"}, "n": "{n}"}
    assert filled(document, {"sku": "1", "n": "2", "ext": "jpg"}) == {
        "outputOptions": {"key": "1/{requestId}-{n}.{ext}"},
        "n": "2",
    }


def test_texts_are_found_with_their_places() -> None:
    document = {"a": ["x", {"b": "y"}], "c": 1}
    assert list(texts_in(document)) == [("a[0]", "x"), ("a[1].b", "y")]


def test_document_above_wins_and_null_takes_away() -> None:
    below = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2], "d": 4}
    above = {"b": {"y": None, "z": {"n": None}}, "c": [3], "d": None, "e": 5}
    assert merged(below, above) == {"a": 1, "b": {"x": 1, "z": {}}, "c": [3], "e": 5}
    assert below == {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2], "d": 4}


@given(st.dictionaries(st.text(), _json), st.dictionaries(st.text(), _json))
def test_merging_twice_changes_nothing(below: dict, above: dict) -> None:
    assert merged(merged(below, above), above) == merged(below, above)
    assert merged(below, {}) == below
