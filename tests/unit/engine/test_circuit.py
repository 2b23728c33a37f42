"""When requests are held and when they are taken again, one call after the other."""

import random
from datetime import timedelta

import pytest

from tests.support.logs import all_logs
from worker.adapters.memory import ManualClock
from worker.engine.circuit import FAILURES_MOST, FORGOTTEN, Circuit, HautechCall
from worker.engine.rules import EngineRules
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    HautechRefusedError,
    ImageMissingError,
    InterruptedWorkError,
    NotThereError,
    OutOfFundsError,
    OutputDamagedError,
    PipelineLostError,
    SystemicError,
    ThrottledError,
    UnavailableError,
)
from worker.ports.notices import CircuitNotice, HoldReason

RULES = EngineRules(input_buckets=frozenset(), output_buckets=frozenset())
DOWN = UnavailableError("503")
REFUSED = CredentialsRefusedError("401: who are you?")
BROKE = OutOfFundsError("402: the account is empty")
CALLS: list[HautechCall] = ["upload", "sign_in", "run", "look", "read", "list", "download"]


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[CircuitNotice] = []
        self.number: int | None = None
        self.circuit = Circuit(
            clock=self.clock, rules=RULES, random=random.Random(1), tell=self.told.append
        )

    @property
    def reason(self) -> HoldReason | None:
        return self.circuit.state.reason

    def fail(self, call: HautechCall, error: Exception, times: int = 1) -> None:
        for _ in range(times):
            self.circuit.failed(call, error)

    def take_probe(self) -> bool:
        """Whether the next job is let through to find out."""
        self.number = self.circuit.take_probe()
        return self.number is not None

    def end_probe(self) -> None:
        assert self.number is not None
        self.circuit.end_probe(self.number)

    def wait_for_a_try(self) -> float:
        """Until the next try is due; returns how long that took, in seconds."""
        due, now = self.circuit.state.next_try_at, self.clock.now()
        assert due is not None
        self.clock.advance_to(due)
        return (due - now).total_seconds()


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, HoldReason.TOKEN_REFUSED),
        (BROKE, HoldReason.OUT_OF_FUNDS),
        (SystemicError("no such route"), HoldReason.MISCONFIGURED),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_systemic_trouble_holds_intake_at_once(
    rig: Rig, call: HautechCall, error: Exception, reason: HoldReason
) -> None:
    rig.fail(call, error)
    assert rig.reason is reason
    (notice,) = rig.told
    assert (notice.reason, notice.said) == (reason, str(error))
    assert notice.since == rig.clock.now()


@pytest.mark.parametrize("error", [DOWN, AnswerUnknownError("read timed out")])
def test_failures_in_a_row_hold_intake_and_fewer_do_not(rig: Rig, error: Exception) -> None:
    rig.fail("upload", error, FAILURES_MOST - 1)
    assert rig.reason is None
    rig.fail("upload", error)
    assert rig.reason is HoldReason.HAUTECH_DOWN


def test_a_success_in_between_begins_the_count_anew(rig: Rig) -> None:
    for _ in range(10):
        rig.fail("upload", DOWN, FAILURES_MOST - 1)
        rig.circuit.answered("upload")
    assert rig.reason is None


def test_one_kind_of_call_can_be_down_while_another_works(rig: Rig) -> None:
    for _ in range(FAILURES_MOST):
        rig.fail("upload", DOWN)
        rig.circuit.answered("look")
    assert rig.reason is HoldReason.HAUTECH_DOWN
    rig.circuit.answered("look")
    assert rig.reason is HoldReason.HAUTECH_DOWN
    assert not rig.take_probe()


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("429"),
        HautechRefusedError("400"),
        PipelineLostError("404"),
        NotThereError("404"),
        OutputDamagedError("cut"),
        ImageMissingError("no such object"),
        InterruptedWorkError("stopping"),
        RuntimeError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_concerns_one_job_holds_up_no_other(rig: Rig, error: Exception) -> None:
    rig.fail("run", error, 100)
    assert rig.reason is None
    assert rig.told == []


def test_while_open_one_request_at_a_time_is_let_through_when_a_try_is_due(rig: Rig) -> None:
    rig.fail("upload", REFUSED)
    assert not rig.take_probe()
    assert 24 <= rig.wait_for_a_try() <= 36
    assert rig.take_probe()
    assert rig.circuit.take_probe() is None
    rig.circuit.answered("upload")
    rig.end_probe()
    assert rig.reason is None
    assert [notice.reason for notice in rig.told] == [HoldReason.TOKEN_REFUSED, None]


