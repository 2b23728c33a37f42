"""What is at Hautech already is used again: uploads, prepared poses, prepared garments."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import FULL_NAOMI_INPUT, NAOMI_INPUT, body
from tests.scenarios.crash import Killed
from tests.scenarios.harness import Service
from tests.unit.photo_lab.pictures import encoded, plain
from worker.adapters.memory.hautech import MemoryHautech
from worker.adapters.memory.pictures import draw_png
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.errors import NotThereError, ThrottledError, UnavailableError
from worker.jobs.assets import AssetKind, Claim
from worker.jobs.job import Job, JobState, StepState

GARMENT = S3Uri("catalog", "raw/jacket.png")
POSE = S3Uri("catalog", "poses/standing.png")
PREPARE_POSE = WORKFLOWS["prepare-pose"].workflow_id


def naomi(request_id: str, *, garment: str = "raw/jacket.png", **given: Any) -> str:
    """A request with a raw pose and a raw garment."""
    image = f"s3://catalog/{garment}"
    return body("naomi", requestId=request_id, input={**NAOMI_INPUT, "imageId": image, **given})


def full_naomi(request_id: str, **given: Any) -> str:
    return body(requestId=request_id, input={**FULL_NAOMI_INPUT, **given})


def add_garments(service: Service, count: int) -> list[str]:
    keys = [f"raw/garment-{number}.png" for number in range(count)]
    for key in keys:
        service.world.objects.add(S3Uri("catalog", key), draw_png(key))
    return keys


def ran(service: Service, step: str) -> int:
    """How many pipelines of that step were paid for."""
    return sum(run.metadata["hautechWorker"]["step"] == step for run in service.world.hautech.runs)


def job(service: Service, request_id: str) -> Job:
    found = service.world.store.load(request_id)
    assert found is not None
    return found


def all_succeeded(service: Service) -> bool:
    return all(one.state is JobState.SUCCEEDED for one in service.world.store.all_jobs())


def told(one: Job) -> str:
    return "\n".join(entry.because for entry in one.history)


# -- uploads ---------------------------------------------------------------------------------


def test_a_second_request_with_the_same_photos_uploads_nothing() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    service.send(full_naomi("second"))
    service.run()
    assert all_succeeded(service)
    assert service.world.hautech.uploads == 2
    assert len(service.world.hautech.runs) == 2
    assert "reused" in told(job(service, "second"))
    assert [one.image_id for one in job(service, "first").images] == [
        one.image_id for one in job(service, "second").images
    ]


def test_a_photo_that_was_replaced_in_s3_is_uploaded_anew() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    service.world.objects.add(GARMENT, draw_png("another jacket"))
    service.send(full_naomi("second"))
    service.run()
    assert service.world.hautech.uploads == 3


def test_each_version_of_a_photo_is_another_photo() -> None:
    service = Service()
    first = service.world.objects.add(GARMENT, draw_png("one"))
    service.world.objects.add(GARMENT, draw_png("two"))
    for request_id in ("a", "b"):
        service.send(full_naomi(request_id, imageId=f"{GARMENT}?versionId={first}"))
    service.send(full_naomi("c"))
    service.run()
    assert all_succeeded(service)
    assert service.world.hautech.uploads == 3


def test_the_same_bytes_in_another_place_are_known_by_their_content() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    service.world.objects.add(S3Uri("catalog", "raw/copy.png"), draw_png("raw/jacket.png"))
    for request_id in ("second", "third"):
        service.send(full_naomi(request_id, imageId="s3://catalog/raw/copy.png"))
        service.run()
    assert service.world.hautech.uploads == 2
    opened = [call for call in service.killer.calls if call == "objects.open"]
    assert len(opened) == 3, "the second time, the place of the copy is known, too"


def test_nothing_is_shared_between_accounts() -> None:
    service = Service()
    service.send(naomi("first"))
    service.run()
    service.world.hautech.account_name = "another"
    service.send(naomi("second"))
    service.run()
    assert service.world.hautech.uploads == 4
    assert ran(service, "prepare-pose") == 2


def test_what_hautech_is_about_to_forget_is_uploaded_anew() -> None:
    service = Service()
    service.world.hautech.image_ttl_s = 7 * 86_400.0
    service.send(full_naomi("first"))
    service.run()
    service.world.clock.advance(7 * 86_400.0 - 3_600.0)
    service.send(full_naomi("second"))
    service.run()
    assert service.world.hautech.uploads == 4
    assert all_succeeded(service)


def test_a_request_without_photos_in_s3_asks_the_cache_nothing() -> None:
    service = Service()
    ready = {
        "poseId": service.world.hautech.add_pose(),
        "imageId": service.world.hautech.add_image(draw_png("ready")),
    }
    service.send(body("naomi", input={"prompt": "a model", **ready}))
    service.run()
    assert not [call for call in service.killer.calls if call.startswith("assets.")]


def test_a_known_photo_costs_one_read_of_the_table() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    before = len(service.killer.calls)
    service.send(full_naomi("second"))
    service.run()
    asked = [call for call in service.killer.calls[before:] if call.startswith("assets.")]
    assert asked == ["assets.look", "assets.look"]


def test_switched_off_each_request_brings_and_pays_for_its_own() -> None:
    service = Service(reuses=False)
    for request_id in ("first", "second"):
        service.send(naomi(request_id))
        service.run()
    assert service.world.hautech.uploads == 4
    assert ran(service, "prepare-pose") == 2
    assert service.world.assets.keys() == []


def claim_all_uploads(service: Service, *, for_s: float) -> None:
    """Another job is uploading all that the first one brought."""
    at = service.world.clock.now()
    keys = service.world.assets.keys()
    for key in keys:
        asset = service.world.assets.look(key, at=at)
        service.world.assets.drop(key, asset.value, at=at)  # type: ignore[union-attr]
        claim = Claim(
            kind=AssetKind.UPLOAD, owner="another", since=at, until=at + timedelta(seconds=for_s)
        )
        assert service.world.assets.claim(key, claim, at=at) is None


def test_a_photo_that_another_job_is_uploading_is_waited_for_without_an_attempt() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    claim_all_uploads(service, for_s=100)
    service.send(full_naomi("second"))
    service.run_for(deliveries=3)
    waiting = job(service, "second")
    assert (waiting.state, waiting.failures) == (JobState.ACCEPTED, 0)
    assert service.world.hautech.uploads == 2
    service.run()  # whoever claimed it was killed: his time is up
    assert all_succeeded(service)
    assert service.world.hautech.uploads == 4


def test_a_request_that_would_be_moved_away_waits_for_nobody() -> None:
    service = Service(request_deliveries=4)
    service.send(full_naomi("first"))
    service.run()
    claim_all_uploads(service, for_s=100_000)
    service.send(full_naomi("second"))
    service.run()
    assert all_succeeded(service)


def test_an_upload_that_failed_holds_nobody_up() -> None:
    service = Service()
    works = service.world.hautech.upload
    failures = iter([ThrottledError("slow down", retry_after_s=600)])

    def upload(image: Any) -> Any:
        for error in failures:
            raise error
        return works(image)

    service.world.hautech.upload = upload  # type: ignore[method-assign]  # -- the fault to test
    service.send(full_naomi("first"))
    service.run_for(deliveries=1)
    assert service.world.assets.keys() == []


def test_a_cache_that_cannot_be_told_does_not_stop_a_job() -> None:
    service = Service()

    def publish(*_: Any, **__: Any) -> None:
        raise UnavailableError("the table is down")

    service.world.assets.publish = publish  # type: ignore[method-assign]  # -- the fault to test
    service.send(naomi("first"))
    service.run()
    assert all_succeeded(service)


# -- preparations ----------------------------------------------------------------------------


def test_many_garments_on_one_pose_prepare_the_pose_once() -> None:
    service = Service()
    for number, garment in enumerate(add_garments(service, 12)):
        service.send(naomi(f"sku-{number}", garment=garment))
    service.run()
    assert all_succeeded(service)
    assert len(service.world.store.all_jobs()) == 12
    assert (ran(service, "prepare-pose"), ran(service, "prepare-image")) == (1, 12)
    assert service.world.hautech.uploads == 13


def test_a_reused_pose_costs_the_job_nothing_and_is_in_its_result() -> None:
    service = Service()
    service.send(naomi("first"))
    service.run()
    service.send(naomi("second", seed=7))
    service.run()
    first, second = (
        next(event.data for event in service.events if event.data.request_id == one)
        for one in ("first", "second")
    )
    assert [one.step for one in first.pipelines] == ["prepare-pose", "prepare-image", "naomi"]
    assert [one.step for one in second.pipelines] == ["naomi"]
    assert first.result == second.result
    assert job(service, "second").step("prepare-pose").state is StepState.COMPLETED


@pytest.mark.parametrize(
    ("given", "poses", "garments"),
    [
        ({"aspectRatio": "1:1"}, 2, 1),
        ({"label": "another jacket"}, 1, 2),
        ({"prompt": "another prompt"}, 1, 1),
    ],
)
def test_only_what_the_result_depends_on_makes_another_preparation(
    given: dict[str, Any], poses: int, garments: int
) -> None:
    service = Service()
    service.send(naomi("first"))
    service.run()
    service.send(naomi("second", **given))
    service.run()
    assert (ran(service, "prepare-pose"), ran(service, "prepare-image")) == (poses, garments)
    assert ran(service, "naomi") == 2


def test_who_asks_for_a_preparation_gets_one_of_his_own() -> None:
    service = Service()
    for request_id in ("first", "second"):
        service.send(body("prepare-pose", requestId=request_id))
        service.run()
    assert ran(service, "prepare-pose") == 2
    assert service.world.hautech.uploads == 1


def test_a_preparation_that_fails_is_tried_by_the_next_job_at_once() -> None:
    service = Service()
    service.world.hautech.failures[PREPARE_POSE] = ("NO_POSE", "nobody stands there")
    service.send(naomi("first"))
    service.run()
    assert job(service, "first").state is JobState.FAILED
    service.world.hautech.failures.clear()
    began_at = service.world.clock.now()
    service.send(naomi("second"))
    service.run()
    assert job(service, "second").state is JobState.SUCCEEDED
    assert (service.world.clock.now() - began_at).total_seconds() < 60


def test_a_claim_is_over_when_its_owner_will_never_be_done() -> None:
    service = Service()
    service.send(naomi("first"))
    service.run_for(deliveries=1)
    service.world.polls.purge()
    service.world.requests.purge()
    service.send(naomi("second"))
    service.run()
    assert job(service, "second").state is JobState.SUCCEEDED
    assert ran(service, "prepare-pose") == 2


def test_while_one_preparation_is_waited_for_the_other_one_is_followed() -> None:
    """A job that waits for a garment publishes the pose that it prepared: others wait for that."""
    service = Service()
    service.world.hautech.durations_s[WORKFLOWS["prepare-image"].workflow_id] = 400.0
    service.send(naomi("first", aspectRatio="1:1"))
    service.run_for(deliveries=1)
    service.send(naomi("second"))
    service.run_for(deliveries=12)
    waiting = job(service, "second")
    assert waiting.step("prepare-pose").state is StepState.COMPLETED
    assert waiting.step("prepare-image").state is StepState.PLANNED
    service.run()
    assert all_succeeded(service)
    assert (ran(service, "prepare-pose"), ran(service, "prepare-image")) == (2, 1)


# -- vanished --------------------------------------------------------------------------------


def test_a_pose_that_vanished_is_prepared_again_once() -> None:
    service = Service()
    service.send(naomi("first"))
    service.run()
    service.world.hautech.forget(job(service, "first").step("prepare-pose").output["poseId"])
    service.send(naomi("second", seed=7))
    service.run()
    service.send(naomi("third", seed=8))
    service.run()
    assert all_succeeded(service)
    assert (ran(service, "prepare-pose"), ran(service, "prepare-image")) == (2, 1)
    assert ran(service, "naomi") == 4
    second = next(one.data for one in service.events if one.data.request_id == "second")
    assert [one.step for one in second.pipelines] == ["prepare-pose", "naomi", "naomi"]


@pytest.mark.parametrize("checks_input_at_once", [False, True])
def test_an_image_that_vanished_is_uploaded_again_once(checks_input_at_once: bool) -> None:
    service = Service()
    service.world.hautech.checks_input_at_once = checks_input_at_once
    service.send(full_naomi("first"))
    service.run()
    service.world.hautech.forget(str(job(service, "first").image(str(GARMENT)).image_id))
    service.send(full_naomi("second"))
    service.run()
    service.send(full_naomi("third"))
    service.run()
    assert all_succeeded(service)
    assert service.world.hautech.uploads == 3
    assert len(service.world.hautech.runs) == (3 if checks_input_at_once else 4)


@pytest.mark.parametrize(("said", "refusals"), [("Image {} not found", 1), ("Image not found", 3)])
def test_what_vanished_is_made_again_when_the_paid_call_answers_404(
    monkeypatch: pytest.MonkeyPatch, said: str, refusals: int
) -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    gone = str(job(service, "first").image(str(GARMENT)).image_id)
    run, answers = MemoryHautech.run, []

    def not_there(self: MemoryHautech, workflow_id: str, given: Any, metadata: Any) -> str:
        if given["imageId"] == gone:
            answers.append(gone)
            raise NotThereError(said.format(gone))
        return run(self, workflow_id, given, metadata)

    monkeypatch.setattr(MemoryHautech, "run", not_there)
    service.send(full_naomi("second"))
    service.run()
    assert all_succeeded(service)
    assert len(answers) == refusals, "what names nothing may be a moment's"
    assert len(service.world.hautech.runs) == 2


def test_what_vanishes_twice_fails_the_job_and_a_redrive_goes_on() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    works = service.world.hautech._bad_input
    service.world.hautech._bad_input = lambda given, _now: (  # type: ignore[method-assign,assignment]
        ("IMAGE_NOT_FOUND", f"no image {given['imageId']}")
    )
    service.send(full_naomi("second"))
    service.run()
    assert job(service, "second").state is JobState.FAILED
    assert len(service.world.hautech.runs) == 3, "the first one's, and two of the second"
    service.world.hautech._bad_input = works  # type: ignore[method-assign]
    service.redrive()
    service.run()
    assert job(service, "second").state is JobState.SUCCEEDED


def test_a_failure_that_names_nothing_reused_fails_as_ever() -> None:
    service = Service()
    service.send(full_naomi("first"))
    service.run()
    failure = ("MODEL", "out of luck")
    service.world.hautech.failures[WORKFLOWS["full-naomi"].workflow_id] = failure
    service.send(full_naomi("second"))
    service.run()
    assert job(service, "second").state is JobState.FAILED
    assert len(service.world.hautech.runs) == 2


def test_what_was_changed_in_a_photo_is_told_of_it_and_not_of_another_with_the_same_pixels() -> (
    None
):
    service = Service()
    pixels = plain()
    service.world.objects.add(S3Uri("catalog", "raw/coat.tif"), encoded(pixels, "TIFF"))
    lossless = encoded(pixels, "WEBP", lossless=True)
    service.world.objects.add(S3Uri("catalog", "raw/coat.webp"), lossless)
    for request_id, key in (
        ("tiff", "raw/coat.tif"),
        ("webp", "raw/coat.webp"),
        ("again", "raw/coat.webp"),
    ):
        service.send(full_naomi(request_id, imageId=f"s3://catalog/{key}"))
        service.run()
    told = {one.data.request_id: one.data.inputs[0] for one in service.events}
    assert {name: one.changes for name, one in told.items()} == {
        "tiff": ("TIFF saved as PNG",),
        "webp": ("WebP saved as PNG",),
        "again": ("WebP saved as PNG",),
    }
    assert len({one.image_id for one in told.values()}) == 1, (
        "the bytes that were sent are the same"
    )


# -- whose pipeline it is --------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"seed": 1}, {"label": "a white jacket"}])
def test_a_shared_image_is_no_proof_of_whose_a_pipeline_is(other: dict[str, Any]) -> None:
    """The list lost all keys, and another job ran with the same photos: it is not taken for ours."""
    service = Service()
    service.world.hautech.keeps_metadata = False
    service.send(full_naomi("first", **other))
    service.run()
    run, calls = service.world.hautech.run, iter([None])

    def lose(*args: Any) -> str:
        service.world.clock.advance(30.0)  # the other run is the nearer one by now
        pipeline_id = run(*args)
        for _ in calls:
            raise Killed("the answer is lost")
        return pipeline_id

    service.world.hautech.run = lose  # type: ignore[method-assign,assignment]  # -- the fault to test
    service.send(full_naomi("second"))
    service.run()
    assert all_succeeded(service)
    first, second = (job(service, one).steps[0].pipeline for one in ("first", "second"))
    assert first
    assert second
    assert second.adopted
    assert first.pipeline_id != second.pipeline_id
    assert len(service.world.hautech.runs) == 2


# -- poses of full-naomi ---------------------------------------------------------------------


def test_full_naomi_can_be_planned_to_share_its_pose() -> None:
    service = Service(shares_poses=True)
    for number, garment in enumerate(add_garments(service, 3)):
        service.send(full_naomi(f"sku-{number}", imageId=f"s3://catalog/{garment}", label="it"))
    service.run()
    assert all_succeeded(service)
    assert (ran(service, "prepare-pose"), ran(service, "naomi")) == (1, 3)
    assert ran(service, "full-naomi") == 0
    given = next(
        run.input
        for run in service.world.hautech.runs
        if run.metadata["hautechWorker"]["step"] == "naomi"
    )
    assert sorted(given) == ["imageId", "label", "poseId", "prompt", "seed"]


def test_full_naomi_with_ids_of_hautech_stays_one_pipeline() -> None:
    service = Service(shares_poses=True)
    ready = service.world.hautech.add_image(draw_png("ready"))
    service.send(full_naomi("first", imageId=ready))
    service.run()
    assert [one.name for one in job(service, "first").steps] == ["full-naomi"]


def test_the_plan_of_a_job_outlives_the_setting() -> None:
    service = Service(shares_poses=True)
    service.send(full_naomi("first"))
    service.run_for(deliveries=1)
    service.change_rules(shares_poses=False, reuses=False)
    service.run()
    assert all_succeeded(service)
    assert ran(service, "naomi") == 1
    assert replace(job(service, "first")).steps[-1].name == "naomi"
