"""What people see in S3 of a photo that they dropped: where it went, and what went wrong."""

import re

import pytest

from tests.scenarios import drops
from tests.scenarios.drops import drop, jobs, put, service_with, there
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.adapters.memory.pictures import draw_png
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.errors import UnavailableError
from worker.jobs.job import JobState

PHOTO = "inbox/spring/sku.jpg"
ERROR = S3Uri("shop", "spring/sku/sku.error.json")


def bytes_at(service: Service, place: S3Uri) -> bytes | None:
    stored = service.world.objects.stored(place)
    return stored.data if stored else None


def test_a_moved_photo_is_in_the_other_folder_and_not_in_its_own() -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO, draw_png("x"))
    service.run()
    assert there(service, "catalog") == ["processed/spring/sku.jpg"]
    moved = service.world.objects.stored(S3Uri("catalog", "processed/spring/sku.jpg"))
    assert moved is not None
    assert moved.data == draw_png("x")
    assert moved.metadata["hautech-worker"] == "photo"


def test_a_copied_photo_is_in_both() -> None:
    service = service_with(drops.COPIES)
    drop(service, PHOTO)
    service.run()
    assert there(service, "catalog") == [PHOTO, "processed/spring/sku.jpg"]


def test_without_marks_the_photo_stays_where_it_is() -> None:
    service = service_with()
    drop(service, PHOTO)
    service.run()
    assert there(service, "catalog") == [PHOTO]


def test_a_failed_photo_is_moved_and_says_in_plain_words_what_happened() -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO, b"no photo at all")
    service.run()
    assert service.job.state is JobState.FAILED
    assert there(service, "catalog") == ["failed/spring/sku.jpg"]
    said = service.document(ERROR.key)
    assert said["whatHappened"] == "The file is not a photo that can be used."
    assert "JPEG or PNG" in said["whatToDo"]
    assert said["requestId"] == service.job.request_id
    stored = service.world.objects.stored(ERROR)
    assert stored is not None
    assert stored.metadata["hautech-worker"] == "error"


def test_the_error_document_goes_when_the_photo_succeeds_later() -> None:
    service = service_with()
    drop(service, PHOTO, b"no photo at all")
    service.run()
    assert service.world.objects.stored(ERROR) is not None
    service.world.clock.advance(60)
    drop(service, PHOTO, draw_png("x"))
    service.run()
    assert service.world.objects.stored(ERROR) is None
    assert [job.state for job in jobs(service)] == [JobState.FAILED, JobState.SUCCEEDED]


def test_the_error_document_of_another_photo_stays_when_one_of_the_same_name_succeeds() -> None:
    service = service_with()
    drop(service, PHOTO, b"no photo at all")
    service.run()
    drop(service, "inbox/spring/sku.png", draw_png("x"))
    service.run()
    assert [job.state for job in jobs(service)] == [JobState.FAILED, JobState.SUCCEEDED]
    assert service.document(ERROR.key)["photo"].startswith(f"s3://catalog/{PHOTO}")


def test_two_failed_photos_of_one_name_have_an_error_document_each() -> None:
    service = service_with()
    longer = S3Uri("shop", "spring/sku/sku.png.error.json")
    for _ in range(2):  # the second drop of each finds its own again
        drop(service, PHOTO, b"no photo at all")
        service.run()
        drop(service, "inbox/spring/sku.png", b"none either")
        service.run()
    assert service.document(ERROR.key)["photo"].partition("?")[0] == f"s3://catalog/{PHOTO}"
    assert service.document(longer.key)["photo"].partition("?")[0].endswith("/sku.png")
    drop(service, "inbox/spring/sku.png", draw_png("y"))
    service.run()
    assert bytes_at(service, longer) is None
    assert bytes_at(service, ERROR) is not None, "the other one still has no picture"


def test_a_group_that_is_refused_has_one_error_document_whichever_photo_tells_of_it() -> None:
    service = service_with(drops.PARTS + "    sidecar: true\n")
    put(service, "inbox/spring/sku.yaml", b"input: {promt: a hat}")
    for part in ("front", "pose"):
        drop(service, f"inbox/spring/sku_{part}.png")
    service.run()
    assert there(service, "shop") == ["spring/sku/sku.error.json"]


def test_the_error_document_of_a_group_goes_when_it_succeeds_whichever_photo_came_first() -> None:
    service = service_with(drops.PARTS)
    drop(service, "inbox/spring/sku_pose.png")
    service.run_for(deliveries=1)
    service.world.clock.advance(1_000)
    service.run()
    assert service.document(ERROR.key)["photo"].startswith("s3://catalog/inbox/spring/sku_pose.png")
    drop(service, "inbox/spring/sku_front.png")
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.world.objects.stored(ERROR) is None