def test_tries_that_fail_are_further_and_further_apart(rig: Rig) -> None:
    rig.fail("run", BROKE)
    waits = []
    for _ in range(8):
        waits.append(rig.wait_for_a_try())
        assert rig.take_probe()
        rig.fail("run", BROKE)
        rig.end_probe()
    assert waits[0] <= 36
    assert 48 <= waits[1] <= 72
    assert all(
        0.8 * RULES.circuit_open_max_s <= wait_s <= 1.2 * RULES.circuit_open_max_s
        for wait_s in waits[4:]
    )
    assert rig.told[-1].since == rig.told[0].since
    rig.wait_for_a_try()
    rig.take_probe()
    rig.circuit.answered("run")
    rig.fail("run", BROKE)
    assert rig.wait_for_a_try() <= 36


def test_a_probe_that_found_nothing_out_leaves_the_try_to_the_next_request(rig: Rig) -> None:
    rig.fail("run", BROKE)
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.fail("upload", ImageMissingError("no such object"))
    rig.end_probe()
    assert rig.take_probe()


def test_what_others_meet_meanwhile_makes_the_wait_no_longer(rig: Rig) -> None:
    rig.fail("upload", REFUSED)
    due = rig.circuit.state.next_try_at
    rig.fail("upload", REFUSED, 30)
    rig.fail("look", DOWN, 30)
    assert rig.circuit.state.next_try_at == due
    assert len(rig.told) == 1


def test_an_empty_account_is_only_known_to_be_filled_by_a_run(rig: Rig) -> None:
    rig.fail("run", BROKE)
    for call in CALLS:
        if call != "run":
            rig.circuit.answered(call)
    rig.fail("run", HautechRefusedError("400"))
    rig.fail("run", ThrottledError("429"))
    assert rig.reason is HoldReason.OUT_OF_FUNDS
    rig.circuit.answered("run")
    assert rig.reason is None


def test_a_poll_that_is_answered_ends_the_trouble_that_polls_met(rig: Rig) -> None:
    rig.fail("look", DOWN, FAILURES_MOST)
    rig.circuit.answered("look")
    assert rig.reason is None
    rig.fail("look", REFUSED)
    rig.fail("look", ThrottledError("429"))
    assert rig.reason is HoldReason.TOKEN_REFUSED
    rig.fail("look", PipelineLostError("404"))
    assert rig.reason is None


def test_after_an_outage_of_everything_an_answered_poll_brings_the_try_forward(rig: Rig) -> None:
    rig.fail("upload", DOWN, FAILURES_MOST)
    rig.fail("look", DOWN, FAILURES_MOST)
    assert not rig.take_probe()
    rig.circuit.answered("look")
    assert rig.reason is HoldReason.HAUTECH_DOWN
    assert rig.take_probe()


def test_a_refused_token_is_told_even_if_the_account_was_empty_before(rig: Rig) -> None:
    rig.fail("run", BROKE)
    due = rig.circuit.state.next_try_at
    rig.fail("look", REFUSED)
    assert rig.reason is HoldReason.TOKEN_REFUSED
    assert rig.circuit.state.next_try_at == due
    assert [notice.reason for notice in rig.told] == [
        HoldReason.OUT_OF_FUNDS,
        HoldReason.TOKEN_REFUSED,
    ]


def test_an_outage_during_the_probe_keeps_the_reason_and_waits_longer(rig: Rig) -> None:
    rig.fail("run", BROKE)
    rig.wait_for_a_try()
    rig.take_probe()
    rig.fail("upload", DOWN)
    rig.end_probe()
    assert rig.reason is HoldReason.OUT_OF_FUNDS
    assert rig.wait_for_a_try() >= 48


def test_a_call_that_began_before_the_trouble_does_not_end_it(rig: Rig) -> None:
    begun = rig.circuit.term
    rig.fail("upload", REFUSED)
    rig.circuit.answered("upload", begun=begun)
    assert rig.reason is HoldReason.TOKEN_REFUSED
    rig.circuit.answered("upload", begun=rig.circuit.term)
    assert rig.reason is None


