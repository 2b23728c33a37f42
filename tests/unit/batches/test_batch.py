"""The moves of a batch, its record, its names and its credit cap."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON, at
from worker.batches import moves
from worker.batches.batch import Batch, Tally
from worker.batches.capping import PROBE_ROWS, credits_per_row, reason_to_stop, rows_allowed
from worker.batches.document import from_document, to_document
from worker.batches.keys import batch_event_id, results_uri
from worker.batches.moves import RowEnd
from worker.batches.states import BatchState, RowMark, RowStatus
from worker.errors import IllegalTransitionError
from worker.jobs.document import JobDocumentError

DONE = RowEnd(status=RowStatus.SUCCEEDED, credits="0.5")
FAILED = RowEnd(status=RowStatus.FAILED)


def new_batch(**message: Any) -> Batch:
    request = {"output": "s3://shop/{season}/{sku}/"}
    document = {"batchId": "b", "manifest": "s3://catalog/b.csv", "request": request, **message}
    return moves.accept(batch_id="b", message=document, content_digest="0" * 64, at=NOON)


def counted(rows: int, **message: Any) -> Batch:
    return moves.count(new_batch(**message), rows, source="e", source_version=None, at=NOON)


def read(rows: int, upto: int, **message: Any) -> Batch:
    return moves.read_on(counted(rows, **message), upto, bad=(), pipelines=upto, at=NOON)


def test_rows_that_end_in_any_order_are_counted_once_and_the_mark_rises_as_they_close_up() -> None:
    batch = read(5, 5)
    batch = moves.end_rows(batch, {2: DONE, 4: FAILED}, at=at(1))
    assert (batch.over, batch.ahead, batch.open_rows) == (0, (2, 4), 3)
    batch = moves.end_rows(batch, {1: DONE, 2: DONE, 4: FAILED}, at=at(2))
    assert (batch.over, batch.ahead) == (2, (4,))
    batch = moves.end_rows(batch, {3: DONE, 5: DONE}, at=at(3))
    assert (batch.over, batch.ahead, batch.is_over) == (5, (), True)
    assert batch.tally == Tally(succeeded=4, failed=1, credits="2.0")


def test_a_batch_is_over_when_no_row_will_be_sent_and_all_that_were_have_ended() -> None:
    batch = moves.end_rows(read(5, 2), {1: DONE, 2: DONE}, at=at(1))
    assert not batch.is_over
    assert moves.stop(batch, "credit_cap", "enough", at=at(2)).is_over


def test_the_first_reason_to_stop_stands() -> None:
    batch = moves.stop(read(5, 2), "cancelled", "by hand", at=at(1))
    stopped = moves.stop(batch, "credit_cap", "enough", at=at(2)).stop
    assert stopped is not None
    assert stopped.code == "cancelled"


def test_a_batch_whose_rows_are_all_sent_cannot_be_stopped_any_more() -> None:
    assert moves.stop(read(5, 5), "cancelled", "by hand", at=at(1)).stop is None


def test_rows_that_were_begun_with_are_sent_to_their_end_whatever_stops_the_batch() -> None:
    batch = moves.stop(moves.begin_rows(read(5, 2), 4, at=NOON), "cancelled", "-", at=at(1))
    assert not batch.is_sent
    assert moves.read_on(batch, 4, bad=(), pipelines=2, at=NOON).is_sent
    assert moves.break_off(batch).is_sent
    assert (moves.lose_rows(batch).is_sent, moves.lose_rows(batch).open_rows) == (True, 4)


@pytest.mark.parametrize("upto", [2, 6])
def test_only_rows_that_are_next_and_exist_can_be_begun_with(upto: int) -> None:
    with pytest.raises(IllegalTransitionError):
        moves.begin_rows(read(5, 2), upto, at=NOON)


def test_the_record_tells_the_first_bad_rows_and_counts_all() -> None:
    bad = [RowMark(row=n, line=n + 1, code="request.invalid", message="-") for n in range(1, 251)]
    batch = moves.read_on(counted(300), 250, bad=bad, pipelines=0, at=NOON)
    assert batch.bad == 250
    assert [one.row for one in batch.first_bad] == list(range(1, moves.FIRST_BAD_MOST + 1))


def test_moves_that_make_no_sense_are_bugs() -> None:
    with pytest.raises(IllegalTransitionError):
        moves.read_on(read(5, 3), 2, bad=(), pipelines=0, at=NOON)
    with pytest.raises(IllegalTransitionError):
        moves.finish(read(5, 3), at=NOON)
    done = moves.finish(moves.settle(read(5, 5), {"id": "1"}, at=NOON), at=NOON)
    with pytest.raises(IllegalTransitionError):
        moves.carry(done, because="-", at=NOON)


def test_a_record_keeps_to_its_size_however_often_a_batch_is_woken() -> None:
    batch = read(5, 3)
    for _ in range(5_000):
        batch = moves.carry(batch, because="x" * 2_000, is_wake=True, at=NOON)
    assert (batch.wakes, batch.ticket) == (5_000, 5_001)
    assert batch.notes[0].what == "accepted"
    assert len(to_document(batch)) < 150_000


def test_a_record_keeps_to_its_size_whatever_its_bad_rows_and_troubles_say() -> None:
    bad = [
        RowMark(row=n, line=n + 1, code="request.invalid", message="\N{CAT FACE}" * 600)
        for n in range(1, 101)
    ]
    batch = moves.read_on(counted(300), 100, bad=bad, pipelines=0, at=NOON)
    for _ in range(500):
        batch = moves.note_failure(batch, "\N{CAT FACE}" * 500, at=NOON)
    assert batch.bad == 100
    assert batch.first_bad[0].row == 1
    assert batch.notes[0].what == "accepted"
    assert len(to_document(batch).encode()) < 80_000


def test_a_record_comes_back_as_it_was_and_keeps_what_a_newer_release_wrote() -> None:
    batch = moves.end_rows(read(5, 5), {2: DONE}, at=at(1))
    text = to_document(batch)
    assert from_document(text, version=3).version == 3
    assert to_document(from_document(text, version=3)) == text
    newer = json.dumps({**json.loads(text), "colour": "blue"})
    assert json.loads(to_document(from_document(newer, version=1)))["colour"] == "blue"


@pytest.mark.parametrize("more", [{"must_understand": ["colour"], "colour": "blue"}, {"read": "x"}])
def test_a_record_that_cannot_be_understood_is_left_alone(more: dict[str, Any]) -> None:
    text = json.dumps({**json.loads(to_document(read(5, 5))), **more})
    with pytest.raises(JobDocumentError):
        from_document(text, version=1)


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({}, "s3://shop/b.results.jsonl"),
        ({"request": {"output": "s3://shop/a/b-{sku}/"}}, "s3://shop/a/b.results.jsonl"),
        ({"resultsTo": "s3://shop/x/"}, "s3://shop/x/b.results.jsonl"),
        ({"resultsTo": "s3://shop/x/mine.jsonl"}, "s3://shop/x/mine.jsonl"),
    ],
)
def test_results_go_beside_the_outputs_or_where_they_are_wanted(
    message: dict[str, Any], place: str
) -> None:
    assert str(results_uri(new_batch(**message))) == place


def test_the_event_of_a_batch_has_one_id_and_that_of_a_later_batch_another() -> None:
    batch = read(5, 3)
    assert batch_event_id(batch) == batch_event_id(moves.end_rows(batch, {1: DONE}, at=at(9)))
    later = moves.accept(batch_id="b", message={}, content_digest="0" * 64, at=at(1))
    assert batch_event_id(later) != batch_event_id(batch)


def test_without_a_cap_nothing_is_held_back() -> None:
    assert rows_allowed(read(100, 50)) is None
    assert reason_to_stop(read(100, 50)) is None


def test_under_a_cap_a_probe_is_sent_and_its_cost_awaited() -> None:
    assert rows_allowed(counted(100, creditCap="3")) == PROBE_ROWS
    assert rows_allowed(read(100, 10, creditCap="3")) == 0
    assert reason_to_stop(read(100, 10, creditCap="3")) is None


def test_a_probe_that_cost_nothing_because_it_failed_is_made_again() -> None:
    batch = moves.end_rows(
        read(100, 10, creditCap="3"), dict.fromkeys(range(1, 11), FAILED), at=NOON
    )
    assert rows_allowed(batch) == PROBE_ROWS


def test_what_is_spent_and_what_is_open_leave_room_for_so_many() -> None:
    batch = moves.end_rows(read(100, 10, creditCap="10"), dict.fromkeys(range(1, 7), DONE), at=NOON)
    assert credits_per_row(batch) == Decimal("0.5")
    assert rows_allowed(batch) == (10 - 3 - 2) / 0.5
    assert reason_to_stop(batch) is None


def test_a_cap_that_is_reached_ends_the_sending_once_nothing_is_open() -> None:
    batch = moves.end_rows(
        read(100, 10, creditCap="5.2"), dict.fromkeys(range(1, 11), DONE), at=NOON
    )
    assert rows_allowed(batch) == 0
    assert "creditCap: 5.2: 5.0 are spent" in str(reason_to_stop(batch))


def test_a_cap_cannot_be_kept_when_nobody_says_what_rows_cost() -> None:
    silent = RowEnd(status=RowStatus.SUCCEEDED)
    batch = moves.end_rows(
        read(100, 10, creditCap="5"), dict.fromkeys(range(1, 11), silent), at=NOON
    )
    assert rows_allowed(batch) == 0
    assert "did not say" in str(reason_to_stop(batch))


def test_rows_that_failed_and_cost_something_use_up_the_cap_like_others() -> None:
    dear = RowEnd(status=RowStatus.FAILED, credits="0.5")
    batch = moves.end_rows(read(100, 10, creditCap="5"), dict.fromkeys(range(1, 11), dear), at=NOON)
    assert rows_allowed(batch) == 0
    assert "5.0 are spent" in str(reason_to_stop(batch))


def test_rows_of_which_nobody_says_what_they_cost_are_taken_to_cost_what_others_do() -> None:
    silent = RowEnd(status=RowStatus.SUCCEEDED)
    ends = {**dict.fromkeys(range(1, 6), DONE), **dict.fromkeys(range(6, 11), silent)}
    batch = moves.end_rows(read(100, 10, creditCap="10"), ends, at=NOON)
    assert rows_allowed(batch) == (10 - 2.5 - 2.5) / 0.5


def test_rows_that_cost_nothing_need_no_cap() -> None:
    free = RowEnd(status=RowStatus.SUCCEEDED, credits="0")
    batch = moves.end_rows(read(100, 10, creditCap="5"), dict.fromkeys(range(1, 11), free), at=NOON)
    assert rows_allowed(batch) is None
    assert batch.state is BatchState.OPEN
