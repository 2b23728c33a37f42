"""What stands in S3 of another request, or of somebody else, is never replaced; nothing paid is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.shapes import SHAPES
from tests.scenarios.test_trouble import failing
from tests.support.logs import all_logs
from worker.adapters.memory.pictures import draw_png
from worker.contracts.result import InsteadOf
from worker.contracts.s3_uri import S3Uri
from worker.errors import OutputForbiddenError
from worker.jobs.job import JobState

FOLDER = "generated/sku-1042/"
PICTURE = S3Uri("shop", f"{FOLDER}sku-1042-front.png")
ASIDE = S3Uri("shop", f"{FOLDER}sku-1042-front.sku-1042-front.png")
FRONT = S3Uri("shop", "generated/front.png")
DOCUMENT = S3Uri("shop", f"{FOLDER}sku-1042-front.json")
DOCUMENT_ASIDE = S3Uri("shop", f"{FOLDER}sku-1042-front.result.json")


def stored(service: Service, uri: S3Uri) -> bytes | None:
    found = service.world.objects.stored(uri)
    return found.data if found else None


def names(service: Service) -> list[str]:
    """The last parts of the uris that the last event names."""
    return [output.uri.rsplit("/", 1)[-1] for output in service.events[-1].data.outputs]


def put_of(service: Service, owner: str, uri: S3Uri, data: bytes = b"theirs") -> None:
    """Another request's object."""
    service.world.objects._store(uri, data, "image/png", {"request-id": owner}, None)


def error_of(service: Service) -> tuple[str, str, str]:
    error = service.event.data.error
    assert error is not None
    return error.code, error.stage, error.message


def test_an_exact_key_at_which_something_stands_costs_nothing_and_replaces_nothing() -> None:
    service = Service()
    service.world.objects.add(FRONT, b"a shop's own")
    service.send(body(output=str(FRONT)))
    service.run()
    code, stage, message = error_of(service)
    assert (code, stage) == ("output.taken", "submit")
    assert str(FRONT) in message
    assert "no request of a worker" in message
    assert stored(service, FRONT) == b"a shop's own"
    assert service.world.hautech.runs == []


def test_whose_object_stands_there_is_told() -> None:
    service = Service()
    put_of(service, "sku-7", FRONT)
    service.send(body(output=str(FRONT)))
    service.run()
    assert "of request sku-7" in error_of(service)[2]


def test_the_same_request_long_after_its_record_is_gone_replaces_its_own_picture() -> None:
    service = Service()
    put_of(service, "sku-1042-front", FRONT)
    service.send(body(output=str(FRONT)))
    service.run()
    assert service.job_is(JobState.SUCCEEDED)
    assert stored(service, FRONT) != b"theirs"
    assert service.event.data.outputs[0].instead_of is None


def test_an_object_that_cannot_be_looked_at_before_stops_nothing() -> None:
    service = Service(reuses=False)
    failing(service.world.objects, "head", iter([OutputForbiddenError("403")]))
    service.send(body(output=str(FRONT)))
    service.run()
    assert service.job_is(JobState.SUCCEEDED)


def test_no_look_is_spent_where_the_name_of_the_picture_is_not_known() -> None:
    service = Service(reuses=False)
    service.send(body())
    service.run()
    assert service.killer.calls.count("objects.head") == 1


def test_a_picture_whose_place_was_taken_meanwhile_stands_beside_it_and_the_event_says_so() -> None:
    service = Service()
    service.send(body(output=str(FRONT)))
    service.step()
    put_of(service, "sku-7", FRONT)
    with all_logs() as logs:
        service.run()
    (output,) = service.event.data.outputs
    assert output.uri == "s3://shop/generated/front.sku-1042-front.png"
    assert output.instead_of == InsteadOf(uri=str(FRONT), request_id="sku-7")
    assert stored(service, FRONT) == b"theirs"
    assert "output_displaced" in [entry["action"] for entry in logs]


