"""An outage on Lambda: messages are received all the same, and environments come and go."""

from datetime import timedelta

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.test_circuit import Outage
from worker.engine.notices import BELIEVED_FOR
from worker.errors import CredentialsRefusedError, UnavailableError, WorkerError
from worker.jobs.job import JobState
from worker.ports.notices import CircuitNotice, HoldReason
from worker.runtime.lambda_queue import LONGEST_REST_S

IDLE_S = 300
"""After so long without a message, the next one meets a new environment."""


def pass_time(service: Service, hours: float) -> None:
    """Deliver what comes; after each longer rest, a new environment takes it."""
    until = service.world.clock.now() + timedelta(hours=hours)
    while (due := service.world.requests.next_visible_at()) and due < until:
        if due - service.world.clock.now() > timedelta(seconds=IDLE_S):
            service.new_environment()
        service.step()
    service.world.clock.advance_to(until)


@pytest.mark.parametrize("requests", [1, 12])
@pytest.mark.parametrize(
    "error", [UnavailableError("503"), CredentialsRefusedError("401")], ids=["down", "refused"]
)
def test_no_request_is_failed_for_an_outage_of_a_day(requests: int, error: WorkerError) -> None:
    service = Service(systemic_wait_max_s=LONGEST_REST_S)
    outage = Outage(service, error, "upload", "sign_in", "run")
    for number in range(requests):
        service.send(body(requestId=f"sku-{number}"))
    pass_time(service, hours=24)
    outage.end()
    assert not service.events, "failed for what somebody else did"
    service.new_environment()
    service.run()
    jobs = service.world.store.all_jobs()
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * requests
    assert len(service.world.dead_letters) == 0


def test_a_new_environment_holds_requests_that_the_last_one_held() -> None:
    service = Service()
    outage = Outage(service, CredentialsRefusedError("401"), "upload", "sign_in", "run")
    service.send(body(requestId="first"))
    service.step()
    calls = outage.calls
    service.new_environment()
    assert service.intake.reason is HoldReason.TOKEN_REFUSED
    service.handle_request(body(requestId="second"))
    assert outage.calls == calls


def test_a_new_environment_does_not_believe_an_old_notice() -> None:
    service = Service()
    now = service.world.clock.now()
    service.world.board.post(
        CircuitNotice(told_at=now, reason=HoldReason.OUT_OF_FUNDS, next_try_at=now)
    )
    service.world.clock.advance(BELIEVED_FOR.total_seconds() + 1)
    service.new_environment()
    assert service.intake.reason is None


def test_a_board_that_cannot_be_read_keeps_no_environment_from_working(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service()

    def fails() -> None:
        raise UnavailableError("no")

    monkeypatch.setattr(service.world.board, "read", fails)
    service.new_environment()
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
