"""How many rows may be open, and when the next ones are sent."""

from dataclasses import replace

import pytest

from tests.builders import NOON
from worker.batches import moves
from worker.batches.batch import Batch, Tally
from worker.batches.window import rows_to_send, window_rows


def batch_with(*, rows: int, read: int, over: int = 0, ahead: tuple[int, ...] = ()) -> Batch:
    """A batch of so many rows of which some were sent, and some of those are over."""
    batch = moves.accept(batch_id="b", message={}, content_digest="0" * 64, at=NOON)
    return replace(batch, rows=rows, read=read, over=over, ahead=ahead)


@pytest.mark.parametrize(
    ("in_flight_most", "rows"), [(None, 1_000), (100, 200), (5_000, 1_000), (2, 20)]
)
def test_the_window_is_twice_the_jobs_that_may_be_in_flight_but_no_less_than_pays_a_reading(
    in_flight_most: int | None, rows: int
) -> None:
    assert window_rows(1_000, in_flight_most) == rows


def test_the_window_never_has_more_rows_than_it_was_set_to() -> None:
    assert window_rows(3, 2) == 3


@pytest.mark.parametrize(
    ("read", "over", "ahead", "sent"),
    [
        (0, 0, (), 40),  # nothing is open
        (40, 0, (), 0),  # all of it is
        (40, 9, (), 0),  # less than a quarter is free
        (40, 9, (11,), 10),  # rows that are over out of order make room, too
        (95, 90, (), 5 + 30),  # the rest of the rows, and then it is sent
        (93, 55, (), 0),
        (98, 60, (), 2),  # as many as are left need no quarter
        (95, 0, (), 0),  # an earlier release had no window: its rows end first
    ],
)
def test_the_window_is_filled_up_once_a_quarter_of_it_is_free(
    read: int, over: int, ahead: tuple[int, ...], sent: int
) -> None:
    assert rows_to_send(batch_with(rows=100, read=read, over=over, ahead=ahead), 40) == sent


def test_a_credit_cap_may_allow_fewer_rows_than_the_window_has_room_for() -> None:
    batch = replace(batch_with(rows=100, read=0), message={"creditCap": "5"})
    assert rows_to_send(batch, 40) == 10, "a probe"
    known = replace(batch, samples=("1",), tally=Tally(succeeded=1, credits="1"), read=1, over=1)
    assert rows_to_send(known, 40) == 4
    assert rows_to_send(replace(known, message={"creditCap": "500"}), 40) == 40
