import pytest

from worker.jobs.outcomes import Done, PollAgain, RetryLater
from worker.jobs.pacing import MAX_VISIBILITY_S
from worker.runtime.queue_verbs import ChangeVisibility, Delete, longest_s, verb_for


def test_a_job_that_is_done_deletes_its_message() -> None:
    assert verb_for(Done(), held_s=0) == Delete()


@pytest.mark.parametrize("outcome", [PollAgain(2.2), RetryLater(2.2, "busy")])
def test_a_wait_hides_the_message_for_whole_seconds_rounded_up(outcome: PollAgain) -> None:
    assert verb_for(outcome, held_s=0) == ChangeVisibility(3)


def test_a_wait_of_nothing_makes_the_message_visible_at_once() -> None:
    assert verb_for(RetryLater(0, "stopping"), held_s=5) == ChangeVisibility(0)
    assert verb_for(RetryLater(-3, "late"), held_s=5) == ChangeVisibility(0)


def test_no_wait_reaches_beyond_the_twelve_hours_that_sqs_grants() -> None:
    verb = verb_for(PollAgain(100_000), held_s=600.5)
    assert isinstance(verb, ChangeVisibility)
    assert verb.seconds + 600.5 < MAX_VISIBILITY_S


def test_after_twelve_hours_nothing_is_left_to_grant() -> None:
    assert longest_s(MAX_VISIBILITY_S) == 0
