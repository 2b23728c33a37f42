"""Functions that hold requests because others met trouble, by calls that they never make themselves."""

from dataclasses import dataclass
from unittest.mock import Mock

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.test_circuit import REFUSED, Outage
from worker.engine.hearsay import ASK_EVERY_S
from worker.engine.notices import BELIEVED_FOR
from worker.errors import UnavailableError
from worker.jobs.job import JobState
from worker.jobs.outcomes import Done, RetryLater
from worker.ports.notices import HoldReason


@dataclass
class Functions:
    """One environment of the function for requests and one of that for polls."""

    requests: Service
    polls: Service

    def new_requests(self) -> Service:
        """An environment for requests that starts now."""
        fresh = Service(world=self.requests.world)
        fresh.new_environment()
        return fresh

    def follow(self) -> None:
        """Deliver poll messages until none is left."""
        while self.polls.step(self.polls.world.polls):
            pass


def refused_looks() -> tuple[Functions, Outage]:
    """A job is paid for, and the function for polls may not ask how it stands."""
    requests = Service()
    functions = Functions(requests, Service(world=requests.world))
    outage = Outage(requests, REFUSED, "look")
    requests.send(body(requestId="first"))
    requests.step(requests.world.requests)
    functions.polls.step(requests.world.polls)
    assert functions.polls.intake.reason is HoldReason.TOKEN_REFUSED
    return functions, outage


def test_what_an_environment_only_heard_is_over_when_the_others_say_so() -> None:
    functions, outage = refused_looks()
    late = functions.new_requests()
    assert isinstance(late.handle_request(body(requestId="held")), RetryLater)
    outage.end()
    functions.follow()
    late.world.clock.advance(ASK_EVERY_S)
    outcomes = [late.handle_request(body(requestId=f"later-{number}")) for number in range(5)]
    assert outcomes == [Done()] * 5, "held by calls that this function never makes"


def test_a_probe_for_others_leaves_their_word_on_the_board() -> None:
    functions, outage = refused_looks()
    late = functions.new_requests()
    outage.end()
    due = late.intake.until
    assert due is not None
    late.world.clock.advance_to(due)
    told = late.world.board.posts
    assert late.handle_request(body(requestId="probe")) == Done()
    assert late.intake.reason is HoldReason.TOKEN_REFUSED, "a run says nothing about looks"
    assert late.world.board.posts == told, "it found nothing out that others do not know"


def test_the_board_is_not_asked_for_every_message(monkeypatch: pytest.MonkeyPatch) -> None:
    functions, _ = refused_looks()
    late = functions.new_requests()
    read = Mock(wraps=late.world.board.read)
    monkeypatch.setattr(late.world.board, "read", read)
    late.world.clock.advance(ASK_EVERY_S)
    for number in range(10):
        late.handle_request(body(requestId=f"held-{number}"))
    assert read.call_count == 1


def test_a_worker_that_met_the_trouble_itself_goes_by_its_own_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    functions, _ = refused_looks()
    world = functions.requests.world
    monkeypatch.setattr(world.board, "read", lambda: pytest.fail("it knows better than the board"))
    world.clock.advance(ASK_EVERY_S)
    functions.polls.handle_request(body(requestId="held"))
    assert functions.polls.intake.reason is HoldReason.TOKEN_REFUSED


def test_what_an_environment_heard_is_given_up_when_nobody_repeats_it() -> None:
    functions, _ = refused_looks()
    late = functions.new_requests()
    late.world.clock.advance(BELIEVED_FOR.total_seconds() + 60)
    assert late.handle_request(body(requestId="later")) == Done()
    assert late.intake.reason is None


def test_a_board_that_does_not_answer_ends_nothing_that_was_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    functions, _ = refused_looks()
    late = functions.new_requests()

    def fails() -> None:
        raise UnavailableError("no")

    monkeypatch.setattr(late.world.board, "read", fails)
    late.world.clock.advance(ASK_EVERY_S)
    assert isinstance(late.handle_request(body(requestId="held")), RetryLater)
    assert late.intake.reason is HoldReason.TOKEN_REFUSED


def test_all_that_was_held_is_made_soon_after_looks_work_again() -> None:
    functions, outage = refused_looks()
    late = functions.new_requests()
    world = late.world
    for number in range(5):
        late.send(body(requestId=f"held-{number}"))
    for _ in range(5):
        late.step(world.requests)
    outage.end()
    over_at = world.clock.now()
    while len(world.topic.events) < 6:
        late.step(world.requests)
        functions.follow()
    assert {job.state for job in world.store.all_jobs()} == {JobState.SUCCEEDED}
    assert (world.clock.now() - over_at).total_seconds() < 240