def test_a_refused_request_of_a_drop_says_so_beside_the_pictures() -> None:
    service = service_with(drops.SIDECARS)
    put(service, "inbox/spring/sku.json", b'{"expiresAt": "2020-01-01T00:00:00Z"}')
    drop(service, PHOTO)
    service.run()
    assert service.document(ERROR.key)["code"] == "request.expired"


def test_a_sidecar_and_the_other_photos_go_with_the_photo() -> None:
    service = service_with(drops.MOVES + "    sidecar: true\n")
    put(service, "inbox/spring/sku.yaml", b"input: {prompt: a hat}")
    drop(service, PHOTO)
    service.run()
    assert there(service, "catalog") == ["processed/spring/sku.jpg", "processed/spring/sku.yaml"]


def test_a_sidecar_for_which_a_photo_is_refused_goes_with_it() -> None:
    service = service_with(drops.MOVES + "    sidecar: true\n")
    put(service, "inbox/spring/sku.yaml", b"input: {promt: a hat}")
    drop(service, PHOTO)
    put(service, "inbox/spring/other.yaml", b"- no\n- fields")
    drop(service, "inbox/spring/other.jpg")
    service.run()
    assert there(service, "catalog") == [
        f"failed/spring/{name}" for name in ("other.jpg", "other.yaml", "sku.jpg", "sku.yaml")
    ]


def test_what_somebody_else_put_there_is_not_written_over() -> None:
    service = service_with(drops.MOVES)
    service.world.objects.add(S3Uri("catalog", "failed/spring/sku.jpg"), b"theirs")
    service.world.objects.add(ERROR, b"theirs, too")
    drop(service, PHOTO, b"no photo")
    with all_logs() as logs:
        service.run()
    assert [entry["action"] for entry in logs].count("drop_mark_failed") == 1
    assert bytes_at(service, S3Uri("catalog", "failed/spring/sku.jpg")) == b"theirs"
    assert bytes_at(service, ERROR) == b"theirs, too"
    (aside,) = set(there(service, "catalog")) - {"failed/spring/sku.jpg"}
    assert re.fullmatch(r"failed/spring/sku\.[0-9a-f]{12}\.jpg", aside)
    assert bytes_at(service, S3Uri("catalog", aside)) == b"no photo"


@pytest.mark.parametrize("versions", [True, False], ids=["with versions", "without"])
def test_a_photo_that_took_the_place_meanwhile_is_not_moved_away(versions: bool) -> None:
    service = service_with(drops.MOVES)
    if not versions:
        service.world.objects.unversioned.add("catalog")
    drop(service, PHOTO, draw_png("first"))
    while not service.world.hautech.runs:
        service.step()
    drop(service, PHOTO, draw_png("second"))
    polls = service.world.polls
    while service.step(polls):  # the first job ends; the second photo's event is not looked at yet
        pass
    stays = service.world.objects.stored(S3Uri("catalog", PHOTO))
    assert stays is not None
    assert stays.data == draw_png("second")
    service.run()
    assert {job.state for job in jobs(service)} == {JobState.SUCCEEDED}
    assert len(jobs(service)) == 2


@pytest.mark.parametrize("method", ["copy", "delete", "head"])
def test_trouble_with_marks_never_fails_a_job_nor_holds_it_up(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO)
    real = getattr(service.world.objects, method)

    def unavailable(*args: object, **kwargs: object) -> object:
        if service.events:
            raise UnavailableError(f"{method}: no answer")
        return real(*args, **kwargs)

    monkeypatch.setattr(service.world.objects, method, unavailable)
    with all_logs() as logs:
        service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.events) == 1
    assert "drop_mark_failed" in [entry["action"] for entry in logs]


def test_marks_are_made_after_the_event_is_out() -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO)
    service.run()
    calls = service.killer.calls
    assert calls.index("topic.publish") < calls.index("objects.copy")
    assert calls.index("objects.copy") < len(calls) - 1 - calls[::-1].index("store.save")


def test_a_request_that_names_buckets_that_are_on_no_list_writes_nothing_there() -> None:
    service = Service()
    service.world.objects.buckets.add("private")
    document = (
        '{"requestId": "x", "workflow": "nonsense", "input": {}, "output": "s3://shop/", "origin": '
        '{"drop": {"source": "s3://catalog/a.jpg", "rule": "r", "error": "s3://private/e.json"}}}'
    )
    service.send(document)
    service.run()
    assert service.world.objects.keys("private") == []
    service.send(document.replace("private", "shop").replace('"x"', '"y"'))
    service.run()
    assert "e.json" in service.world.objects.keys("shop")


def test_a_job_that_was_redriven_after_its_photo_was_moved_still_finds_its_version() -> None:
    service = service_with(drops.MOVES)
    service.world.hautech.failures[WORKFLOWS["full-naomi"].workflow_id] = ("BAD", "no model found")
    drop(service, PHOTO)
    service.run()
    assert there(service, "catalog") == ["failed/spring/sku.jpg"]
    service.world.hautech.failures.clear()
    service.redrive()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.world.objects.stored(ERROR) is None