def test_each_change_is_logged_once_with_its_reason(rig: Rig) -> None:
    with all_logs() as lines:
        rig.fail("run", BROKE, 3)
        rig.wait_for_a_try()
        rig.take_probe()
        rig.fail("run", BROKE)
        rig.end_probe()
        rig.circuit.answered("run")
        rig.circuit.answered("run")
    assert [(line["action"], line.get("reason")) for line in lines] == [
        ("circuit_opened", "out_of_funds"),
        ("circuit_probing", None),
        ("circuit_still_open", "out_of_funds"),
        ("circuit_closed", None),
    ]


def test_a_wait_does_not_overflow_after_thousands_of_tries(rig: Rig) -> None:
    rig.fail("run", BROKE)
    for _ in range(5_000):
        rig.wait_for_a_try()
        rig.take_probe()
        rig.fail("run", BROKE)
    now = rig.clock.now()
    due = rig.circuit.state.next_try_at
    assert due is not None
    assert due - now <= timedelta(seconds=1.2 * RULES.circuit_open_max_s)


@pytest.mark.parametrize("call", ["look", "read", "download"])
@pytest.mark.parametrize("error", [DOWN, REFUSED])
def test_a_paid_run_ends_no_trouble_that_comes_after_it(
    rig: Rig, call: HautechCall, error: Exception
) -> None:
    rig.fail(call, error, FAILURES_MOST)
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.answered("run")
    rig.end_probe()
    assert rig.reason is not None
    assert rig.take_probe() is False, "or every request would be bought as a probe"
    assert rig.wait_for_a_try() >= 48
    rig.circuit.answered(call)
    assert rig.reason is None


def test_only_a_probe_that_was_paid_for_itself_makes_the_next_one_wait(rig: Rig) -> None:
    rig.fail("download", DOWN, FAILURES_MOST)
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.answered("run")
    rig.end_probe()
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.fail("upload", ImageMissingError("no such object"))
    rig.end_probe()
    assert rig.take_probe()


@pytest.mark.parametrize("call", ["upload", "sign_in", "run", "list"])
def test_a_paid_run_ends_the_trouble_of_what_comes_before_it(rig: Rig, call: HautechCall) -> None:
    rig.fail(call, DOWN, FAILURES_MOST)
    rig.circuit.answered("run")
    assert rig.reason is None


def test_a_run_ends_the_trouble_that_nobody_met_for_an_hour(rig: Rig) -> None:
    rig.fail("download", DOWN, FAILURES_MOST)
    rig.clock.advance(FORGOTTEN.total_seconds() - 60)
    rig.fail("download", DOWN)
    rig.clock.advance(FORGOTTEN.total_seconds())
    rig.circuit.answered("run")
    assert rig.reason is HoldReason.HAUTECH_DOWN
    rig.clock.advance(1)
    rig.circuit.answered("run")
    assert rig.reason is None


def test_a_paid_job_that_meets_it_again_when_a_try_is_due_is_that_try(rig: Rig) -> None:
    rig.fail("download", DOWN, FAILURES_MOST)
    rig.wait_for_a_try()
    rig.fail("download", DOWN)
    assert not rig.take_probe()
    assert rig.wait_for_a_try() >= 48


@pytest.mark.parametrize("error", [DOWN, BROKE])
def test_what_another_job_meets_does_not_fail_the_probe(rig: Rig, error: Exception) -> None:
    rig.fail("run", BROKE)
    rig.wait_for_a_try()
    assert rig.take_probe()
    begun = rig.circuit.term
    rig.fail("look", error)
    rig.circuit.answered("run", begun=begun)
    assert rig.reason is None


def test_another_reason_met_by_another_job_leaves_the_probe_under_way(rig: Rig) -> None:
    rig.fail("run", BROKE)
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.fail("look", REFUSED)
    assert rig.reason is HoldReason.TOKEN_REFUSED
    assert rig.circuit.state.is_probing
    rig.circuit.answered("look")
    assert rig.reason is None


def test_polls_that_are_answered_again_leave_the_probe_under_way(rig: Rig) -> None:
    rig.fail("upload", DOWN, FAILURES_MOST)
    rig.fail("look", DOWN, FAILURES_MOST)
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.answered("look")
    assert rig.circuit.take_probe() is None


def test_only_its_own_end_ends_a_probe(rig: Rig) -> None:
    rig.fail("run", BROKE)
    rig.wait_for_a_try()
    first = rig.circuit.take_probe()
    assert first is not None
    rig.fail("run", BROKE)  # it met the trouble again, and is still busy
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.end_probe(first)
    assert rig.circuit.take_probe() is None
    rig.end_probe()
    assert rig.take_probe()


