from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.filling import (
    BadTemplateError,
    Name,
    composed,
    escaped,
    escaped_deep,
    fill,
    fill_known,
    filled,
    filled_known,
    filled_with_values,
    merged,
    names_in,
    pieces_of,
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


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{}", "{ a}", "{a }", "{\t}", "{a}}"])
def test_brace_that_is_no_name_is_refused(text: str) -> None:
    for use in (names_in, lambda one: fill(one, {"a": ""}), lambda one: fill_known(one, {})):
        with pytest.raises(BadTemplateError, match="twice"):
            use(text)


@pytest.mark.parametrize("name", ["sku", "1", "Farbe 1", "Größe (EU)", "a/b", "…", "a...", '"'])
def test_name_is_any_text_as_columns_are_called(name: str) -> None:
    assert names_in(f"x{{{name}}}y") == (name,)
    assert fill(f"x{{{name}}}y", {name: "-"}) == "x-y"
    assert list(pieces_of(f"x{{{{{{{name}}}y")) == ["x{", Name(name), "y"]


def test_name_is_the_same_however_its_letters_are_written() -> None:
    assert fill("{gro\u0308ße}", {composed("gro\u0308ße"): "L"}) == "L"
    assert names_in("{gro\u0308ße}") == ("gr\u00f6ße",)


def test_name_that_nothing_gives_is_refused_with_its_place() -> None:
    with pytest.raises(BadTemplateError, match=r"^input.list\[1\] needs the name \{sku\}"):
        filled({"input": {"list": ["a", "{sku}"]}}, {"other": "x"})


def test_name_that_nothing_gives_is_told_with_those_that_there_are() -> None:
    with pytest.raises(BadTemplateError, match=r'nothing gives \(did you mean "season"\?\)$'):
        fill("{seson}", {"season": "x", "sku": "y"})
    with pytest.raises(BadTemplateError, match=r"nothing gives \(there are season, sku\)$"):
        fill("{colour}", {"season": "x", "sku": "y"})
    with pytest.raises(BadTemplateError, match=r"nothing gives$"):
        fill("{colour}", {})


@given(st.text())
def test_value_is_never_read_as_a_template(value: str) -> None:
    assert fill("{a}", {"a": value, "b": "secret"}) == value
    assert fill(escaped(value), {}) == value
    assert fill(fill_known("{a}-{b}", {"a": value}), {"b": "x"}) == f"{value}-x"


@given(_json)
def test_escaped_document_is_filled_to_itself_and_asks_for_nothing(value: Any) -> None:
    template = escaped_deep(value)
    assert filled(template, {"a": "x"}) == value
    assert filled_known(template, {"a": "x"}) == template
    assert filled_with_values(template, {"a": "x"}) == value
    assert not [name for _, text in texts_in(template) for name in names_in(text)]


@given(_json, st.text(min_size=1))
def test_filled_in_value_is_never_looked_through_again(value: Any, text: str) -> None:
    values = {"a": value, "b": text, "secret": "x"}
    assert filled_with_values(["{a}"], values) == ([] if value in (None, "") else [value])
    assert filled_with_values("{b}/{b}", values) == f"{text}/{text}"
    assert filled({"k": ["{b}"]}, {"b": text, "secret": "x"}) == {"k": [text]}
    key = {"outputOptions": {"key": "{b}-{n}"}}
    for fills in (filled, filled_known, filled_with_values):
        once = fills(key, {"b": text, "n": "7", "secret": "x"})["outputOptions"]["key"]
        assert fill(once, {"n": "1"}) == f"{text}-1"


@given(st.lists(st.text() | st.builds(Name, st.just("a") | st.just("Farbe 1"))))
def test_pieces_are_what_a_template_was_put_together_from(pieces: list[str | Name]) -> None:
    text = "".join(f"{{{one.name}}}" if isinstance(one, Name) else escaped(one) for one in pieces)
    names = {"a": "<", "Farbe 1": ">"}
    expected = "".join(names[one.name] if isinstance(one, Name) else one for one in pieces)
    found = list(pieces_of(text))
    assert "".join(names[one.name] if isinstance(one, Name) else one for one in found) == expected
    assert [one.name for one in found if isinstance(one, Name)] == list(names_in(text))
    assert fill(text, names) == expected


def test_text_that_is_one_name_becomes_the_value_itself() -> None:
    values = {"seed": 7, "flag": False, "list": [1, "{seed}"], "none": None, "empty": "", "zero": 0}
    document = {
        **{name: f"{{{name}}}" for name in values},
        "inner": ["{none}", "{seed}", {"x": "{empty}"}],
        "text": "{seed} {flag} {list}",
        "braces": "{{seed}}",
    }
    assert filled_with_values(document, values) == {
        "seed": 7,
        "flag": False,
        "list": [1, "{seed}"],
        "zero": 0,
        "inner": [7, {}],
        "text": '7 false [1, "{seed}"]',
        "braces": "{seed}",
    }


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_value_inside_a_longer_text_is_refused_with_its_place(empty: str | None) -> None:
    with pytest.raises(BadTemplateError, match=r"^a\.b needs \{x\}, which is empty$"):
        filled_with_values({"a": {"b": "a {x} jacket"}}, {"x": empty})
    key = {"outputOptions": {"key": "{x}/{n}.{ext}"}}
    assert filled_with_values(key, {"x": empty}) == key, "the request may have one of its own"


def test_what_is_not_known_yet_stays_a_template() -> None:
    document = {"output": "s3://shop/{season}/{sku}/", "list": ["{{x}}", 7]}
    once = filled_known(document, {"season": "{spring}"})
    assert once == {"output": "s3://shop/{{spring}}/{sku}/", "list": ["{{x}}", 7]}
    assert filled(once, {"sku": "1"}) == {"output": "s3://shop/{spring}/1/", "list": ["{x}", 7]}


def test_names_of_pictures_are_left_for_when_there_are_pictures() -> None:
    document = {"outputOptions": {"key": "{sku}/{requestId}-{n}.{ext}"}, "n": "{n}"}
    for fills in (filled, filled_known, filled_with_values):
        assert fills(document, {"sku": "1", "n": "2", "ext": "jpg"}) == {
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
