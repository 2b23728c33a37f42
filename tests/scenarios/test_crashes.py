"""Kill the worker just before and just after every outside call of a job, redeliver, and look.

Whatever the shape of the request and whatever the point: paid once per step, outputs complete, one
distinct event, one reason for a failure, no message and no lease left.
"""

from dataclasses import replace
from functools import lru_cache

import pytest

from tests.builders import body
from tests.scenarios.crash import Killer, When
from tests.scenarios.harness import Service
from tests.scenarios.shapes import SHAPES, Shape, assert_promises_kept, complaints_of
from worker.jobs.job import StepState
from worker.jobs.transitions import MAX_CALLS

FULL_NAOMI, NAOMI, *_ = SHAPES


def outside_calls(shape: Shape) -> list[str]:
    """Every outside call of an undisturbed request, by name, in order."""
    service = shape.service()
    service.run()
    return service.killer.calls


POINTS = [
    pytest.param(shape, number, when, id=f"{shape}-{when}-{number}-{name}")
    for shape in SHAPES
    for number, name in enumerate(outside_calls(shape), start=1)
    for when in ("before", "after")
]


def killed_at(shape: Shape, number: int, when: When) -> Service:
    """A service whose worker dies at that outside call of the request."""
    service = shape.service()
    service.kill_at(number, when)
    return service


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_undisturbed_request_of_each_shape_ends_as_it_should(shape: Shape) -> None:
    service = shape.service()
    service.run()
    assert_promises_kept(service, shape)
    assert len(service.events) == 1
    assert len(service.world.dead_letters) == (1 if shape.error else 0)


@pytest.mark.parametrize(("shape", "number", "when"), POINTS)
def test_a_kill_at_any_outside_call_and_then_at_any_other_loses_nothing_and_pays_once(
    shape: Shape, number: int, when: When
) -> None:
    service = killed_at(shape, number, when)
    service.run_until_killed()
    broken = promises_broken_after(shape, service.freeze())
    assert broken == [], f"{len(broken)} continuations break a promise"


@lru_cache(maxsize=8)
def promises_broken_after(shape: Shape, left_behind: bytes) -> list[str]:
    """What goes wrong if a kill that left this behind is the only one, and with a second one.

    Two first kills that leave the same world behind, such as the one after a call and the one
    before the next, have the same future: it is looked at once.
    """
    service = Service.thaw(left_behind)
    futures = service.crash_states()
    broken = complaints_of(service, shape, "no second kill")
    for left_behind_again, point in futures.items():
        again = Service.thaw(left_behind_again)
        end = end_after_two_kills(shape, again)
        again.run()
        broken += complaints_of(again, end, f"second kill {point}")
    return broken


def end_after_two_kills(shape: Shape, service: Service) -> Shape:
    """The shape's own end, but for two kills that both hit between one intent and its call.

    Nothing tells them from two calls whose answers were lost, and a third call is never made: the
    job ends as `submission.unknown`, and in truth the step was not paid at all. Of several variants
    only that one is lost.
    """
    sent = [run.metadata["hautechWorker"] for run in service.world.hautech.runs]
    for step in (step for job in service.world.store.all_jobs() for step in job.steps):
        intent = step.submission if step.state is StepState.SUBMITTING else None
        keys = {mark["submitKey"] for mark in sent}
        if intent and intent.calls == MAX_CALLS and intent.key not in keys:
            if step.variant is not None:
                return _without_variant(shape, step.name)
            paid = tuple(mark["step"] for mark in sent)
            return replace(shape, steps=paid, error="submission.unknown")
    return shape


def _without_variant(shape: Shape, name: str) -> Shape:
    """The others go on: the job fails as they do, or because there are none."""
    steps = tuple(one for one in shape.steps if one != name)
    outputs = tuple(one for one in shape.outputs if not one.endswith(f"{name[-2:]}.png"))
    lost = shape.error or ("pipeline.failed" if steps else "submission.unknown")
    return replace(
        shape, steps=steps, outputs=outputs, error=None if outputs and not shape.error else lost
    )


def test_two_kills_right_before_the_paid_call_are_the_only_ones_that_fail_a_good_job() -> None:
    """So the exception above cannot grow: for one step, one pair of worlds of all of them."""
    exceptions = [
        (first, second)
        for left_behind, first in FULL_NAOMI.service().crash_states().items()
        for again, second in Service.thaw(left_behind).crash_states().items()
        if end_after_two_kills(FULL_NAOMI, Service.thaw(again)).error
    ]
    assert exceptions == [("after 28 store.save", "after 22 store.save")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_around_the_paid_call_is_repaired_when_the_list_lags(when: When) -> None:
    service = killed_at(FULL_NAOMI, outside_calls(FULL_NAOMI).index("hautech.run") + 1, when)
    service.world.hautech.list_lag_s = 62.0  # the first look comes 60 s after the kill
    service.run()
    assert_promises_kept(service, FULL_NAOMI)


@pytest.mark.parametrize("shape", [FULL_NAOMI, NAOMI], ids=str)
def test_a_kill_after_the_paid_call_is_repaired_when_the_run_lost_our_key(shape: Shape) -> None:
    for number, name in enumerate(outside_calls(shape), start=1):
        if name == "hautech.run":
            service = killed_at(shape, number, "after")
            service.world.hautech.keeps_metadata = False
            service.run()
            assert_promises_kept(service, shape)


def test_a_list_that_hides_the_run_from_two_looks_makes_it_paid_twice_and_the_record_says_so() -> (
    None
):
    """What cannot be known is counted, not hidden: the design's one exception."""
    service = killed_at(FULL_NAOMI, outside_calls(FULL_NAOMI).index("hautech.run") + 1, "after")
    service.world.hautech.list_lag_s = 600
    service.run()
    assert len(service.world.hautech.runs) == 2
    assert any("sending the run once more" in entry.because for entry in service.job.history)
    assert len({event.id for event in service.events}) == 1


def test_two_workers_with_the_same_request_pay_once() -> None:
    service = Service(Killer())
    service.send(body())
    service.send(body())
    service.run()
    assert_promises_kept(service, FULL_NAOMI)
    assert len(service.events) == 1
