"""The first poll comes when the answer is likely, also from a process that never saw an end."""

from dataclasses import replace
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from worker.errors import UnavailableError
from worker.jobs.job import JobState
from worker.ports.durations import DurationSheet
from worker.ports.generation import PipelineReport


def looks(service: Service) -> int:
    return service.killer.calls.count("hautech.look")


def job_of_a_new_process(service: Service, name: str) -> int:
    """How often it is polled."""
    before = looks(service)
    service.new_environment()
    service.send(body(requestId=name))
    service.step()
    service.new_environment()  # as on Lambda: the poll comes to another function
    service.run()
    return looks(service) - before


@pytest.mark.parametrize("duration_s", [5.0, 60.0, 200.0])
def test_only_the_first_job_is_polled_in_vain(duration_s: float) -> None:
    service = Service()
    service.world.hautech.duration_s = duration_s
    assert job_of_a_new_process(service, "first") > 1
    service.world.clock.advance(60)
    assert job_of_a_new_process(service, "second") == 1
    assert all(job.state is JobState.SUCCEEDED for job in service.world.store.all_jobs())


def test_nothing_is_asked_of_the_board_between_a_paid_call_and_its_record() -> None:
    service = Service()
    service.send(body())
    service.run()
    calls = service.killer.calls
    paid = calls.index("hautech.run")
    assert calls[paid + 1] == "store.save"
    assert calls.index("durations.read") < paid
    assert calls.count("durations.replace") == 1


def test_a_pipeline_is_looked_at_no_later_than_it_is_given_up() -> None:
    service = Service(pipeline_timeout_s=100)
    service.world.hautech.duration_s = 90
    job_of_a_new_process(service, "first")
    service.world.durations.text = (service.world.durations.text or "").replace("90.0", "5000.0")
    service.world.hautech.duration_s = 10_000
    service.world.clock.advance(400)
    sent_at = service.world.clock.now()
    job_of_a_new_process(service, "second")
    (late,) = (one for one in service.world.store.all_jobs() if one.request_id == "second")
    assert late.state is JobState.FAILED
    assert (late.updated_at - sent_at).total_seconds() < 140


@pytest.mark.parametrize("trouble", ["read", "replace"])
def test_a_board_in_trouble_stops_no_job(trouble: str) -> None:
    service = Service()

    def fails(*_: Any, **__: Any) -> DurationSheet:
        raise UnavailableError("DynamoDB is away")

    setattr(service.world.durations, trouble, fails)
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_duration_that_hautech_does_not_state_teaches_nothing() -> None:
    """It would say when we looked, and who looked late would learn to look late."""
    service = Service()
    look = service.world.hautech.look

    def without_times(pipeline_id: str) -> PipelineReport:
        return replace(look(pipeline_id), created_at=None, ended_at=None)

    service.world.hautech.look = without_times  # type: ignore[method-assign]
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.world.durations.text is None


def test_nothing_is_shared_when_time_is_short() -> None:
    service = Service()
    service.send(body())
    service.run_for(deliveries=1)
    service.killer.calls.clear()
    service.world.budget.left_s = 9.0
    service.run()
    assert not [call for call in service.killer.calls if call.startswith("durations.")]
