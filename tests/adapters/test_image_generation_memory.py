"""Hautech in memory: what scenarios rely on."""

import hashlib
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from PIL import Image

from worker.adapters.memory import ManualClock, MemoryHautech
from worker.contracts.workflows import WORKFLOWS
from worker.errors import (
    HautechRefusedError,
    OutOfFundsError,
    OutputUnusableError,
    PipelineLostError,
)
from worker.hautech.outputs import ImageRef, find_images
from worker.ports import ImageGeneration, ImageUpload

FULL = WORKFLOWS["full-naomi"].workflow_id
NAOMI = WORKFLOWS["naomi"].workflow_id
POSE = WORKFLOWS["prepare-pose"].workflow_id
GARMENT = WORKFLOWS["prepare-image"].workflow_id


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def hautech(clock: ManualClock) -> MemoryHautech:
    world = MemoryHautech(clock, duration_s=5.0)
    _: ImageGeneration = world
    return world


def upload(data: bytes, size_bytes: int | None = None) -> ImageUpload:
    return ImageUpload(
        open=lambda: io.BytesIO(data),
        filename="a.png",
        content_type="image/png",
        size_bytes=len(data) if size_bytes is None else size_bytes,
    )


def full_input(hautech: MemoryHautech) -> dict[str, str]:
    return {"imageId": hautech.add_image(b"garment"), "poseImageId": hautech.add_image(b"pose")}


def test_pipeline_is_pending_for_its_duration_and_then_completed(
    hautech: MemoryHautech, clock: ManualClock
) -> None:
    pipeline_id = hautech.run(FULL, full_input(hautech), {})
    clock.advance(4.9)
    pending = hautech.look(pipeline_id)
    assert (pending.status, pending.output, pending.credits) == ("pending", None, None)
    clock.advance(0.1)
    completed = hautech.look(pipeline_id)
    assert completed.status == "completed"
    assert completed.credits == "0.04375"
    assert completed.ended_at == clock.now()


def test_each_workflow_can_take_its_own_time(hautech: MemoryHautech, clock: ManualClock) -> None:
    hautech.durations_s[POSE] = 2.0
    pose = hautech.run(POSE, {"poseImageId": hautech.add_image(b"pose")}, {})
    full = hautech.run(FULL, full_input(hautech), {})
    clock.advance(2)
    assert [hautech.look(one).status for one in (pose, full)] == ["completed", "pending"]


def test_picture_of_a_run_is_a_real_png_and_the_same_for_the_same_input(
    hautech: MemoryHautech, clock: ManualClock
) -> None:
    same = full_input(hautech)
    pipelines = [hautech.run(FULL, same, {}) for _ in range(2)]
    pipelines.append(hautech.run(FULL, {**same, "seed": "43"}, {}))
    clock.advance(5)
    pictures = []
    for one in pipelines:
        (ref,) = find_images(hautech.look(one).output, sent_ids=same.values())
        sink = io.BytesIO(b"what was there before, which is longer than a small picture is" * 9)
        got = hautech.download(ref, sink)
        assert got.size_bytes == len(sink.getvalue())
        assert got.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
        with Image.open(sink) as image:
            assert image.format == "PNG"
        pictures.append(sink.getvalue())
    assert pictures[0] == pictures[1] != pictures[2]


def test_prepared_pose_and_garment_can_be_used_and_others_make_the_run_fail(
    hautech: MemoryHautech, clock: ManualClock
) -> None:
    image = hautech.add_image(b"x")
    pose = hautech.run(POSE, {"poseImageId": image, "aspectRatio": "1:1"}, {})
    garment = hautech.run(GARMENT, {"imageId": image}, {})
    clock.advance(5)
    good = {
        "poseId": hautech.look(pose).output["poseId"],
        "imageId": hautech.look(garment).output["preparedImageId"],
    }
    works = hautech.run(NAOMI, good, {})
    fails = hautech.run(NAOMI, {**good, "poseId": image}, {})
    clock.advance(5)
    assert hautech.look(works).status == "completed"
    failed = hautech.look(fails)
    assert (failed.status, failed.error_code, failed.output) == ("failed", "POSE_NOT_FOUND", None)
    assert failed.credits == "0.04375"


