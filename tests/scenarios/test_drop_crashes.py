"""Kill the worker just before and just after every outside call of a drop, and look at what is left.

Wherever it happens: one job, paid once, one distinct event, the photo where it belongs, and no message
left over.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.scenarios import drops
from tests.scenarios.crash import When
from tests.scenarios.drops import drop, jobs, put, service_with, there
from tests.scenarios.harness import Service
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState

RULES = drops.MOVES + "    sidecar: true\n"
ERROR = S3Uri("shop", "spring/sku/sku.error.json")


def good() -> Service:
    """A photo with a sidecar."""
    service = service_with(RULES)
    put(service, "inbox/spring/sku.yaml", b"input: {prompt: a hat}")
    drop(service, "inbox/spring/sku.png")
    return service


def bad() -> Service:
    """A file that is no photo."""
    service = service_with(RULES)
    drop(service, "inbox/spring/sku.png", b"no photo")
    return service


def refused() -> Service:
    """A photo whose sidecar cannot be read."""
    service = service_with(RULES)
    put(service, "inbox/spring/sku.json", b"{")
    drop(service, "inbox/spring/sku.png")
    return service


def several() -> Service:
    """A photo that becomes three requests."""
    service = service_with(drops.FANOUT)
    drop(service, "inbox/spring/sku.png")
    return service


def calls_of(service: Service) -> list[str]:
    service.run()
    return service.killer.calls


KINDS = (good, bad, refused, several)
POINTS = [
    pytest.param(kind, number, when, id=f"{kind.__name__}-{when}-{number}-{name}")
    for kind in KINDS
    for number, name in enumerate(calls_of(kind()), start=1)
    for when in ("before", "after")
]


@pytest.mark.parametrize(("kind", "number", "when"), POINTS)
def test_a_kill_at_any_outside_call_of_a_drop_loses_nothing_and_pays_once(
    kind: object, number: int, when: When
) -> None:
    service = next(one for one in KINDS if one is kind)()
    service.kill_at(number, when)
    service.run()
    assert len(service.deaths) == 1
    assert service.world.requests.bodies() == []
    assert service.world.polls.bodies() == []
    states = [job.state for job in jobs(service)]
    events = {event.id: event.data.status for event in service.events}
    runs, letters = len(service.world.hautech.runs), service.world.dead_letters.bodies()
    has_error = service.world.objects.stored(ERROR) is not None
    if kind is good:
        assert (states, runs, has_error) == ([JobState.SUCCEEDED], 1, False)
        assert list(events.values()) == ["succeeded"]
        processed = ["processed/spring/sku.png", "processed/spring/sku.yaml"]
        assert there(service, "catalog") == processed
    elif kind is bad:
        assert (states, runs, has_error) == ([JobState.FAILED], 0, True)
        assert list(events.values()) == ["failed"]
        assert there(service, "catalog") == ["failed/spring/sku.png"]
        assert letters
    elif kind is refused:
        assert (states, runs, has_error) == ([], 0, True)
        # The photo goes first: without its sidecar it would be another request. So a kill between
        # the two may leave the sidecar behind, which is all that it does.
        moved = {"failed/spring/sku.png", "failed/spring/sku.json"}
        left = {"failed/spring/sku.png", "inbox/spring/sku.json"}
        assert set(there(service, "catalog")) in (moved, left, moved | left)
    else:
        assert (states, runs, has_error) == ([JobState.SUCCEEDED] * 3, 3, False)
        assert list(events.values()) == ["succeeded"] * 3
    assert kind is bad or letters == []


NOTE = S3Uri("shop", "spring/sku/sku.sidecar.error.json")


def with_a_late_sidecar() -> Service:
    """The job of a photo is over, and its sidecar comes."""
    service = service_with(drops.SIDECARS)
    drop(service, "inbox/spring/sku.png")
    service.run()
    service.world.clock.advance(60)
    drop(service, "inbox/spring/sku.yaml", b"input: {prompt: late}")
    return service


def dropped_again() -> Service:
    """After that the photo is dropped again."""
    service = with_a_late_sidecar()
    service.run()
    assert service.world.objects.stored(NOTE) is not None
    drop(service, "inbox/spring/sku.png")
    return service


def kills_during(kind: Callable[[], Service]) -> Iterator[tuple[int, When]]:
    """Each outside call of what `kind` leaves to do."""
    first = len(kind().killer.calls)
    for number in range(first + 1, len(calls_of(kind())) + 1):
        yield number, "before"
        yield number, "after"


@pytest.mark.parametrize(("number", "when"), list(kills_during(with_a_late_sidecar)))
def test_a_late_sidecar_is_told_in_spite_of_a_kill(number: int, when: When) -> None:
    service = with_a_late_sidecar()
    service.kill_at(number, when)
    service.run()
    assert len(service.deaths) == 1
    assert service.world.objects.stored(NOTE) is not None
    assert len(service.world.hautech.runs) == 1
    assert service.world.requests.bodies() == []


@pytest.mark.parametrize(("number", "when"), list(kills_during(dropped_again)))
def test_the_note_of_a_late_sidecar_goes_in_spite_of_a_kill(number: int, when: When) -> None:
    service = dropped_again()
    service.kill_at(number, when)
    service.run()
    assert len(service.deaths) == 1
    assert service.world.objects.stored(NOTE) is None
    assert [job.state for job in jobs(service)] == [JobState.SUCCEEDED] * 2
    assert len(service.world.hautech.runs) == 2
