"""What the engine may rely on at Hautech: the same for the world in memory and the real client.

The real client talks to the stand-in, whose time moves only when a test says so.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest
from PIL import Image

from sandbox.hautech.faults import FaultRule
from tests.support.standin import MISSING_ID, Lab, png, running_lab
from worker.adapters.hautech_gateway import GatewayConfig, HautechGateway
from worker.adapters.memory import ManualClock, MemoryHautech
from worker.contracts.workflows import WORKFLOWS
from worker.errors import (
    HautechRefusedError,
    ImageMissingError,
    OutOfFundsError,
    OutputDamagedError,
    OutputUnusableError,
    PipelineLostError,
    UnavailableError,
)
from worker.hautech import ClientConfig, HautechClient, StaticToken
from worker.hautech.outputs import ImageRef, find_images, read_pose_id, read_prepared_image_id
from worker.ports.generation import ImageGeneration, ImageUpload

FULL = WORKFLOWS["full-naomi"].workflow_id
NAOMI = WORKFLOWS["naomi"].workflow_id
POSE = WORKFLOWS["prepare-pose"].workflow_id
GARMENT = WORKFLOWS["prepare-image"].workflow_id

DURATION_S = 5.0
TTL_S = 3600


class World(Protocol):
    """A Hautech and what a test may do to it."""

    port: ImageGeneration

    def now(self) -> datetime:
        """The time there."""

    def advance(self, seconds: float) -> None:
        """Lets time pass there."""

    def count_runs(self) -> int:
        """How many runs were paid."""

    def fail_next_run(self, workflow_id: str, code: str, message: str) -> None:
        """Lets the next run end as failed."""

    def empty_the_account(self) -> None:
        """Takes all credits away."""

    def cut_next_download(self) -> None:
        """Breaks the next download off halfway."""

    def check_input_at_once(self) -> None:
        """Refuses bad input from now on instead of letting runs fail."""

    def forget_metadata(self) -> None:
        """Drops the metadata of runs from now on."""

    def lag_lists(self, seconds: float) -> None:
        """New runs appear in the list only so much later."""

    def give_links(self) -> None:
        """Outputs name a link instead of an id from now on."""


class MemoryWorld:
    """In memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.hautech = MemoryHautech(self.clock, duration_s=DURATION_S)
        self.hautech.image_ttl_s = TTL_S
        self.port: ImageGeneration = self.hautech

    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def count_runs(self) -> int:
        return len(self.hautech.runs)

    def fail_next_run(self, workflow_id: str, code: str, message: str) -> None:
        self.hautech.failures[workflow_id] = (code, message)

    def empty_the_account(self) -> None:
        self.hautech.balance = Decimal(0)

    def cut_next_download(self) -> None:
        self.hautech.cut_downloads = 1

    def check_input_at_once(self) -> None:
        self.hautech.checks_input_at_once = True

    def forget_metadata(self) -> None:
        self.hautech.keeps_metadata = False

    def lag_lists(self, seconds: float) -> None:
        self.hautech.list_lag_s = seconds

    def give_links(self) -> None:
        link = "https://pictures.hautech.test/{}.png"
        self.hautech.output_of = lambda _, usual: {"imageUrl": link.format(usual["imageId"])}


