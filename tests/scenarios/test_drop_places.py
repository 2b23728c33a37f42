"""Places where photos are put aside: nothing that stands there is lost, and nobody's photo is."""

import re
from typing import Any

import pytest

from tests.scenarios import drops
from tests.scenarios.drops import drop, jobs, notification, service_with, there
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.adapters.memory.pictures import draw_png
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState

PHOTO = "inbox/spring/sku.jpg"
FAILED = S3Uri("catalog", "failed/spring/sku.jpg")
PROCESSED = S3Uri("catalog", "processed/spring/sku.jpg")
ASIDE = r"\w+/spring/sku\.[0-9a-f]{12}\.jpg"

TWO_FOLDERS = "".join(
    f"""
  - name: {name}
    bucket: catalog
    match: "inbox/{name}/{{sku}}.{{ext}}"
    preset: studio
    output: "s3://shop/{name}/{{sku}}/"
    onSuccess: {{moveTo: "s3://catalog/processed/"}}
"""
    for name in ("garments", "shoes")
)
AMONG_PICTURES = """
  - name: garments
    bucket: catalog
    match: "inbox/{sku}.{ext}"
    preset: studio
    output: "s3://shop/{sku}/sku.png"
    onSuccess: {copyTo: "s3://shop/generated/"}
"""


def move(service: Service, source: S3Uri, target: S3Uri) -> None:
    """What `aws s3 mv` does: S3 copies an object with its metadata, then deletes the first."""
    objects = service.world.objects
    found = objects.stored(source)
    assert found is not None
    objects.copy(source, target, content_type=found.content_type, metadata=dict(found.metadata))
    assert objects.delete(source, etag=found.etag)


def photos(service: Service) -> dict[str, bytes]:
    """What lies in the input bucket, by key."""
    return {key: data_at(service, S3Uri("catalog", key)) for key in there(service, "catalog")}


def data_at(service: Service, place: S3Uri) -> bytes:
    stored = service.world.objects.stored(place)
    assert stored is not None
    return stored.data


def with_versions(service: Service, versions: bool) -> Service:
    if not versions:
        service.world.objects.unversioned.add("catalog")
    return service


each_bucket = pytest.mark.parametrize("versions", [True, False], ids=["versions", "no versions"])


def test_a_picture_is_never_replaced_by_a_photo() -> None:
    service = service_with(AMONG_PICTURES)
    drop(service, "inbox/generated.jpg", draw_png("first"))
    service.run()
    (picture,) = service.event.data.outputs
    drop(service, "inbox/sku.png", draw_png("second"))
    service.run()
    stored = service.world.objects.stored(S3Uri.parse(picture.uri))
    assert stored is not None
    assert stored.sha256 == picture.sha256
    (aside,) = (
        key for key in there(service, "shop") if re.search(r"/sku\.[0-9a-f]{12}\.png$", key)
    )
    assert data_at(service, S3Uri("shop", aside)) == draw_png("second")


@each_bucket
def test_photos_of_two_rules_with_one_name_lie_beside_each_other(versions: bool) -> None:
    service = with_versions(service_with(TWO_FOLDERS), versions)
    for folder in ("garments", "shoes"):
        drop(service, f"inbox/{folder}/a.png", draw_png(folder))
        service.run()
    found = photos(service)
    assert found["processed/a.png"] == draw_png("garments")
    assert sorted(found.values()) == sorted([draw_png("garments"), draw_png("shoes")])


@each_bucket
def test_a_photo_that_is_dropped_again_does_not_replace_the_one_before(versions: bool) -> None:
    service = with_versions(service_with(drops.MOVES), versions)
    for data in (b"first", b"second"):
        drop(service, PHOTO, data)
        service.run()
        service.world.clock.advance(60)
    found = photos(service)
    assert found[FAILED.key] == b"first"
    assert sorted(found.values()) == [b"first", b"second"]


def test_what_stands_at_both_places_stays_and_so_does_the_photo() -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO, b"no photo")
    service.run()
    drop(service, PHOTO, b"no photo either")
    twin = service_with(drops.MOVES)
    service.run()
    (aside,) = photos(service).keys() - {FAILED.key}
    for key in (FAILED.key, aside):
        twin.world.objects.add(S3Uri("catalog", key), b"theirs")
    twin.world.objects.add(S3Uri("catalog", PHOTO), b"no photo")
    drop(twin, PHOTO, b"no photo either")
    with all_logs() as logs:
        twin.run()
    assert "drop_mark_failed" in [entry["action"] for entry in logs]
    assert photos(twin) == {FAILED.key: b"theirs", aside: b"theirs", PHOTO: b"no photo either"}


