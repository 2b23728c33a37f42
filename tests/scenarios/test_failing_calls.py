"""Let every outside call fail, once and for ever, before its effect and after it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.scenarios.faults import FAULTS, LASTING_FAULTS, Saboteur
from tests.scenarios.harness import Service
from tests.scenarios.shapes import SHAPES, Shape, complaints_of
from tests.scenarios.test_crashes import outside_calls
from worker.contracts.dead_letter import DeadLetterReason
from worker.jobs.job import JobState

BY_NAME = {shape.name: shape for shape in SHAPES}
# Between them they make every kind of outside call that a request can lead to.
ONCE = [BY_NAME[name] for name in ("naomi", "link", "pipeline-fails", "refused")]
FOR_EVER = [BY_NAME[name] for name in ("naomi", "link", "pipeline-fails")]

REQUEST_DELIVERIES, POLL_DELIVERIES = 12, 30
"""A tenth of what the queues allow, and less: the ends are the same, and come sooner."""

WITHOUT_THEM_NO_END = ("store.", "queue.", "topic.", "objects.put", ".receive", ".delete")
"""While one of these fails, no verdict can be written down or announced, or its message not be
taken out of the queue."""


def points(shapes: list[Shape]) -> list:
    return [
        pytest.param(shape, number, id=f"{shape}-{number}-{name}")
        for shape in shapes
        for number, name in enumerate(outside_calls(shape), start=1)
    ]


@pytest.mark.parametrize(("shape", "number"), points(ONCE))
def test_a_call_that_fails_once_delays_the_request_and_changes_nothing_else(
    shape: Shape, number: int
) -> None:
    broken: list[str] = []
    for fault in FAULTS:
        service = shape.service()
        service.watch(Saboteur(number, fault))
        service.run()
        broken += complaints_of(service, shape, str(fault))
    assert broken == []


@pytest.mark.parametrize(("shape", "number"), points(FOR_EVER))
def test_a_call_that_fails_for_ever_ends_in_a_reason_or_leaves_the_message_with_one(
    shape: Shape, number: int
) -> None:
    broken = []
    for fault in LASTING_FAULTS:
        service = shape.service(
            request_deliveries=REQUEST_DELIVERIES - 2, poll_deliveries=POLL_DELIVERIES - 2
        )
        service.limit_deliveries(requests=REQUEST_DELIVERIES, polls=POLL_DELIVERIES)
        saboteur = Saboteur(number, fault)
        service.watch(saboteur)
        service.run_for(deliveries=2 * POLL_DELIVERIES)
        name = saboteur.calls[number - 1]
        try:
            assert_nothing_paid_twice_or_told_twice(service)
            if any(part in name for part in WITHOUT_THEM_NO_END):
                assert_ended_or_there_with_the_reason(service, str(fault.error_of(name)))
            else:
                assert_ended(service)
        except AssertionError as error:
            broken.append(f"{fault}: {error}")
    assert broken == []


def assert_nothing_paid_twice_or_told_twice(service: Service) -> None:
    paid = Counter(run.metadata["hautechWorker"]["step"] for run in service.world.hautech.runs)
    assert all(times == 1 for times in paid.values()), f"paid {paid}"
    assert len({event.id for event in service.events}) <= 1, "two outcomes"


def assert_ended(service: Service) -> None:
    """Done with outputs, or failed with a reason in the event and beside the dead letter."""
    assert service.job.state.is_final, service.job.state
    assert service.event.data.status == str(service.job.state)
    assert (len(service.world.requests), len(service.world.polls)) == (0, 0), "messages are left"
    if service.job.state is JobState.FAILED:
        letters = service.world.dead_letters.sent
        reasons = [DeadLetterReason.from_attributes(one.attributes) for one in letters]
        assert [reason and reason.event_id for reason in reasons] == [service.event.id]


def assert_ended_or_there_with_the_reason(service: Service, reason: str) -> None:
    """Ended; or its message is in a queue, dead letters included, and somebody can read why.

    The record says it; where the record cannot be written, what the engine answers (and the driver
    logs) does. Receiving and deleting are the driver's own calls: it logs them.
    """
    jobs = service.world.store.all_jobs()
    if jobs and jobs[0].state.is_final:
        assert service.event.data.status == str(jobs[0].state)
        return
    world = service.world
    assert len(world.requests) + len(world.polls) + len(world.dead_letters) > 0, "lost"
    told = [entry.because for job in jobs for entry in job.history]
    told += [str(outcome) for outcome in service.outcomes] + service.driver_log
    assert any(reason in one for one in told), "nobody says why"
