"""Manifests that take longer to read than a visit lasts, and lists of results that take longer to write."""

import pytest

from tests.scenarios.batches import batch_body, batch_event, batch_of, complaints, service_with
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.contracts.follow import FollowMessage
from worker.engine import batch_report, batch_rows, batch_world
from worker.jobs.outcomes import RetryLater

ROWS = tuple(range(1, 21))


def service_that_reads_slowly(
    monkeypatch: pytest.MonkeyPatch, *, left_s: float, slow_visits: int
) -> Service:
    """Twenty rows in as many pieces, each of which takes two seconds in the first visits."""
    monkeypatch.setattr(batch_world, "_CLOCK_ROWS", 1)
    service = service_with("prompt\n" + "a man\n" * len(ROWS))
    in_time, budget = batch_world.BatchInHand.in_time, service.world.budget
    visits = iter(range(slow_visits))

    def slowly(held, rows):
        budget.left_s = left_s if next(visits, None) is not None else 900.0

        def read():
            for row in rows:
                budget.left_s -= 2.0
                yield row

        return in_time(held, read())

    monkeypatch.setattr(batch_world.BatchInHand, "in_time", slowly)
    service.send(batch_body())
    return service


def test_a_manifest_that_could_not_be_counted_in_a_visit_is_counted_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = service_that_reads_slowly(monkeypatch, left_s=30.0, slow_visits=1)
    service.run_for(deliveries=2)
    batch = batch_of(service)
    assert (batch.rows, batch.failures, service.world.budget.left_s) == (None, 1, 6.0)
    assert "12 rows were read" in batch.notes[-1].what
    service.world.budget.left_s = 900.0
    service.run()
    assert complaints(service, good=ROWS) == []
    assert batch_of(service).failures == 0


def test_a_manifest_that_no_visit_can_count_ends_the_batch_with_that_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = service_that_reads_slowly(monkeypatch, left_s=30.0, slow_visits=1_000)
    for _ in range(6):
        service.world.budget.left_s = 30.0
        service.run_for(deliveries=1)
    service.world.budget.left_s = 900.0
    service.run()
    data = batch_event(service).data
    assert (data.status, data.counts.rows) == ("failed", 0)
    assert data.error is not None
    assert data.error.code == "batch.manifest"
    assert "5 visits ended before it was read" in data.error.message


def test_rows_that_are_passed_over_too_slowly_are_not_passed_over_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = service_that_reads_slowly(monkeypatch, left_s=900.0, slow_visits=0)
    service.change_rules(batch_open_rows=16)
    service.run_for(deliveries=2)
    assert batch_of(service).read == 16
    in_time = batch_world.BatchInHand.in_time

    def too_slowly(held, rows):
        found = in_time(held, rows)
        service.world.budget.left_s = 20.0
        return found

    monkeypatch.setattr(batch_world.BatchInHand, "in_time", too_slowly)
    while service.step():
        service.world.budget.left_s = 900.0
    data = batch_event(service).data
    assert (data.status, data.counts.succeeded, data.counts.skipped) == ("partial", 16, 4)
    assert data.error is not None
    assert "5 visits ended before it was read" in data.error.message


def test_a_visit_that_got_nowhere_with_the_list_of_results_says_so_and_one_that_did_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_rows, "GROUP_ROWS", 2)
    monkeypatch.setattr(batch_report, "GROUP_ROWS", 2)
    monkeypatch.setattr(batch_report, "PART_BYTES", 2_500)
    service = service_with("prompt\n" + "a man\n" * len(ROWS))
    service.send(batch_body())
    service.run_for(deliveries=2)
    while sum(job.state.is_final for job in service.world.store.all_jobs()) < len(ROWS):
        service.step()
    lines, budget = batch_report._lines, service.world.budget

    def slowly(*args):
        budget.left_s -= 3.0
        return lines(*args)

    monkeypatch.setattr(batch_report, "_lines", slowly)
    follow = FollowMessage(batch_id="spring-24", ticket=1).dumps()
    for left_s, rows, is_told in ((12.0, 0, True), (24.0, 12, False)):
        budget.left_s = left_s
        with all_logs() as logs:
            assert isinstance(service.handle_poll(follow), RetryLater)
        written = batch_of(service).report
        assert (written.rows if written else 0) == rows
        assert ("batch_report_slow" in [line["action"] for line in logs]) is is_told
    budget.left_s = 900.0
    service.run()
    assert complaints(service, good=ROWS) == []
