"""Derived names come out the same each time and differ where they must."""

from dataclasses import replace

from tests.builders import at, new_job
from worker.jobs.assets import AssetKind
from worker.jobs.keys import (
    claim_owner,
    content_key,
    event_id,
    place_key,
    preparation_key,
    refusal_event_id,
    rejection_event_id,
    submission_key,
)


def test_keys_are_the_same_each_time() -> None:
    assert submission_key(new_job(), "naomi") == submission_key(new_job(), "naomi")
    assert event_id(new_job(), "failed") == event_id(new_job(), "failed")
    assert rejection_event_id("x") == rejection_event_id("x")


def test_keys_differ_by_job_step_and_verdict() -> None:
    job = new_job()
    later = replace(job, accepted_at=at(1))
    keys = {
        submission_key(job, "naomi"),
        submission_key(job, "prepare-pose"),
        submission_key(later, "naomi"),
        event_id(job, "failed"),
        event_id(job, "succeeded"),
        rejection_event_id("x"),
        rejection_event_id("y"),
    }
    assert len(keys) == 7


def test_a_redriven_job_has_keys_of_its_own_and_others_keep_theirs() -> None:
    job = new_job()
    redriven = replace(job, redrives=1)
    assert event_id(job, "failed") == "aaf01d79b3ced5bd84156814a033375637ea8bf5"
    assert submission_key(job, "naomi") == "84d727556152d65add3cb1f7219da52b623eb2bc"
    assert event_id(redriven, "failed") != event_id(job, "failed")
    assert submission_key(redriven, "naomi") != submission_key(job, "naomi")
    assert event_id(redriven, "failed") != event_id(replace(job, redrives=2), "failed")


def test_what_came_too_late_is_told_under_one_id_as_a_message_and_as_a_job() -> None:
    job = new_job()
    late = event_id(job, "failed", "request.expired")
    assert late == refusal_event_id(job.request_id, job.content_digest)
    assert late != event_id(job, "failed", "image.missing")
    assert late == event_id(replace(job, accepted_at=at(1)), "failed", "request.expired")
    assert late != event_id(replace(job, redrives=1), "failed", "request.expired")


def test_assets_differ_by_account_kind_and_whatever_the_result_depends_on() -> None:
    pose, garment = AssetKind.POSE, AssetKind.GARMENT
    given = {"label": "a coat", "isHuman": False}
    keys = {
        place_key("a", "catalog", "raw/x.png", "1"),
        place_key("b", "catalog", "raw/x.png", "1"),
        place_key("a", "other", "raw/x.png", "1"),
        place_key("a", "catalog", "raw/y.png", "1"),
        place_key("a", "catalog", "raw/x.png", "2"),
        content_key("a", "00"),
        content_key("b", "00"),
        content_key("a", "01"),
        preparation_key("a", pose, "w", "00", {"aspectRatio": "7:10"}),
        preparation_key("a", pose, "w", "00", {"aspectRatio": "1:1"}),
        preparation_key("a", pose, "v", "00", {"aspectRatio": "7:10"}),
        preparation_key("b", pose, "w", "00", {"aspectRatio": "7:10"}),
        preparation_key("a", pose, "w", "01", {"aspectRatio": "7:10"}),
        preparation_key("a", garment, "w", "00", given),
        preparation_key("a", garment, "w", "00", {**given, "isHuman": True}),
        preparation_key("a", garment, "w", "00", {**given, "label": "a hat"}),
        preparation_key("a", garment, "w", "00", {}),
    }
    assert len(keys) == 17
    turned = dict(reversed(given.items()))
    assert preparation_key("a", garment, "w", "00", turned) in keys
    assert all("catalog" not in key for key in keys), "a key tells nothing but its kind"


def test_a_claim_belongs_to_the_job_whoever_carries_it() -> None:
    job = new_job()
    assert claim_owner(job) == claim_owner(replace(job, version=7, failures=3))
    assert claim_owner(job) != claim_owner(replace(job, accepted_at=at(1)))
