import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.drops.limits import MAX_YAML_BYTES
from worker.drops.yaml_text import YamlTextError, read_yaml

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0xD7FF)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab c:#-"), inner, max_size=3)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: 7:10", {"a": "7:10"}),
        ("a: no", {"a": "no"}),
        ("a: Yes", {"a": "Yes"}),
        ("a: true", {"a": True}),
        ("a: 2030-01-31", {"a": "2030-01-31"}),
        ("a: 2030-01-31T12:00:00Z", {"a": "2030-01-31T12:00:00Z"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 0x1F", {"a": 31}),
        ("a: -4", {"a": -4}),
        ("a: 1.5e3", {"a": 1500.0}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 'no'", {"a": "no"}),
        ("a: [1, {b: c}]", {"a": [1, {"b": "c"}]}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_values_are_what_json_has(text, value):
    assert read_yaml(text).value == value


@given(_json)
def test_json_is_read_as_what_it_is(value):
    assert read_yaml(json.dumps(value, ensure_ascii=False)).value == value


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: &x 1\nb: 2", 1, "anchor &x"),
        ("a: 1\nb: *x", 2, "undefined alias"),
        ("a: {<<: {b: 1}}", 1, "merge key"),
        ("a: !!binary x", 1, "tag"),
        ("a: !mine {b: 1}", 1, "tag"),
        ("a: !!set {b}", 1, "tag"),
        ("a: 1\na: 2", 2, 'the key "a" twice'),
        ("b:\n  a: 1\n  a: 2", 3, 'the key "a" twice'),
        ("[a]: 1", 1, "a key that is no text"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("a: b: c", 1, "put the text in quotes"),
        ("a: 1\n\tb: 2", 2, "tab"),
        ("a: [1", 1, "is not YAML"),
        ("a: 1\nb: \x01", 2, "control character"),
        ("a: \ud800", 1, "half a character"),
        ('a: "\\ud800"', 1, "half a character"),
        ('b: 1\n"\\ud800": 1', 2, "half a character"),
        ('a: "\\UFFFFFFFF"', 1, "control character"),
        ("a: !!int abc", 1, "no int in YAML 1.2"),
        ("a: !!float 1:2.5", 1, "no float in YAML 1.2"),
        ("a: !!bool maybe", 1, "no bool in YAML 1.2"),
        ("a: !!null x", 1, "no null in YAML 1.2"),
        ("%YAML 1.1\n---\na: no", 3, "no bool in YAML 1.2"),
        ("%YAML 1.1\n---\na: 7:10", 3, "no int in YAML 1.2"),
        ("a: 1\nb: 2\nc\nd: 4\ne: 5\n", 3, "neither name: value nor - item"),
        ("a: [1, 2\nb: 3\n", 1, "a bracket that is still open in line 2"),
        ('a: "x\nb: 3\n', 1, "a quote that is still open in line"),
        ("a: .inf", 1, "JSON does not have"),
        ("a: .nan", 1, "JSON does not have"),
        ("a: " + "9" * 200, 1, "hundreds of digits"),
        ("[" * 40 + "]" * 40, 1, "deeper than 32"),
        ("[" * 5_000, 1, "deeper than 32"),
        ("a: " + "x" * MAX_YAML_BYTES, 1, "at most 262,144"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_not_taken_is_told_with_its_line(text, line, said):
    with pytest.raises(YamlTextError, match=re.escape(said)) as caught:
        read_yaml(text)
    assert caught.value.line == line


@given(st.text("ab:-[]{}&*!|>'\"#%@`,? \n\t", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_value_or_an_error_in_words(text):
    try:
        read_yaml(text)
    except YamlTextError as error:
        assert error.line >= 1  # noqa: PT017 - one of the two outcomes
        assert error.rule  # noqa: PT017


def test_every_part_has_its_line_and_what_is_missing_that_of_what_is_around_it():
    read = read_yaml("rules:\n  - name: a\n    match: x\n  - name: b\n")
    places = {
        "rules": 1,
        "rules[0]": 2,
        "rules[0].match": 3,
        "rules[1].name": 4,
        "rules[1].match": 4,
        "rules[7].x": 1,
        "else": 1,
    }
    assert {place: read.line_of(place) for place in places} == places