def test_expired_upload_makes_the_run_fail(hautech: MemoryHautech, clock: ManualClock) -> None:
    hautech.image_ttl_s = 60.0
    uploaded = hautech.upload(upload(b"data"))
    assert uploaded.expires_at == clock.now() + timedelta(seconds=60)
    clock.advance(60)
    pipeline_id = hautech.run(GARMENT, {"imageId": uploaded.image_id}, {})
    clock.advance(5)
    assert hautech.look(pipeline_id).error_code == "IMAGE_NOT_FOUND"


def test_upload_shorter_than_announced_is_refused(hautech: MemoryHautech) -> None:
    with pytest.raises(HautechRefusedError, match="4 bytes instead of 5"):
        hautech.upload(upload(b"data", size_bytes=5))
    assert hautech.uploads == 0


def test_runs_are_listed_newest_first_back_to_a_moment(
    hautech: MemoryHautech, clock: ManualClock
) -> None:
    images = full_input(hautech)
    ids = []
    for number in range(3):
        ids.append(hautech.run(FULL, images, {"key": f"k{number}"}))
        clock.advance(10)
    second_at = clock.now() - timedelta(seconds=20)
    listed = list(hautech.runs_since(second_at))
    assert [one.pipeline_id for one in listed] == [ids[2], ids[1]]
    assert listed[0].metadata == {"key": "k2"}


def test_lagging_list_shows_a_run_later(hautech: MemoryHautech, clock: ManualClock) -> None:
    hautech.list_lag_s = 3.0
    start = clock.now()
    hautech.run(FULL, full_input(hautech), {})
    clock.advance(2.9)
    assert list(hautech.runs_since(start)) == []
    clock.advance(0.1)
    assert len(list(hautech.runs_since(start))) == 1


def test_hautech_that_drops_metadata_still_shows_the_input(hautech: MemoryHautech) -> None:
    hautech.keeps_metadata = False
    images = full_input(hautech)
    pipeline_id = hautech.run(FULL, images, {"hautechWorker": {"key": "k1"}})
    (listed,) = hautech.runs_since(hautech.runs[0].created_at)
    assert listed.metadata == {}
    assert hautech.read_pipeline(pipeline_id).input == images
    assert len(hautech.runs_with("k1")) == 1
    assert hautech.runs_with("k2") == []


def test_run_that_was_told_to_fail_says_so(hautech: MemoryHautech, clock: ManualClock) -> None:
    hautech.failures[FULL] = ("NO_GARMENT", "the label matches nothing")
    pipeline_id = hautech.run(FULL, full_input(hautech), {})
    clock.advance(5)
    report = hautech.look(pipeline_id)
    assert (report.status, report.error_code) == ("failed", "NO_GARMENT")
    assert report.error_message == "the label matches nothing"


def test_empty_account_refuses_runs_before_anything_is_paid(hautech: MemoryHautech) -> None:
    hautech.balance = Decimal(0)
    with pytest.raises(OutOfFundsError):
        hautech.run(FULL, full_input(hautech), {})
    assert hautech.runs == []


def test_output_can_have_any_shape_and_pictures_a_link(
    hautech: MemoryHautech, clock: ManualClock
) -> None:
    link = "https://pictures.hautech.test/{}.png"
    hautech.output_of = lambda _, usual: {"imageUrl": link.format(usual["imageId"])}
    pipeline_id = hautech.run(FULL, full_input(hautech), {})
    clock.advance(5)
    (ref,) = find_images(hautech.look(pipeline_id).output)
    assert hautech.download(ref, io.BytesIO()).content_type == "image/png"


def test_unknown_pipeline_and_picture_are_errors(hautech: MemoryHautech) -> None:
    with pytest.raises(PipelineLostError, match="nobody"):
        hautech.look("nobody")
    with pytest.raises(OutputUnusableError):
        hautech.download(ImageRef(image_id="nobody"), io.BytesIO())
    with pytest.raises(OutputUnusableError):
        hautech.download(ImageRef(url="https://elsewhere.test/a.png"), io.BytesIO())
