"""The text of the duration board: what is read from it is durations, whoever wrote it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, at
from worker.adapters.duration_text import (
    WORKFLOWS_MOST,
    durations_from_text,
    durations_to_text,
)
from worker.jobs.durations import REMEMBERED, Seen, is_plausible

GOOD = {"lastAt": "2026-03-01T12:00:00+00:00", "seconds": [61.2]}


def read(document: Any) -> dict[str, Seen]:
    return durations_from_text(json.dumps(document))


def test_durations_are_kept_to_the_tenth_of_a_second() -> None:
    text = durations_to_text({"one": Seen((61.249, 3.0), NOON)})
    assert durations_from_text(text) == {"one": Seen((61.2, 3.0), NOON)}


def test_only_the_workflows_that_were_seen_last_are_kept() -> None:
    seen = {str(n): Seen((1.0,) * REMEMBERED, at(n)) for n in range(WORKFLOWS_MOST + 5)}
    text = durations_to_text(seen)
    assert set(durations_from_text(text)) == {str(n) for n in range(5, WORKFLOWS_MOST + 5)}
    assert len(text) < 16 * 1024


def test_more_workflows_than_are_kept_are_not_read() -> None:
    entries = {
        str(n): {"lastAt": (NOON + timedelta(seconds=n)).isoformat(), "seconds": [1]}
        for n in range(500)
    }
    assert set(read(entries)) == {str(n) for n in range(500 - WORKFLOWS_MOST, 500)}


@pytest.mark.parametrize(
    "text",
    [
        *("", "no JSON", "[]", "{}", "5", "null", '"{}"', '{"one": 5}', '{"one": {}}'),
        "[" * 60_000,
        " " * 100_000 + "{}",
        '{"one": {"lastAt": "2026-03-01T12:00:00Z", "seconds": [1' + "0" * 5_000 + "]}}",
    ],
)
def test_a_text_without_durations_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no durations: "):
        durations_from_text(text)


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 7, "x", [], {"lastAt": NOON.isoformat()}, {"seconds": [1.0]}),
        {"lastAt": "yesterday", "seconds": [1.0]},
        {"lastAt": 1_772_366_400, "seconds": [1.0]},
        {"lastAt": "0001-01-01T00:00:00+23:00", "seconds": [1.0]},
        {"lastAt": NOON.isoformat(), "seconds": {"a": 1}},
        {"lastAt": NOON.isoformat(), "seconds": "123"},
        {"lastAt": NOON.isoformat(), "seconds": []},
        {"lastAt": NOON.isoformat(), "seconds": [True, "5", None, [1], -1, 1e9, 10**400]},
    ],
)
def test_an_entry_that_is_none_is_left_out(entry: Any) -> None:
    assert set(read({"bad": entry, "good": GOOD})) == {"good"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-Infinity"])
def test_a_number_that_is_none_is_left_out(number: str) -> None:
    text = f'{{"one": {{"lastAt": "2026-03-01T12:00:00Z", "seconds": [{number}, 2]}}}}'
    assert durations_from_text(text)["one"].durations_s == (2.0,)


def test_a_name_that_no_workflow_has_is_left_out() -> None:
    assert set(read({"x" * 500: GOOD, "good": GOOD})) == {"good"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(
        st.text(),
        st.fixed_dictionaries(
            {}, optional={"lastAt": st.just(GOOD["lastAt"]) | st.text(), "seconds": _JSON}
        ),
    )
)
def test_whatever_it_says_what_is_read_can_be_reckoned_with(document: dict[str, Any]) -> None:
    try:
        found = read(document)
    except ValueError:
        return
    for seen in found.values():
        assert all(is_plausible(one) for one in seen.durations_s)
        assert 0 <= seen.expectation().quick_s <= seen.expectation().usual_s
        assert durations_to_text({"one": seen})
