"""What one process learns, all know soon, by few calls; and trouble with the board is no trouble."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from tests.builders import NOON, at
from tests.support.logs import all_logs
from worker.adapters.memory import MemoryDurationBoard
from worker.engine.durations import Durations
from worker.engine.shared_durations import FOLD_EVERY, READ_AGAIN, READ_EVERY, SharedDurations
from worker.errors import UnavailableError
from worker.jobs.durations import KEPT, Expectation, Seen
from worker.ports.durations import DurationSheet

MINUTE_S = 60.0


class Board(MemoryDurationBoard):
    """Counts; `trouble` is raised by what it names."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = 0
        self.trouble: set[str] = set()

    def read(self) -> DurationSheet:
        self.reads += 1
        if "read" in self.trouble:
            raise UnavailableError("no")
        return super().read()

    def replace(self, sheet: DurationSheet, seen: Mapping[str, Seen], *, at: datetime) -> bool:
        self.writes += 1
        if "write" in self.trouble:
            raise UnavailableError("no")
        return super().replace(sheet, seen, at=at)


class Process:
    """What one process knows; it has a message at the moments that it is told."""

    def __init__(self, board: Board) -> None:
        self.durations = Durations()
        self.shared = SharedDurations(self.durations, board)

    def message(self, moment: datetime, *ended_s: float, workflow: str = "naomi") -> None:
        self.shared.refresh(at=moment)
        for duration_s in ended_s:
            self.durations.observe(workflow, duration_s, at=moment)
        self.shared.share(at=moment)

    def expects(self, workflow: str = "naomi") -> Expectation | None:
        return self.durations.expected([workflow])


@pytest.fixture
def board() -> Board:
    return Board()


def test_a_process_that_never_sees_an_end_knows_what_the_others_saw(board: Board) -> None:
    polls, requests = Process(board), Process(board)
    requests.message(NOON)
    assert requests.expects() is None
    polls.message(at(5), 60.0)
    requests.message(NOON + READ_AGAIN)
    assert requests.expects() == Expectation(60.0, 60.0)


def test_a_new_process_knows_it_from_its_first_message_on(board: Board) -> None:
    Process(board).message(NOON, 60.0)
    new = Process(board)
    new.message(at(1))
    assert new.expects() == Expectation(60.0, 60.0)


def test_reading_is_rare_and_less_rare_while_something_is_missing(board: Board) -> None:
    Process(board).message(NOON, 60.0)
    board.reads = 0
    process = Process(board)
    for second in range(600):
        process.message(at(second))
        process.expects()
    assert board.reads == 600 / READ_EVERY.total_seconds()
    for second in range(600, 1200):
        process.message(at(second))
        process.expects("of tomorrow")
    assert board.reads <= 2 + 600 / READ_AGAIN.total_seconds()


def test_a_clock_that_was_set_back_does_not_stop_the_reading(board: Board) -> None:
    process = Process(board)
    process.message(at(3600))
    process.message(NOON)
    assert board.reads == 2


def test_what_is_as_expected_is_written_once_an_hour(board: Board) -> None:
    process = Process(board)
    for minute in range(60):
        process.message(at(minute * MINUTE_S), 60.0, 60.4)
    assert board.writes == 1
    process.message(at(3600), 60.2)
    assert board.writes == 2
    (seen,) = board.read().seen.values()
    assert len(seen.durations_s) == 64, "nothing that was seen meanwhile is missing"


def test_what_is_new_is_written_at_most_once_a_minute(board: Board) -> None:
    process = Process(board)
    for second in range(0, 600, 2):
        process.message(at(second), float(second))
    assert board.writes <= 600 / FOLD_EVERY.total_seconds()


def test_an_expectation_that_moves_is_told_within_minutes(board: Board) -> None:
    process, other = Process(board), Process(board)
    process.message(NOON, *[60.0] * 10)
    for minute in range(1, 4):
        process.message(at(minute * MINUTE_S), *[20.0] * 10)
    other.message(at(4 * MINUTE_S))
    assert other.expects() == Expectation(20.0, 20.0)


