"""Times and sizes in words."""

from datetime import timedelta

import pytest

from tests.builders import NOON
from worker.runtime.commands.wording import ago, count, duration, shorten_middle, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600 + 240, "1 h 4 min"),
        (2 * 86_400 + 3600, "2 d 1 h"),
    ],
)
def test_durations_are_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "now"), (0.5, "now"), (12, "12 s ago"), (200, "3 min ago"), (7200, "2 h ago")],
)
def test_ages_are_told_in_one_unit(seconds: float, words: str) -> None:
    assert ago(NOON, NOON + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(812, "812 bytes"), (1_234, "1.2 kB"), (3_400_000, "3.4 MB"), (5_000_000_000, "5.0 GB")],
)
def test_sizes_are_told_in_powers_of_ten(size_bytes: int, words: str) -> None:
    assert size(size_bytes) == words


def test_a_long_name_keeps_both_ends() -> None:
    assert shorten_middle("sku-1042-front-white", 9) == "sku-…hite"
    assert len(shorten_middle("x" * 100, 24)) == 24


def test_one_is_not_many() -> None:
    assert [count(one, "job") for one in (0, 1, 2000)] == ["0 jobs", "1 job", "2,000 jobs"]
