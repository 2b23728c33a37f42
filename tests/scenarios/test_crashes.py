"""Kill the worker just before and just after every outside call of a job, redeliver, and look.

Whatever the point: paid once per step, outputs complete, one distinct event, no message left.
"""

import hashlib
from collections import Counter

import pytest

from tests.builders import body
from tests.scenarios.crash import Killer, When
from tests.scenarios.harness import Service
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState


def outside_calls(workflow: str) -> list[str]:
    """Every outside call of an undisturbed job, by name, in order."""
    service = Service()
    service.send(body(workflow))
    service.run()
    return service.killer.calls


POINTS = [
    pytest.param(workflow, number, when, id=f"{workflow}-{when}-{number}-{name}")
    for workflow in ("full-naomi", "naomi")
    for number, name in enumerate(outside_calls(workflow), start=1)
    for when in ("before", "after")
]


def assert_paid_once_and_complete(service: Service, steps: int) -> None:
    """The promises, after a run that was disturbed but not refused."""
    paid = Counter(run.metadata["hautechWorker"]["step"] for run in service.world.hautech.runs)
    assert set(paid.values()) == {1}, f"paid {paid}"
    assert len(paid) == steps
    assert service.job.state is JobState.SUCCEEDED
    assert service.job.lease is None
    for output in service.event.data.outputs:
        stored = service.world.objects.stored(S3Uri.parse(output.uri))
        assert stored is not None
        assert hashlib.sha256(stored.data).hexdigest() == output.sha256
    assert len(service.event.data.outputs) == 1
    assert service.document("generated/sku-1042/sku-1042-front.json")["status"] == "succeeded"
    assert (len(service.world.requests), len(service.world.polls)) == (0, 0)
    assert len(service.world.dead_letters) == 0


@pytest.mark.parametrize(("workflow", "number", "when"), POINTS)
def test_a_kill_at_any_outside_call_loses_nothing_and_pays_once(
    workflow: str, number: int, when: When
) -> None:
    service = Service(Killer(at=number, when=when))
    service.send(body(workflow))
    service.run()
    assert len(service.deaths) == 1, "the point was never reached"
    assert_paid_once_and_complete(service, steps=1 if workflow == "full-naomi" else 3)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_around_the_paid_call_is_repaired_when_the_list_lags(when: When) -> None:
    number = outside_calls("full-naomi").index("hautech.run") + 1
    service = Service(Killer(at=number, when=when))
    service.world.hautech.list_lag_s = 62.0  # the first look comes 60 s after the kill
    service.send(body())
    service.run()
    assert_paid_once_and_complete(service, steps=1)


@pytest.mark.parametrize("workflow", ["full-naomi", "naomi"])
def test_a_kill_after_the_paid_call_is_repaired_when_the_run_lost_our_key(workflow: str) -> None:
    for index, name in enumerate(outside_calls(workflow), start=1):
        if name != "hautech.run":
            continue
        service = Service(Killer(at=index, when="after"))
        service.world.hautech.keeps_metadata = False
        service.send(body(workflow))
        service.run()
        assert_paid_once_and_complete(service, steps=1 if workflow == "full-naomi" else 3)


def test_a_list_that_hides_the_run_from_two_looks_makes_it_paid_twice_and_the_record_says_so() -> (
    None
):
    """What cannot be known is counted, not hidden: the design's one exception."""
    number = outside_calls("full-naomi").index("hautech.run") + 1
    service = Service(Killer(at=number, when="after"))
    service.world.hautech.list_lag_s = 600
    service.send(body())
    service.run()
    assert len(service.world.hautech.runs) == 2
    assert any("sending the run once more" in entry.because for entry in service.job.history)
    assert len({event.id for event in service.events}) == 1


def test_two_workers_with_the_same_request_pay_once() -> None:
    service = Service()
    service.send(body())
    service.send(body())
    service.run()
    assert_paid_once_and_complete(service, steps=1)
    assert len(service.events) == 1