def test_two_processes_that_tell_at_once_lose_nothing(board: Board) -> None:
    class Meanwhile(Board):
        """Somebody else writes between the read and the write of the first one who tells."""

        def read(self) -> DurationSheet:
            sheet = super().read()
            if self.reads == 2:
                MemoryDurationBoard.replace(self, sheet, {"naomi": Seen((20.0,), NOON)}, at=NOON)
            return sheet

    board = Meanwhile()
    process = Process(board)
    process.message(NOON, 60.0)
    assert board.read().seen["naomi"].durations_s == (20.0,)
    process.message(NOON + FOLD_EVERY)
    assert board.read().seen["naomi"].durations_s == (20.0, 60.0)


def test_workflows_of_others_stay_when_one_is_told(board: Board) -> None:
    Process(board).message(NOON, 5.0, workflow="prepare-pose")
    Process(board).message(at(1), 60.0)
    assert set(board.read().seen) == {"prepare-pose", "naomi"}


def test_what_nobody_saw_for_a_week_is_not_believed_and_not_written_again(board: Board) -> None:
    Process(board).message(NOON, 5.0, workflow="old")
    late = NOON + KEPT + timedelta(seconds=1)
    process = Process(board)
    process.message(late, 60.0)
    assert process.expects("old") is None
    assert set(board.read().seen) == {"naomi"}


def test_a_time_to_come_is_no_way_to_stay_for_ever(board: Board) -> None:
    ahead = {"naomi": Seen((5.0,), NOON + timedelta(days=3650))}
    board.replace(board.read(), ahead, at=NOON)
    Process(board).message(NOON, 60.0)
    assert board.read().seen["naomi"].last_at == NOON


def test_a_board_that_lost_all_gets_back_what_is_known(board: Board) -> None:
    process = Process(board)
    process.message(NOON, *[60.0] * 9)
    board.text = None
    process.message(NOON + READ_EVERY, 60.0)
    assert board.read().seen["naomi"].durations_s == (60.0,) * 10


@pytest.mark.parametrize("trouble", ["read", "write"])
def test_a_board_in_trouble_is_logged_and_each_learns_by_itself(board: Board, trouble: str) -> None:
    board.trouble = {trouble}
    process = Process(board)
    with all_logs() as logs:
        process.message(NOON, 60.0)
    assert process.expects() == Expectation(60.0, 60.0)
    assert {entry["action"] for entry in logs} == {
        "read": {"durations_not_read"},
        "write": {"durations_not_shared"},
    }[trouble]
    board.trouble = set()
    process.message(NOON + FOLD_EVERY)
    assert board.read().seen["naomi"].durations_s == (60.0,), "told as soon as it can be"


def test_a_board_that_cannot_be_read_is_not_asked_for_every_message(board: Board) -> None:
    board.trouble = {"read"}
    process = Process(board)
    for second in range(60):
        process.message(at(second), 60.0)
    assert board.reads <= 2


def test_what_is_no_durations_is_logged_ignored_and_replaced(board: Board) -> None:
    board.text = '{"naomi": "soon"}'
    process = Process(board)
    with all_logs() as logs:
        process.message(NOON)
    assert [entry["action"] for entry in logs] == ["durations_unreadable"]
    assert process.expects() is None
    process.message(at(1), 60.0)
    assert board.read().seen["naomi"].durations_s == (60.0,)


def test_a_thread_does_not_wait_for_another_one_that_asks(board: Board) -> None:
    class Nested(Board):
        """While it is being read, another thread has a message: the same process, here."""

        def read(self) -> DurationSheet:
            if not self.reads:
                self.reads += 1
                process.shared.refresh(at=at(READ_EVERY.total_seconds()))
            return super().read()

    nested = Nested()
    process = Process(nested)
    process.message(NOON)
    assert nested.reads == 2


def test_without_a_board_a_process_learns_by_itself() -> None:
    durations = Durations()
    shared = SharedDurations(durations, None)
    shared.refresh(at=NOON)
    durations.observe("naomi", 60.0, at=NOON)
    durations.observe("naomi", -1.0, at=NOON)
    shared.share(at=NOON)
    assert durations.expected(["naomi"]) == Expectation(60.0, 60.0)
