"""The list of results goes where nothing else stands, replaces only itself, and is no drop."""

from typing import Any

import pytest

from tests.scenarios import batches, drops
from tests.scenarios.batches import batch_body, batch_event, complaints, results_of
from tests.scenarios.drops import notification
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.batches.keys import results_aside_uri, results_uri
from worker.contracts.s3_uri import S3Uri
from worker.engine import batch_report, batch_rows

PLACE = S3Uri("shop", "generated/hero.png")
RESULTS_TO = str(PLACE)
DROPPED_LISTS = """
  - name: lists
    bucket: catalog
    match: "batches/{name}.jsonl"
    manifest: true
    preset: studio
    request: {input: {imageId: "s3://catalog/raw/jacket.png"}}
    output: "s3://shop/{name}/"
"""


@pytest.fixture(params=["whole", "in parts"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that writes the list at once, or a part for each row."""
    if request.param == "in parts":
        monkeypatch.setattr(batch_rows, "GROUP_ROWS", 1)
        monkeypatch.setattr(batch_report, "GROUP_ROWS", 1)
        monkeypatch.setattr(batch_report, "PART_BYTES", 1)
    return batches.service_with()


def data_at(service: Service, place: S3Uri) -> bytes:
    stored = service.world.objects.stored(place)
    assert stored is not None
    return stored.data


def run(service: Service, **changes: Any) -> None:
    service.send(batch_body(**changes))
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_the_list_leaves_alone_what_stands_at_its_place_and_the_event_says_where_it_is(
    service: Service,
) -> None:
    service.world.objects.add(PLACE, b"a picture that was paid for")
    with all_logs() as logs:
        run(service, resultsTo=RESULTS_TO)
    assert data_at(service, PLACE) == b"a picture that was paid for"
    place = batch_event(service).data.results
    assert place == str(results_aside_uri(batches.batch_of(service)))
    assert len(results_of(service)) == 3
    assert "batch_results_displaced" in [one["action"] for one in logs]


def test_a_list_that_finds_both_its_places_taken_does_not_keep_the_event_back(
    service: Service,
) -> None:
    service.send(batch_body(resultsTo=RESULTS_TO))
    service.run_for(deliveries=1)
    beside = results_aside_uri(batches.batch_of(service))
    for place in (PLACE, beside):
        service.world.objects.add(place, b"theirs")
    service.run()
    data = batch_event(service).data
    assert (data.counts.succeeded, data.results) == (2, None)
    assert data.error is not None
    assert data.error.code == "output.taken"
    assert [data_at(service, place) for place in (PLACE, beside)] == [b"theirs", b"theirs"]


def test_a_batch_that_writes_its_list_again_replaces_its_own(service: Service) -> None:
    again = batches.service_with()
    again.send(batch_body())
    run(service)
    calls = list(enumerate(service.killer.calls, start=1))
    end = max(n for n, name in calls if name in {"objects.put", "objects.end_upload"})
    again.kill_at(end, "after")  # the list is there, and nobody has written down that it is
    again.run()
    assert len(again.deaths) == 1
    assert complaints(again, good=(1, 3), bad=(2,)) == []
    lists = [key for key in again.world.objects.keys("shop") if key.endswith(".jsonl")]
    assert lists == ["generated/spring-24.results.jsonl"]


def test_the_list_of_an_earlier_batch_of_the_same_id_stays(service: Service) -> None:
    place = S3Uri("shop", "generated/spring-24.results.jsonl")
    marks = {"hautech-worker": "results", "batch-id": "spring-24", "accepted-at": "2020-01-01"}
    service.world.objects.add(S3Uri("shop", "a"), b"of an earlier one")
    service.world.objects.copy(S3Uri("shop", "a"), place, content_type="x/y", metadata=marks)
    run(service)
    assert data_at(service, place) == b"of an earlier one"


def test_a_kill_at_any_call_of_a_list_that_goes_aside_is_made_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_report, "GROUP_ROWS", 1)
    monkeypatch.setattr(batch_report, "PART_BYTES", 1)

    def begun() -> Service:
        service = batches.service_with()
        service.world.objects.add(PLACE, b"theirs")
        service.send(batch_body(resultsTo=RESULTS_TO))
        return service

    undisturbed = begun()
    undisturbed.run()
    calls = undisturbed.killer.calls
    first = calls.index("objects.begin_upload") + 1
    for number in range(first, len(calls) + 1):
        for when in ("before", "after"):
            service = begun()
            service.kill_at(number, when)
            service.run_until_killed()
            service.run()
            assert complaints(service, good=(1, 3), bad=(2,)) == [], service.deaths
            assert data_at(service, PLACE) == b"theirs"
            assert batch_event(service).data.results != RESULTS_TO


def test_a_list_of_results_is_no_drop(service: Service) -> None:
    service = drops.service_with(DROPPED_LISTS)
    service.change_rules(output_buckets=frozenset({"shop", "catalog"}))
    batches.put_manifest(service, batches.CSV)
    service.send(batch_body(resultsTo="s3://catalog/batches/"))
    service.run()
    place = results_uri(batches.batch_of(service))
    runs = len(service.world.hautech.runs)
    assert place.key == "batches/spring-24.results.jsonl"
    with all_logs() as logs:
        service.send(notification(service, place.key))
        service.run()
    assert [one["action"] for one in logs if "drop" in one["action"]] == ["drop_ignored"]
    assert len(service.world.hautech.runs) == runs