def told_by_another(rig: Rig, met_by: str = "upload") -> CircuitNotice:
    now = rig.clock.now()
    return CircuitNotice(
        told_at=now - timedelta(minutes=2),
        reason=HoldReason.HAUTECH_DOWN,
        since=now - timedelta(hours=1),
        next_try_at=now + timedelta(minutes=1),
        said="503",
        met_by=met_by,
    )


def test_a_new_process_goes_on_where_another_one_stood(rig: Rig) -> None:
    rig.circuit.resume(told_by_another(rig))
    assert rig.reason is HoldReason.HAUTECH_DOWN
    assert rig.circuit.state.said == "503"
    assert not rig.told, "the others know"
    assert not rig.take_probe()
    assert rig.wait_for_a_try() == 60
    assert rig.take_probe()
    rig.circuit.answered("upload")
    rig.end_probe()
    assert rig.reason is None
    assert [notice.reason for notice in rig.told] == [None]


def test_a_process_that_goes_on_tells_by_which_call_it_was_met(rig: Rig) -> None:
    rig.circuit.resume(told_by_another(rig, "download"))
    rig.circuit.answered("run")
    assert rig.reason is HoldReason.HAUTECH_DOWN, "bought while pictures cannot be fetched"
    rig.wait_for_a_try()
    rig.fail("download", DOWN)
    assert [notice.met_by for notice in rig.told] == ["download"]
    rig.circuit.answered("download")
    assert rig.reason is None


@pytest.mark.parametrize("met_by", ["", "a call of a newer release"])
def test_trouble_of_an_unknown_call_is_over_when_a_run_is_taken(rig: Rig, met_by: str) -> None:
    rig.circuit.resume(told_by_another(rig, met_by))
    rig.circuit.answered("run")
    assert rig.reason is None


def test_what_a_process_found_out_itself_is_not_overwritten(rig: Rig) -> None:
    rig.fail("run", BROKE)
    rig.circuit.resume(told_by_another(rig))
    assert rig.reason is HoldReason.OUT_OF_FUNDS


def test_a_notice_that_all_is_well_changes_nothing(rig: Rig) -> None:
    rig.circuit.resume(CircuitNotice(told_at=rig.clock.now()))
    assert rig.reason is None
    assert not rig.told


def test_what_a_process_met_itself_counts_for_more_than_what_it_heard(rig: Rig) -> None:
    rig.circuit.resume(told_by_another(rig, "look"))
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.fail("upload", DOWN)
    rig.end_probe()
    assert not rig.circuit.is_hearsay
    assert [notice.met_by for notice in rig.told] == ["upload"]
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.answered("upload")
    assert rig.reason is None, "this process may never make a look that would prove it"


def test_hearsay_that_was_met_by_this_process_as_well_is_none_any_more(rig: Rig) -> None:
    rig.circuit.resume(told_by_another(rig, "look"))
    assert rig.circuit.is_hearsay
    rig.fail("look", DOWN)
    assert not rig.circuit.is_hearsay
    rig.circuit.forget_hearsay()
    assert rig.reason is HoldReason.HAUTECH_DOWN


def test_a_probe_of_what_was_only_heard_tells_nobody_unless_it_finds_something_out(
    rig: Rig,
) -> None:
    rig.circuit.resume(told_by_another(rig, "look"))
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.answered("run")
    rig.end_probe()
    assert rig.reason is HoldReason.HAUTECH_DOWN
    assert not rig.told
    rig.circuit.answered("look")
    assert [notice.reason for notice in rig.told] == [None]
    assert not rig.circuit.is_hearsay


def test_hearsay_is_forgotten_quietly_and_what_comes_after_is_told(rig: Rig) -> None:
    rig.circuit.resume(told_by_another(rig, "look"))
    with all_logs() as logs:
        rig.circuit.forget_hearsay()
        assert rig.reason is None
        assert not rig.told
        rig.fail("run", BROKE)
    assert [line["action"] for line in logs] == ["circuit_closed", "circuit_opened"]
    assert [notice.reason for notice in rig.told] == [HoldReason.OUT_OF_FUNDS]


def test_a_probe_under_way_changes_nothing_once_hearsay_is_forgotten(rig: Rig) -> None:
    rig.circuit.resume(told_by_another(rig, "look"))
    rig.wait_for_a_try()
    assert rig.take_probe()
    rig.circuit.forget_hearsay()
    rig.circuit.answered("run")
    rig.end_probe()
    assert rig.reason is None
    assert not rig.told