class StandInWorld:
    """The real client, and the stand-in behind it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab.fresh(durationSeconds=DURATION_S, drawing="flat")
        self.stand_in = lab.stand_in
        self.client = HautechClient(
            ClientConfig(api_url=self.stand_in.api_url),
            StaticToken(self.stand_in.credentials.api_token),
        )
        self.port: ImageGeneration = HautechGateway(self.client, GatewayConfig(upload_ttl_s=TTL_S))

    def now(self) -> datetime:
        return self.lab.clock()

    def advance(self, seconds: float) -> None:
        self.lab.clock.advance(seconds)

    def count_runs(self) -> int:
        return len(self.stand_in.runs())

    def fail_next_run(self, workflow_id: str, code: str, message: str) -> None:
        assert workflow_id
        self.stand_in.add_fault(
            FaultRule("workflows.run", "fail_run", error_code=code, error_message=message)
        )

    def empty_the_account(self) -> None:
        self.stand_in.set_options(balance="0", refuseWhenBroke=True)

    def cut_next_download(self) -> None:
        self.stand_in.add_fault(FaultRule("images.download", "truncate"))

    def check_input_at_once(self) -> None:
        self.stand_in.set_options(inputFaults="sync")

    def forget_metadata(self) -> None:
        self.stand_in.set_options(dropMetadata=True)

    def lag_lists(self, seconds: float) -> None:
        self.stand_in.set_options(listLagSeconds=seconds)

    def give_links(self) -> None:
        self.stand_in.set_options(outputShape="imageUrl")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_lab() as running:
        yield running


@pytest.fixture(params=["memory", "client"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    stand_in = StandInWorld(request.getfixturevalue("lab"))
    with stand_in.client:
        yield stand_in


@dataclass
class Source:
    """A reader that tells whether it was closed, and may fail."""

    data: bytes
    failure: Exception | None = None
    closed: bool = False

    def __post_init__(self) -> None:
        self._file = io.BytesIO(self.data)

    def read(self, size: int = -1, /) -> bytes:
        if self.failure is not None:
            raise self.failure
        return self._file.read(size)

    def close(self) -> None:
        self.closed = True


def upload_of(source: Source, size_bytes: int | None = None) -> ImageUpload:
    return ImageUpload(
        open=lambda: source,
        filename="photo.png",
        content_type="image/png",
        size_bytes=len(source.data) if size_bytes is None else size_bytes,
    )


def uploaded(world: World, colour: str = "red") -> str:
    return world.port.upload(upload_of(Source(png(colour)))).image_id


def full_input(world: World) -> dict[str, Any]:
    return {
        "imageId": uploaded(world, "red"),
        "poseImageId": uploaded(world, "black"),
        "aspectRatio": "7:10",
        "prompt": "a model in a red coat",
        "seed": 42,
    }


def finished_picture(world: World) -> ImageRef:
    sent = full_input(world)
    pipeline_id = world.port.run(FULL, sent, {})
    world.advance(DURATION_S)
    (picture,) = find_images(
        world.port.look(pipeline_id).output, sent_ids=[sent["imageId"], sent["poseImageId"]]
    )
    return picture


def test_a_job_goes_from_upload_to_picture(world: World) -> None:
    began_at = world.now()
    sent = full_input(world)
    pipeline_id = world.port.run(FULL, sent, {"app": {"key": "k"}})
    world.advance(DURATION_S - 0.1)
    pending = world.port.look(pipeline_id)
    assert (pending.pipeline_id, pending.status) == (pipeline_id, "pending")
    assert (pending.output, pending.credits, pending.ended_at) == (None, None, None)
    world.advance(0.1)
    report = world.port.look(pipeline_id)
    assert (report.pipeline_id, report.status, report.input) == (pipeline_id, "completed", sent)
    assert (report.error_code, report.error_message) == (None, None)
    assert Decimal(report.credits or "") > 0
    assert (report.created_at, report.ended_at) == (
        began_at,
        began_at + timedelta(seconds=DURATION_S),
    )
    (ref,) = find_images(report.output, sent_ids=[sent["imageId"], sent["poseImageId"]])
    sink = io.BytesIO(b"what an earlier try left, longer than any picture" * 9000)
    got = world.port.download(ref, sink)
    assert got.content_type == "image/png"
    assert got.size_bytes == len(sink.getvalue())
    assert got.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    with Image.open(io.BytesIO(sink.getvalue())) as picture:
        assert picture.format == "PNG"
    assert world.count_runs() == 1


def test_a_picture_can_be_had_by_link(world: World) -> None:
    world.give_links()
    picture = finished_picture(world)
    assert picture.image_id is None
    assert world.port.download(picture, io.BytesIO()).content_type == "image/png"


def test_the_same_input_gives_the_same_picture(world: World) -> None:
    sent = full_input(world)
    ids = [world.port.run(FULL, {**sent, "seed": seed}, {}) for seed in (1, 1, 2)]
    world.advance(DURATION_S)
    hashes = []
    for pipeline_id in ids:
        output = world.port.look(pipeline_id).output
        (ref,) = find_images(output, sent_ids=[sent["imageId"], sent["poseImageId"]])
        hashes.append(world.port.download(ref, io.BytesIO()).sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_prepared_pose_and_garment_feed_a_third_run(world: World) -> None:
    image_id = uploaded(world)
    pose = world.port.run(POSE, {"poseImageId": image_id, "aspectRatio": "1:1"}, {})
    garment = world.port.run(GARMENT, {"imageId": image_id}, {})
    world.advance(DURATION_S)
    prepared = {
        "poseId": read_pose_id(world.port.look(pose).output),
        "imageId": read_prepared_image_id(world.port.look(garment).output),
        "prompt": "a model",
    }
    works = world.port.run(NAOMI, prepared, {})
    fails = world.port.run(NAOMI, {**prepared, "poseId": image_id}, {})
    world.advance(DURATION_S)
    assert world.port.look(works).status == "completed"
    assert world.port.look(fails).error_code == "POSE_NOT_FOUND"


def test_signing_in_starts_nothing(world: World) -> None:
    world.port.sign_in()
    assert world.count_runs() == 0


def test_an_upload_is_kept_as_long_as_asked_and_its_source_closed(world: World) -> None:
    source = Source(png())
    kept = world.port.upload(upload_of(source))
    assert kept.expires_at == world.now() + timedelta(seconds=TTL_S)
    assert source.closed


def test_an_expired_upload_makes_the_run_fail(world: World) -> None:
    image_id = uploaded(world)
    world.advance(TTL_S)
    pipeline_id = world.port.run(GARMENT, {"imageId": image_id}, {})
    world.advance(DURATION_S)
    assert world.port.look(pipeline_id).error_code == "IMAGE_NOT_FOUND"


def test_what_the_source_of_an_upload_raises_comes_unchanged(world: World) -> None:
    failure = ImageMissingError("s3://photos/a.png is gone")
    source = Source(png(), failure=failure)
    with pytest.raises(ImageMissingError) as caught:
        world.port.upload(upload_of(source))
    assert caught.value is failure
    assert source.closed


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_source_of_another_length_is_no_upload(world: World, difference: int) -> None:
    source = Source(png())
    with pytest.raises(UnavailableError, match="bytes"):
        world.port.upload(upload_of(source, size_bytes=len(source.data) + difference))


def test_an_unknown_pipeline_is_lost(world: World) -> None:
    for ask in (world.port.look, world.port.read_pipeline):
        with pytest.raises(PipelineLostError, match=MISSING_ID):
            ask(MISSING_ID)


def test_a_pipeline_can_be_read_with_its_input_before_it_ends(world: World) -> None:
    sent = full_input(world)
    report = world.port.read_pipeline(world.port.run(FULL, sent, {}))
    assert (report.status, report.input, report.output) == ("pending", sent, None)


def test_runs_are_listed_newest_first_back_to_a_moment_with_metadata(world: World) -> None:
    sent = full_input(world)
    ids = []
    for number in range(3):
        ids.append(world.port.run(FULL, sent, {"app": {"key": f"k{number}"}}))
        world.advance(10)
    listed = list(world.port.runs_since(world.now() - timedelta(seconds=20)))
    assert [(run.pipeline_id, run.metadata) for run in listed] == [
        (ids[2], {"app": {"key": "k2"}}),
        (ids[1], {"app": {"key": "k1"}}),
    ]
    assert [run.status for run in listed] == ["completed", "completed"]
    assert [run.created_at for run in listed] == [
        world.now() - timedelta(seconds=age_s) for age_s in (10, 20)
    ]


def test_a_list_that_lags_shows_a_run_later(world: World) -> None:
    world.lag_lists(3.0)
    began_at = world.now()
    world.port.run(FULL, full_input(world), {})
    world.advance(2.9)
    assert list(world.port.runs_since(began_at)) == []
    world.advance(0.1)
    assert len(list(world.port.runs_since(began_at))) == 1


def test_without_metadata_the_input_still_tells_whose_run_it_is(world: World) -> None:
    world.forget_metadata()
    began_at = world.now()
    sent = full_input(world)
    pipeline_id = world.port.run(FULL, sent, {"app": {"key": "k"}})
    (listed,) = world.port.runs_since(began_at)
    assert (listed.pipeline_id, listed.metadata) == (pipeline_id, {})
    assert world.port.read_pipeline(pipeline_id).input == sent


def test_a_failed_run_says_why(world: World) -> None:
    sent = full_input(world)
    world.fail_next_run(FULL, "NO_GARMENT", "the label matches nothing")
    pipeline_id = world.port.run(FULL, sent, {})
    world.advance(DURATION_S)
    report = world.port.look(pipeline_id)
    assert (report.status, report.output) == ("failed", None)
    assert (report.error_code, report.error_message) == ("NO_GARMENT", "the label matches nothing")
    assert Decimal(report.credits or "") >= 0
    assert report.ended_at is not None


def test_input_that_is_refused_costs_nothing(world: World) -> None:
    world.check_input_at_once()
    with pytest.raises(HautechRefusedError, match="imageId"):
        world.port.run(GARMENT, {"imageId": MISSING_ID}, {})
    assert world.count_runs() == 0


def test_an_empty_account_is_told_before_anything_is_paid(world: World) -> None:
    sent = full_input(world)
    world.empty_the_account()
    with pytest.raises(OutOfFundsError):
        world.port.run(FULL, sent, {})
    assert world.count_runs() == 0


def test_a_picture_that_was_cut_is_never_accepted_and_can_be_had_again(world: World) -> None:
    picture = finished_picture(world)
    world.cut_next_download()
    sink = io.BytesIO()
    with pytest.raises(OutputDamagedError):
        world.port.download(picture, sink)
    whole = world.port.download(picture, sink)
    assert whole.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    with Image.open(sink) as opened:
        opened.load()


def test_a_picture_elsewhere_is_not_fetched(world: World) -> None:
    with pytest.raises(OutputUnusableError):
        world.port.download(ImageRef(url="https://elsewhere.test/a.png"), io.BytesIO())


def test_a_picture_that_is_not_known_is_not_there_now(world: World) -> None:
    with pytest.raises(UnavailableError):
        world.port.download(ImageRef(image_id=MISSING_ID), io.BytesIO())
