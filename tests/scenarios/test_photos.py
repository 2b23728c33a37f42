"""Photos as shops have them, through the whole service: what Hautech gets, and what is told."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image

from tests.builders import body
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from tests.unit.photo_lab.pictures import RED, encoded, exif, plain
from worker.adapters.memory.hautech import MemoryHautech
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.errors import HeldBackError, UnavailableError
from worker.jobs.job import JobState
from worker.ports.generation import ImageUpload, UploadedImage

JACKET = S3Uri("catalog", "raw/jacket.png")


def service_with(data: bytes, **rules: Any) -> Service:
    service = Service(**rules)
    service.world.objects.add(JACKET, data)
    return service


def finished(service: Service) -> Service:
    service.send(body())
    service.run()
    return service


def sent(service: Service) -> tuple[bytes, str]:
    """What Hautech has of the jacket, and its content type."""
    image = service.world.hautech._images[service.job.image(str(JACKET)).image_id or ""]
    return image.data, image.content_type


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_clean_photo_goes_to_hautech_byte_for_byte(kind: str) -> None:
    data = encoded(plain(), kind, exif=exif(1))
    service = finished(service_with(data))
    assert sent(service)[0] == data
    assert "inputs" not in service.event.dumps()
    assert service.job.developed == ()


def test_what_was_changed_is_told_in_the_event_the_document_and_the_story() -> None:
    service = service_with(encoded(plain(), "HEIF", exif=exif(6)))
    with all_logs() as lines:
        finished(service)
    data, content_type = sent(service)
    assert content_type == "image/jpeg"
    assert Image.open(io.BytesIO(data)).size == (48, 32)[::-1]
    (told,) = service.event.data.inputs
    assert told.uri == str(JACKET)
    assert told.image_id == service.job.image(str(JACKET)).image_id
    assert told.changes == ("HEIC saved as JPEG", "turned upright (orientation 6)")
    document = service.document("generated/sku-1042/sku-1042-front.json")
    assert document["inputs"] == [
        {"uri": told.uri, "imageId": told.image_id, "changes": list(told.changes)}
    ]
    assert any("turned upright (orientation 6)" in entry.because for entry in service.job.history)
    assert [line["uri"] for line in lines if line.get("action") == "photo_developed"] == [told.uri]


def test_a_photo_that_needs_nothing_after_all_goes_byte_for_byte() -> None:
    data = encoded(plain((*RED, 255), mode="RGBA"), "PNG")
    service = finished(service_with(data))
    assert sent(service)[0] == data
    assert service.event.data.inputs == ()


def test_a_failed_job_says_what_was_changed_too() -> None:
    service = service_with(encoded(plain(), "TIFF"))
    service.world.hautech.failures[WORKFLOWS["full-naomi"].workflow_id] = ("broken", "no garment")
    finished(service)
    assert service.event.data.status == "failed"
    (told,) = service.event.data.inputs
    assert told.changes == ("TIFF saved as PNG",)


def test_a_photo_is_named_after_what_it_has_become(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    upload = MemoryHautech.upload

    def seen(self: MemoryHautech, image: ImageUpload) -> UploadedImage:
        names.append(image.filename)
        return upload(self, image)

    monkeypatch.setattr(MemoryHautech, "upload", seen)
    finished(service_with(encoded(plain(), "HEIF")))
    assert "jacket.jpg" in names


def test_an_upload_that_begins_again_sends_the_converted_photo_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = MemoryHautech.upload

    def twice(self: MemoryHautech, image: ImageUpload) -> UploadedImage:
        image.open().read(10)
        return upload(self, image)

    monkeypatch.setattr(MemoryHautech, "upload", twice)
    service = finished(service_with(encoded(plain(), "TIFF")))
    assert Image.open(io.BytesIO(sent(service)[0])).size == (48, 32)


def test_a_photo_that_breaks_off_on_its_way_is_tried_again() -> None:
    service = service_with(encoded(plain(), "TIFF"))
    service.world.objects.cut_after_bytes = 30
    service.send(body())
    service.run_for(deliveries=1)
    assert service.job_is(JobState.ACCEPTED)
    service.world.objects.cut_after_bytes = None
    service.run()
    assert service.job_is(JobState.SUCCEEDED)


def test_a_busy_lab_costs_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_with(encoded(plain(), "TIFF"))

    @contextmanager
    def busy(_self: object) -> Iterator[None]:
        raise HeldBackError("others are before this one", retry_after_s=10)
        yield

    with monkeypatch.context() as patch:
        patch.setattr("worker.adapters.photo_lab.lab.PillowPhotoLab.turn", busy)
        service.send(body())
        service.run_for(deliveries=30)
        assert service.job.failures == 0
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_no_memory_at_the_moment_is_a_passing_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_with(encoded(plain(), "TIFF"))

    def short(*_: object) -> None:
        raise UnavailableError("not now")

    with monkeypatch.context() as patch:
        patch.setattr("worker.adapters.photo_lab.lab.PillowPhotoLab.develop", short)
        service.send(body())
        service.run_for(deliveries=1)
        assert service.job.failures == 1
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_conversion_does_not_begin_without_the_time_for_it() -> None:
    service = service_with(encoded(plain(), "TIFF"))
    service.world.budget.left_s = 10.0001  # enough for an upload
    service.send(body())
    service.run_for(deliveries=2)
    assert service.job.state is JobState.ACCEPTED
    assert service.job.image(str(JACKET)).image_id is None


def test_many_changed_photos_with_long_names_still_end_in_an_event() -> None:
    custom = "0b8b5a1c-1111-4222-8333-444455556666"
    service = Service()
    keys = [f"raw/{number:04}-{'k' * 891}" for number in range(60)]
    for key in keys:
        service.world.objects.add(S3Uri("catalog", key), encoded(plain(), "TIFF"))
    service.send(body(custom, input={"imageIds": [f"s3://catalog/{key}" for key in keys]}))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert 5 <= len(service.event.data.inputs) < 60, "as many as there is room for"
