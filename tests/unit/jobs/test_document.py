"""A stored job comes back as it was."""

import json
from dataclasses import replace

import pytest

from tests.builders import NOON, at, given_up_job, new_job, running_job
from worker.jobs import transitions
from worker.jobs.document import JobDocumentError, from_document, to_document
from worker.jobs.job import Failure, Job, JsonObject, Lease
from worker.jobs.reopening import reopen

LEASE = Lease(owner="worker-1", until=NOON)


def settled() -> Job:
    job = running_job("naomi")
    job = transitions.complete(
        job,
        "prepare-pose",
        output={"poseId": "p", "none": None, "list": [1, None, "x"]},
        credits_used="0.04375",
        ended_at=at(9),
        at=at(10),
    )
    return transitions.settle(
        job, event={"data": {"error": None, "ä": "日本"}}, failure=None, at=NOON
    )


def redriven() -> Job:
    failure = Failure(code="pipeline.failed", message="-", stage="poll", retryable=True)
    job = transitions.settle(given_up_job(is_reported=True), event={}, failure=failure, at=NOON)
    job = transitions.finish(job, at=NOON)
    return reopen(job, because="-", at=at(20))


@pytest.mark.parametrize(
    "job", [new_job(), running_job(), running_job("naomi"), settled(), redriven()]
)
def test_a_job_survives_the_store(job: Job) -> None:
    stored = replace(job, version=7, lease=LEASE)
    assert from_document(to_document(stored), version=7, lease=LEASE) == stored


def test_version_and_lease_are_not_in_the_text() -> None:
    text = to_document(replace(new_job(), version=7, lease=LEASE))
    assert "worker-1" not in text
    assert from_document(text, version=1, lease=None).version == 1


def test_nulls_in_a_request_survive() -> None:
    job = replace(new_job(), request={"input": {"a": None}})
    assert from_document(to_document(job), version=0, lease=None).request == {"input": {"a": None}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"request_id"', '{"new":{"ä":[1,null]},"request_id"'),
        ('"steps":[{', '"steps":[{"new":{"ä":[1,null]},'),
    ],
)
def test_a_field_of_a_newer_release_is_kept_while_an_older_one_goes_on(
    before: str, after: str
) -> None:
    def moved(text: str) -> JsonObject:
        job = from_document(text, version=1, lease=None)
        job = transitions.await_pipelines(job, because="-", at=at(30))
        written: JsonObject = json.loads(to_document(job))
        return written

    older = to_document(running_job())
    assert before in older
    expected = moved(older)
    place = expected if before.startswith("{") else expected["steps"][0]
    place["new"] = {"ä": [1, None]}
    assert moved(older.replace(before, after, 1)) == expected


@pytest.mark.parametrize(
    "name",
    # The last three are known, but elsewhere: in the job, in a step, in a step's pipeline.
    ["paid_by", "steps.paid_by", "steps.images", "pipeline", "steps.pipeline.pipeline_id"],
)
def test_a_field_that_decides_keeps_an_older_release_away(name: str) -> None:
    newer = to_document(running_job()).replace("{", f'{{"must_understand":["state","{name}"],', 1)
    with pytest.raises(JobDocumentError, match=name):
        from_document(newer, version=1, lease=None)


def test_a_list_of_known_fields_that_decide_keeps_nobody_away() -> None:
    named = ["state", "steps.pipeline", "steps.state"]
    newer = to_document(running_job()).replace("{", f'{{"must_understand":{json.dumps(named)},', 1)
    job = from_document(newer, version=1, lease=None)
    assert json.loads(to_document(job))["must_understand"] == named


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000])
def test_a_number_that_could_not_be_written_back_keeps_a_release_away(number: str) -> None:
    newer = to_document(running_job()).replace("{", '{"new":[' + number + "],", 1)
    with pytest.raises(JobDocumentError, match="the stored job cannot be read"):
        from_document(newer, version=1, lease=None)


@pytest.mark.parametrize("number", ["1e308", "-0.1", "9" * 400, "12345678901234567890"])
def test_a_large_number_of_a_newer_release_is_written_back(number: str) -> None:
    newer = to_document(running_job()).replace("{", '{"new":[' + number + "],", 1)
    written = json.loads(to_document(from_document(newer, version=1, lease=None)))
    assert written["new"] == [json.loads(number)]


@pytest.mark.parametrize("names", ["5", '"x"', "{}", "null", "[[]]", "[5]"])
def test_a_list_of_fields_that_decide_which_is_none_is_refused(names: str) -> None:
    newer = to_document(running_job()).replace("{", '{"must_understand":' + names + ",", 1)
    with pytest.raises(JobDocumentError, match="must_understand"):
        from_document(newer, version=1, lease=None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"pipeline":{', '"pipeline":{"new":1,'),
        ('"state":"running"', '"state":"resting"'),
        ('{"request_id"', '{"kept":{"state":"accepted"},"request_id"'),
        ('"steps":[{', '"steps":[{"kept":{},'),
    ],
)
def test_what_is_new_anywhere_else_keeps_an_older_release_away(before: str, after: str) -> None:
    text = to_document(running_job())
    assert before in text
    with pytest.raises(JobDocumentError, match=r"new|state|kept"):
        from_document(text.replace(before, after, 1), version=1, lease=None)


def test_what_is_no_job_is_refused_with_the_place() -> None:
    with pytest.raises(JobDocumentError, match="steps"):
        from_document(
            to_document(new_job()).replace('"steps":[', '"steps":[1,'), version=1, lease=None
        )
