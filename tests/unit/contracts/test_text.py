from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.plain_words import did_you_mean, path_of
from worker.contracts.text import (
    SHOWN_CHARACTERS,
    is_attribute_text,
    one_line,
    redact,
    shorten,
    shown,
    shown_key,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("42", '"42"'),
        (42, "42"),
        (None, "null"),
        (True, "true"),
        ({"a": 1}, "an object with 1 key(s)"),
        ([1, 2], "a list of 2"),
        (b"x", "a bytes"),
        ("s3://catalog/a.png?versionId=1", "s3://catalog/a.png?versionId=1"),
        ("https://a/b?x=1&y=2", "https://a/b?…"),
        ("two\nlines", '"two lines"'),
    ],
)
def test_value_is_shown_so_that_its_kind_can_be_seen(value: Any, text: Any) -> None:
    assert shown(value) == text


@given(st.text() | st.integers() | st.floats() | st.lists(st.text()))
def test_shown_value_is_short_and_on_one_line(value: Any) -> None:
    text = shown(value)
    assert len(text) <= 2 * SHOWN_CHARACTERS + 30
    assert "\n" not in text
    text.encode()


@given(st.text(min_size=1), st.integers(1, 20))
def test_line_for_an_attribute_is_one_that_sqs_takes(text: Any, limit: Any) -> None:
    assert len(one_line(text, limit)) <= limit
    assert is_attribute_text(one_line(text, limit))


def test_attributes_take_the_characters_of_xml_and_no_others() -> None:
    ranges = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    taken = {point for first, last in ranges for point in range(first, last + 1)}
    assert is_attribute_text("".join(map(chr, sorted(taken))))
    others = set(range(0x110000)) - taken
    assert not [hex(point) for point in others if is_attribute_text(chr(point))]


def test_short_text_is_not_cut() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "ab…"


def test_path_is_written_as_people_write_it() -> None:
    assert path_of(("input", "layers", 0, "maskId")) == "input.layers[0].maskId"
    assert len(path_of(("k" * 1_000,))) <= 40


def test_suggestion_comes_only_for_close_words() -> None:
    assert (
        did_you_mean("pose_image_id", ["poseImageId", "imageId"]) == 'did you mean "poseImageId"?'
    )
    assert did_you_mean("colour", ["poseImageId", "imageId"]) == ""


@pytest.mark.parametrize("unit", ["?", "?a", "://", "eyJ", "?versionId=", "?=", "a?b ", "@"])
def test_a_hostile_text_of_a_quarter_megabyte_is_passed_over_once(unit: str) -> None:
    # Where a pattern begins again at every character, this takes minutes and the test times out.
    text = unit * (250_000 // len(unit))
    redact(text)
    assert len(shown_key(text)) <= SHOWN_CHARACTERS


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("s3://catalog/a.png?versionId=1", "s3://catalog/a.png?versionId=1"),
        ("s3://catalog/a.png?versionId=1&sig=hush", "s3://catalog/a.png?…"),
        ("s3://catalog/a.png?versionId=1?sig=hush", "s3://catalog/a.png?…"),
        ("s3://catalog/a.png?versionId=hush is gone", "s3://catalog/a.png?… is gone"),
        ("what? and why?", "what? and why?"),
        ("https://h/a?x=hush https://h/b?y=hush", "https://h/a?… https://h/b?…"),
        ("a?b?c=hush", "a?…"),
    ],
)
def test_queries_are_taken_out_but_a_version_at_the_end(text: str, safe: str) -> None:
    assert redact(text) == safe
