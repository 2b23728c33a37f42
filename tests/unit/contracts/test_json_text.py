from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.json_text import MAX_MESSAGE_BYTES, MAX_NESTING, canonical_json, read_json
from worker.errors import MalformedRequestError


def nested(levels: int) -> str:
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6"),
        ('{"a": 1} {"b": 2}', "line 1, column 10"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "1e999 is beyond"),
        ('{"a": ' + "1" * 5_000 + "}", "thousands of digits"),
        ('{"x": {"seed": 1, "b": 2, "seed": 3}}', 'the key "seed" stands twice'),
        (nested(MAX_NESTING + 1), f"deeper than {MAX_NESTING}"),
        ("[" * 100_000, f"deeper than {MAX_NESTING}"),
        ('"' + "x" * (MAX_MESSAGE_BYTES - 1) + '"', "has 262,145 bytes"),
        ('"' + "ü" * (MAX_MESSAGE_BYTES // 2) + '"', "has 262,146 bytes"),
        ('{"a": "\\ud800"}', "stands alone"),
        ('{"\\uDFFF": 1}', "stands alone"),
        ('["\ud800"]', "not UTF-8"),
        (b'{"a": "\xff"}', r"not UTF-8 text \(at position 7\)"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    ],
)
def test_unacceptable_text_is_refused_with_the_place_or_the_limit(text: Any, said: Any) -> None:
    with pytest.raises(MalformedRequestError, match=said):
        read_json(text)


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_NESTING),
        "\ufeff" + '{"a": 1}',
        json.dumps("[{" * 100),
        '"\\ud83d\\ude00"',
        '"' + "x" * (MAX_MESSAGE_BYTES - 2) + '"',
    ],
)
def test_text_within_the_limits_is_read(text: Any) -> None:
    assert read_json(text) == read_json(text.encode()) == json.loads(text.removeprefix("\ufeff"))


def test_excerpt_is_short_and_shows_no_token() -> None:
    secret = "c2VjcmV0LXRva2VuLXRoYXQtbXVzdC1ub3QtbGVhaw"
    with pytest.raises(MalformedRequestError) as caught:
        read_json('{"prompt": "' + "long " * 1_000 + f'", "token": "{secret}" oops')
    assert len(caught.value.message) < 250
    assert "oops" in caught.value.message
    assert "leak" not in caught.value.message
    assert secret[-12:] not in caught.value.message


def test_long_repeated_key_is_shortened() -> None:
    with pytest.raises(MalformedRequestError) as caught:
        read_json('{"KEY": 1, "KEY": 2}'.replace("KEY", "k" * 5_000))
    assert len(caught.value.message) < 200


def test_canonical_text_has_sorted_keys_no_space_and_no_null_members() -> None:
    value = {"b": [1, None, {"d": None, "c": "ü"}], "a": None, "aa": (True, 0.5)}
    assert canonical_json(value) == '{"aa":[true,0.5],"b":[1,null,{"c":"ü"}]}'


def test_canonical_text_refuses_numbers_that_are_no_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"a": float("nan")})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_text_reads_back_to_itself(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(JSON)
def test_whatever_json_writes_is_read_the_same(value: Any) -> None:
    assert read_json(json.dumps(value)) == value