def test_two_pictures_of_one_request_and_the_one_of_another_may_want_the_same_name() -> None:
    service = Service()
    second = service.world.hautech.add_image(draw_png("second"))
    service.send(body(requestId="sku-1"))
    service.run()
    first = stored(service, S3Uri("shop", f"{FOLDER}sku-1.png"))
    service.world.hautech.output_of = lambda _given, output: {
        "imageIds": [output["imageId"], second]
    }
    service.send(body(requestId="sku"))
    service.run()
    assert names(service) == ["sku-1.sku.png", "sku-2.png"]
    assert stored(service, S3Uri("shop", f"{FOLDER}sku-1.png")) == first


def test_where_both_places_are_taken_the_job_fails_and_is_collected_later_without_paying() -> None:
    service = Service()
    put_of(service, "sku-7", PICTURE)
    service.world.objects.add(ASIDE, b"somebody's")
    service.send(body())
    service.run()
    code, stage, message = error_of(service)
    assert (code, stage) == ("output.taken", "collect")
    assert str(PICTURE) in message
    assert str(ASIDE) in message
    service.world.objects.remove(ASIDE)
    service.redrive()
    service.run()
    assert service.events[-1].data.status == "succeeded"
    assert len(service.world.hautech.runs) == 1
    assert stored(service, PICTURE) == b"theirs"


@pytest.mark.parametrize("owner", [None, "sku-7"])
def test_a_document_that_is_not_ours_is_left_alone_and_ours_stands_beside_it(
    owner: str | None,
) -> None:
    service = Service()
    if owner:
        put_of(service, owner, DOCUMENT)
    else:
        service.world.objects.add(DOCUMENT, b"theirs")
    service.send(body())
    service.run()
    assert stored(service, DOCUMENT) == b"theirs"
    assert json.loads(stored(service, DOCUMENT_ASIDE) or b"")["status"] == "succeeded"


def test_where_both_places_of_the_document_are_taken_the_event_says_the_same() -> None:
    service = Service()
    service.world.objects.add(DOCUMENT, b"theirs")
    service.world.objects.add(DOCUMENT_ASIDE, b"theirs, too")
    service.send(body())
    with all_logs() as logs:
        service.run()
    assert service.event.data.status == "succeeded"
    assert stored(service, DOCUMENT_ASIDE) == b"theirs, too"
    assert "document_skipped" in [entry["action"] for entry in logs]


def test_wherever_a_worker_dies_a_taken_place_stays_as_it_is_and_one_picture_stands_beside() -> (
    None
):
    (shape,) = [one for one in SHAPES if one.name == "full-naomi"]

    def on_taken_places() -> Service:
        service = shape.service()
        put_of(service, "sku-7", PICTURE)
        service.world.objects.add(DOCUMENT, b"theirs")
        return service

    for left_behind, point in on_taken_places().crash_states().items():
        service = Service.thaw(left_behind)
        service.run()
        assert service.event.data.status == "succeeded", point
        assert names(service) == [ASIDE.key.rsplit("/", 1)[-1]], point
        assert (stored(service, PICTURE), stored(service, DOCUMENT)) == (b"theirs", b"theirs")
        assert len(service.world.hautech.runs) == 1, point
        pictures = [key for key in service.world.objects.keys("shop") if key.endswith(".png")]
        assert pictures == sorted([PICTURE.key, ASIDE.key]), point


def test_a_worker_that_was_frozen_does_not_replace_what_the_next_one_has_stored() -> None:
    service = Service()
    service.send(body())
    service.step()
    put, awake = service.world.objects.put, [True]

    def freezing(uri: S3Uri, *given: Any, **how: Any) -> None:
        if awake:
            awake.clear()
            service.world.clock.advance(300)
            service.hold(service.job)
            put_of(service, "sku-1042-front", PICTURE, b"of the next worker")
        put(uri, *given, **how)

    service.world.objects.put = freezing  # type: ignore[method-assign]  # -- the fault to test
    while awake:
        service.step()
    assert stored(service, PICTURE) == b"of the next worker"
    assert service.events == []
