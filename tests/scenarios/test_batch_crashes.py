"""Kill the worker before and after every outside call of a batch, go on, and look.

Whatever the point: every good row is one job and paid once, one event, a whole list of results.
"""

from functools import lru_cache

import pytest

from tests.scenarios.batches import batch_body, complaints, matrix_body, service_with
from tests.scenarios.crash import When
from tests.scenarios.harness import Service
from worker.engine import batch_expansion, batch_report, batch_rows

GOOD, BAD = (1, 3), (2,)


def batch_service() -> Service:
    service = service_with()
    service.send(batch_body())
    return service


@lru_cache
def outside_calls() -> tuple[str, ...]:
    """Every outside call of an undisturbed batch, by name, in order."""
    service = batch_service()
    service.run()
    return tuple(service.killer.calls)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "number",
    [pytest.param(n, id=f"{n}-{name}") for n, name in enumerate(outside_calls(), start=1)],
)
def test_a_kill_at_any_outside_call_of_a_batch_loses_no_row_and_pays_none_twice(
    number: int, when: When
) -> None:
    service = batch_service()
    service.kill_at(number, when)
    service.run_until_killed()
    service.run()
    assert complaints(service, good=GOOD, bad=BAD) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_call_of_a_batch_in_many_groups_and_parts_is_made_good(
    when: When, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch's own calls, in small: groups of two rows, a checkpoint each, parts of a line."""
    monkeypatch.setattr(batch_expansion, "_GROUP_ROWS", 2)
    monkeypatch.setattr(batch_expansion, "_CHECKPOINT_GROUPS", 1)
    monkeypatch.setattr(batch_rows, "GROUP_ROWS", 2)
    monkeypatch.setattr(batch_report, "GROUP_ROWS", 2)
    monkeypatch.setattr(batch_report, "PART_BYTES", 1)
    undisturbed = Service()
    undisturbed.send(matrix_body(7))
    undisturbed.run()
    assert complaints(undisturbed, good=tuple(range(1, 8))) == []
    names = ("batches.", "queue.send_requests", "queue.send_follow", "objects.", "store.load_many")
    points = [
        number
        for number, name in enumerate(undisturbed.killer.calls, start=1)
        if name.startswith(names) and name not in {"objects.open", "objects.put"}
    ]
    assert {"objects.begin_upload", "objects.upload_part", "objects.end_upload"} <= set(
        undisturbed.killer.calls
    )
    for number in points:
        service = Service()
        service.send(matrix_body(7))
        service.kill_at(number, when)
        service.run_until_killed()
        service.run()
        assert complaints(service, good=tuple(range(1, 8))) == [], service.deaths


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["batches.save", "queue.send_follow"])
def test_a_kill_while_the_follow_message_is_renewed_is_repaired_by_reconcile(
    name: str, when: When
) -> None:
    service = batch_service()
    service.run_for(deliveries=1)
    service.world.clock.advance(13 * 3600)
    calls = len(service.killer.calls)
    twin = batch_service()
    twin.run_for(deliveries=1)
    twin.world.clock.advance(13 * 3600)
    twin.run_for(deliveries=1)
    made = twin.killer.calls[calls:]
    last = len(made) - made[::-1].index(name)
    service.kill_at(calls + last, when)
    service.run_until_killed()
    for _ in range(3):
        service.run()
        service.world.clock.advance(3_000)
        service.reconcile()
    service.run()
    assert complaints(service, good=GOOD, bad=BAD) == []