@pytest.mark.parametrize("data", [b"of a size", b"ofa sizE"], ids=["another size", "the same size"])
def test_a_photo_stays_when_somebody_writes_over_its_copy_at_this_moment(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_with(drops.MOVES)
    objects = service.world.objects
    real = objects.copy

    def copy(source: S3Uri, target: S3Uri, **options: Any) -> None:
        real(source, target, **options)
        objects.add(target, data)

    monkeypatch.setattr(objects, "copy", copy)
    drop(service, PHOTO, b"no photo")
    with all_logs() as logs:
        service.run()
    assert "drop_mark_failed" in [entry["action"] for entry in logs]
    assert photos(service) == {FAILED.key: data, PHOTO: b"no photo"}


def test_a_copy_of_the_first_release_which_says_not_of_what_is_not_replaced() -> None:
    service = service_with(drops.MOVES)
    service.world.objects.add(S3Uri("catalog", "a"), b"an earlier photo")
    service.world.objects.copy(
        S3Uri("catalog", "a"), FAILED, content_type="x/y", metadata={"hautech-worker": "photo"}
    )
    service.world.objects.remove(S3Uri("catalog", "a"))
    drop(service, PHOTO, b"no photo")
    service.run()
    assert sorted(photos(service).values()) == [b"an earlier photo", b"no photo"]


@pytest.mark.parametrize("of_first_release", [False, True], ids=["", "of the first release"])
@each_bucket
def test_a_photo_that_is_moved_back_from_the_failed_ones_is_tried_again(
    versions: bool, of_first_release: bool
) -> None:
    service = with_versions(service_with(drops.MOVES), versions)
    drop(service, PHOTO, b"no photo")
    service.run()
    if of_first_release:
        stored = service.world.objects.stored(FAILED)
        assert stored is not None
        for name in ("hautech-place", "hautech-source"):
            del stored.metadata[name]
    for _ in range(2):
        service.world.clock.advance(600)
        move(service, FAILED, S3Uri("catalog", PHOTO))
        service.send(notification(service, PHOTO))
        service.run()
        assert there(service, "catalog") == [FAILED.key]
    assert [job.state for job in jobs(service)] == [JobState.FAILED] * 3


def test_what_the_worker_put_somewhere_is_no_drop_there_even_when_a_rule_watches_it() -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO)
    service.run()
    retries = drops.GARMENTS.replace("inbox/", "processed/")
    service.world.objects.add(drops.RULES, (drops.HEAD + retries).encode())
    service.world.clock.advance(60)
    service.send(notification(service, PROCESSED.key))
    service.run()
    assert len(jobs(service)) == 1
    assert len(service.world.hautech.runs) == 1


def test_a_copy_has_the_metadata_of_its_photo_but_none_that_makes_it_a_picture() -> None:
    service = service_with(drops.COPIES)
    service.world.objects.add(S3Uri("catalog", "a"), draw_png("x"))
    service.world.objects.copy(
        S3Uri("catalog", "a"),
        S3Uri("catalog", PHOTO),
        content_type="image/png",
        metadata={"photographer": "Ann", "accepted-at": "2020", "hautech-source": "x"},
    )
    service.world.objects.remove(S3Uri("catalog", "a"))
    service.send(notification(service, PHOTO))
    service.run()
    copied = service.world.objects.stored(PROCESSED)
    assert copied is not None
    assert copied.metadata["photographer"] == "Ann"
    assert "accepted-at" not in copied.metadata
    assert copied.metadata["hautech-source"] != "x"


def test_the_same_bytes_that_are_dropped_again_meanwhile_are_not_moved_away() -> None:
    service = service_with(drops.MOVES)
    drop(service, PHOTO, draw_png("x"))
    while not service.world.hautech.runs:
        service.step()
    drop(service, PHOTO, draw_png("x"))
    while service.step(service.world.polls):  # the second event is not looked at yet
        pass
    assert there(service, "catalog") == [PHOTO, PROCESSED.key]
    service.run()
    assert [job.state for job in jobs(service)] == [JobState.SUCCEEDED] * 2
    keys = there(service, "catalog")
    assert len(keys) == 2
    assert all(re.fullmatch(ASIDE, key) or key == PROCESSED.key for key in keys)
