"""Pictures called and stored as a shop wants them, with smaller copies beside them."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.test_taken_places import put_of
from tests.support.logs import all_logs
from worker.adapters.memory.pictures import draw_png
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.contracts.s3_uri import S3Uri
from worker.errors import ImageTooLargeError
from worker.jobs.job import JobState
from worker.ports.objects import StoringOptions

KEYED = {"key": "{sku}/{requestId}-{n}.{ext}"}
STORED = {
    "cacheControl": "max-age=60",
    "tags": {"season": "spring"},
    "kmsKeyId": "alias/shop",
    "storageClass": "GLACIER_IR",
}
RENDITIONS = {"renditions": [{"format": "webp", "width": 16}, {"format": "jpeg", "width": 8000}]}


def done(options: dict[str, Any], **changes: Any) -> Service:
    """A service whose only job, with these options, has ended well."""
    service = Service()
    service.send(body(outputOptions=options, output="s3://shop/gen/", **changes))
    service.run()
    assert service.job_is(JobState.SUCCEEDED), service.event.data.error
    return service


def test_a_picture_is_called_as_the_template_says_and_its_document_as_ever() -> None:
    service = done(KEYED)
    assert service.event.data.outputs[0].uri == "s3://shop/gen/1042/sku-1042-front-1.png"
    assert "gen/sku-1042-front.json" in service.world.objects.keys("shop")


def test_all_that_is_written_is_stored_as_it_was_asked_for() -> None:
    service = done({**STORED, **RENDITIONS})
    as_asked = StoringOptions(
        cache_control="max-age=60",
        tags={"season": "spring"},
        kms_key_id="alias/shop",
        storage_class="GLACIER_IR",
    )
    found = {
        key: service.world.objects.stored(S3Uri("shop", key))
        for key in service.world.objects.keys("shop")
    }
    document = found.pop("gen/sku-1042-front.json")
    assert [one and one.options for one in found.values()] == [as_asked] * 3
    assert document is not None
    assert document.options == StoringOptions(tags={"season": "spring"}, kms_key_id="alias/shop")


def test_renditions_stand_beside_the_picture_and_the_event_tells_of_them_as_they_are() -> None:
    service = Service()
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 10, 10)).save(picture, "PNG")
    large = service.world.hautech.add_image(picture.getvalue())
    service.world.hautech.output_of = lambda _given, _output: {"imageId": large}
    service.send(body(outputOptions=RENDITIONS, output="s3://shop/gen/"))
    service.run()
    (output,) = service.event.data.outputs
    assert [(one.uri, one.content_type) for one in output.renditions] == [
        ("s3://shop/gen/sku-1042-front-16w.webp", "image/webp"),
        ("s3://shop/gen/sku-1042-front-8000w.jpg", "image/jpeg"),
    ]
    small, as_large = output.renditions
    assert (small.width, small.height) == (16, 12)
    assert (as_large.width, as_large.height) == (output.width, output.height), "enlarged"
    for one in output.renditions:
        stored = service.world.objects.stored(S3Uri.parse(one.uri))
        assert stored is not None
        assert (len(stored.data), hashlib.sha256(stored.data).hexdigest()) == (
            one.bytes,
            one.sha256,
        )
        assert stored.content_type == one.content_type
        assert Image.open(io.BytesIO(stored.data)).size == (one.width, one.height)


def test_a_rendition_that_cannot_be_made_takes_nothing_from_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_large(*_: Any) -> Any:
        raise ImageTooLargeError("takes 9,000 MB of memory")

    monkeypatch.setattr(PillowPhotoLab, "reduce", too_large)
    with all_logs() as logs:
        service = done(RENDITIONS)
    (output,) = service.event.data.outputs
    assert output.renditions == ()
    assert [one["action"] for one in logs].count("rendition_skipped") == 2


def test_a_rendition_of_another_request_is_not_replaced() -> None:
    service = Service()
    put_of(service, "sku-7", S3Uri("shop", "gen/sku-1042-front-16w.webp"))
    service.send(body(outputOptions=RENDITIONS, output="s3://shop/gen/"))
    service.run()
    (output,) = service.event.data.outputs
    assert output.renditions[0].uri == "s3://shop/gen/sku-1042-front-16w.sku-1042-front.webp"


def test_a_template_with_a_fixed_extension_is_looked_at_before_anything_is_paid() -> None:
    service = Service()
    put_of(service, "sku-7", S3Uri("shop", "gen/1042.png"))
    service.send(body(outputOptions={"key": "{sku}.png"}, output="s3://shop/gen/"))
    service.run()
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == ("output.taken", "submit")
    assert service.world.hautech.runs == []


def test_pictures_that_were_not_foreseen_are_numbered_by_any_template() -> None:
    service = Service()
    second = service.world.hautech.add_image(draw_png("second"))
    service.world.hautech.output_of = lambda _given, output: {
        "imageIds": [output["imageId"], second]
    }
    service.send(body(outputOptions={"key": "{sku}.{ext}"}, output="s3://shop/gen/"))
    service.run()
    assert [one.uri for one in service.event.data.outputs] == [
        "s3://shop/gen/1042.png",
        "s3://shop/gen/1042-2.png",
    ]
