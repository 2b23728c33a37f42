"""What a request needs, and the next thing to do for a job in each situation."""

from dataclasses import replace
from typing import Any

import pytest

from tests.builders import NAOMI_INPUT, NOON, at, new_job, request, running_job, with_uploads
from worker.jobs import plan, transitions
from worker.jobs.job import Job

CUSTOM = "11111111-2222-4333-8444-555555555555"


def completed(job: Job, name: str, output: object) -> Job:
    return transitions.complete(
        job, name, output=output, credits_used="0.1", ended_at=NOON, at=NOON
    )


def test_full_naomi_is_one_step_with_two_images() -> None:
    job = new_job()
    assert [step.name for step in job.steps] == ["full-naomi"]
    assert [image.uri for image in job.images] == [
        "s3://catalog/poses/standing.png",
        "s3://catalog/raw/jacket.png",
    ]


def test_naomi_from_raw_images_prepares_both_first() -> None:
    steps = plan.plan_steps(request("naomi"))
    assert [step.name for step in steps] == ["prepare-pose", "prepare-image", "naomi"]
    assert steps[0].input == {"aspectRatio": "7:10"}
    assert steps[1].input == {"label": "a white jacket"}
    assert "aspectRatio" not in (steps[2].input or {})


def test_naomi_from_prepared_ids_is_one_step() -> None:
    given = {"poseId": "pose-1", "imageId": "prepared-1", "prompt": "a model"}
    (step,) = plan.plan_steps(request("naomi", input=given))
    assert step.input == given
    assert step.bindings == ()


def test_naomi_with_only_a_raw_pose_prepares_only_that() -> None:
    steps = plan.plan_steps(request("naomi", input={**NAOMI_INPUT, "imageId": "prepared-1"}))
    assert [step.name for step in steps] == ["prepare-pose", "naomi"]


def test_the_same_image_twice_is_uploaded_once() -> None:
    uri = "s3://catalog/raw/jacket.png"
    given: dict[str, Any] = {"imageId": uri, "nested": {"refIds": [uri, "s3://catalog/b.png"]}}
    job = new_job(CUSTOM, input=given)
    assert [image.uri for image in job.images] == [uri, "s3://catalog/b.png"]
    resolved = plan.resolved_input(with_uploads(job), with_uploads(job).steps[0])
    assert resolved == {
        "imageId": "id-of-jacket.png",
        "nested": {"refIds": ["id-of-jacket.png", "id-of-b.png"]},
    }
    assert given["nested"]["refIds"][0] == uri


def test_images_come_before_submission() -> None:
    job = new_job()
    assert plan.next_move(job, at=NOON) == plan.Upload("s3://catalog/poses/standing.png")
    assert plan.next_move(with_uploads(job), at=NOON) == plan.Submit("full-naomi")


def uploaded_at_noon(life_s: float) -> Job:
    job = with_uploads(new_job())
    images = (replace(image, uploaded_at=NOON, expires_at=at(life_s)) for image in job.images)
    return replace(job, images=tuple(images))


@pytest.mark.parametrize(
    ("life_s", "age_s", "is_forgotten"),
    [
        (7 * 86_400, 86_400, False),
        (7 * 86_400, 7 * 86_400 - 3_601, False),
        (7 * 86_400, 7 * 86_400 - 3_599, True),
        (3_600, 0, False),
        (3_600, 1_799, False),
        (3_600, 1_801, True),
        (60, 599, False),
        (-600, 599, False),
    ],
)
def test_an_upload_is_made_again_before_hautech_forgets_it_but_not_at_once(
    life_s: float, age_s: float, is_forgotten: bool
) -> None:
    move = plan.next_move(uploaded_at_noon(life_s), at=at(age_s))
    assert isinstance(move, plan.Upload) is is_forgotten


def test_an_unknown_answer_is_found_out_before_anything_else() -> None:
    job = with_uploads(new_job("naomi"))
    job = transitions.intend(job, "prepare-image", key="k", at=NOON)
    assert plan.next_move(job, at=NOON) == plan.FindOut("prepare-image")


def test_both_preparations_are_submitted_before_waiting() -> None:
    job = with_uploads(new_job("naomi"))
    for name in ("prepare-pose", "prepare-image"):
        assert plan.next_move(job, at=NOON) == plan.Submit(name)
        job = transitions.intend(job, name, key=name, at=NOON)
        job = transitions.start(job, name, pipeline_id=f"p-{name}", at=NOON)
    assert plan.next_move(job, at=NOON) == plan.Wait()


def test_naomi_runs_with_the_prepared_ids() -> None:
    job = completed(running_job("naomi"), "prepare-pose", {"poseId": "pose-9"})
    assert plan.next_move(job, at=NOON) == plan.Wait()
    job = completed(job, "prepare-image", {"preparedImageId": "image-9"})
    assert plan.next_move(job, at=NOON) == plan.Submit("naomi")
    resolved = plan.resolved_input(job, job.step("naomi"))
    assert (resolved["poseId"], resolved["imageId"]) == ("pose-9", "image-9")


def test_ids_that_were_sent_are_known_as_such() -> None:
    job = completed(running_job("naomi"), "prepare-pose", {"poseId": "pose-9"})
    job = completed(job, "prepare-image", {"preparedImageId": "image-9"})
    assert {"pose-9", "image-9", "id-of-jacket.png"} <= plan.sent_ids(job)


def test_own_ids_are_only_what_no_other_job_can_have_sent() -> None:
    job = with_uploads(new_job())
    assert plan.own_ids(job, job.steps[0]) == {"id-of-standing.png", "id-of-jacket.png"}
    raw = new_job("naomi", input={"poseId": "p", "imageId": "i", "prompt": "a model"})
    assert plan.own_ids(raw, raw.steps[0]) == frozenset()


def test_completed_steps_are_collected_and_a_settled_job_is_announced() -> None:
    job = completed(running_job(), "full-naomi", {"imageId": "x"})
    assert plan.next_move(job, at=NOON) == plan.Collect()
    job = transitions.settle(job, event={}, failure=None, at=NOON)
    assert plan.next_move(job, at=NOON) == plan.Announce()
    assert plan.next_move(transitions.finish(job, at=NOON), at=NOON) == plan.Nothing()
