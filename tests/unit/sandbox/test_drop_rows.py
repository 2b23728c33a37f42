"""How a dropped file stands is told from the jobs that were made of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.drop.outlook import Kind, Outlook
from sandbox.drop.results import Words
from sandbox.drop.rows import Row, row
from tests.builders import NOON, at, running_job
from worker.batches.batch import Batch, Tally
from worker.batches.states import BatchState, RowMark
from worker.jobs.job import Failure, Job, JobState

ONE = Outlook(kind=Kind.PHOTO, rule="garments", rests_s=2, request_ids=("coat-1",))
TWO = replace(ONE, request_ids=("coat-1", "coat-2"))
LIST = Outlook(kind=Kind.LIST, rule="lists", batch_id="autumn-1")
ERROR = "s3://shop/pictures/coat.error.json"


class Brought:
    """Everything has come, but for what `missing` names."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def file_of(self, uri: str) -> Path | None:
        return None if uri in self.missing else Path(uri.removeprefix("s3://shop/"))

    def words_of(self, uri: str) -> Words | None:
        return None if uri in self.missing else Words("It is no photo.", "Save it again.")


def succeeded(request_id: str = "coat-1") -> Job:
    event = {"data": {"outputs": [{"uri": f"s3://shop/pictures/{request_id}.png"}]}}
    job = replace(running_job(), request_id=request_id)
    return replace(job, state=JobState.SUCCEEDED, event=event)


def failed(request_id: str = "coat-1") -> Job:
    failure = Failure(
        code="image.unreadable", message="begins with 54", stage="upload", retryable=False
    )
    job = running_job()
    drop = {"source": "s3://catalog/inbox/coat.jpg", "rule": "garments", "error": ERROR}
    request = {**job.request, "origin": {"drop": drop}}
    changes = {"request_id": request_id, "state": JobState.FAILED, "failure": failure}
    return replace(job, request=request, event={"data": {}}, **changes)  # type: ignore[arg-type] # all of them fields of a job


def told(
    outlook: Outlook = ONE,
    *jobs: Job,
    after_s: float = 3,
    batch: Batch | None = None,
    **changes: Any,
) -> Row:
    return row(
        "coat.jpg",
        outlook,
        put_at=NOON,
        now=at(after_s),
        jobs={job.request_id: job for job in jobs},
        batch=batch,
        brought=changes.get("brought", Brought()),
        pipeline_s=3.0,
    )


def a_batch(**changes: Any) -> Batch:
    batch = Batch(
        batch_id="autumn-1",
        message={},
        content_digest="",
        accepted_at=NOON,
        updated_at=NOON,
        carried_at=NOON,
        state=BatchState.OPEN,
        tally=Tally(),
    )
    return replace(batch, **changes)


def test_a_photo_rests_and_is_queued_then() -> None:
    assert told(after_s=1).word == "resting"
    assert told(after_s=3).word == "queued"
    assert not told(after_s=3).is_over


def test_a_photo_whose_job_runs_says_what_runs() -> None:
    now = told(ONE, replace(running_job(), request_id="coat-1"))

    assert (now.word, now.is_over) == ("running", False)
    assert "full-naomi" in now.detail


def test_a_photo_is_over_when_all_its_pictures_are_there() -> None:
    half, whole = told(TWO, succeeded()), told(TWO, succeeded(), succeeded("coat-2"))

    assert (half.is_over, half.files) == (False, ("pictures/coat-1.png",))
    assert "1 of 2 done" in half.detail
    assert (whole.word, whole.is_over) == ("done", True)
    assert whole.files == ("pictures/coat-1.png", "pictures/coat-2.png")


def test_a_failure_is_told_in_the_plain_words_of_its_document() -> None:
    now = told(ONE, failed())

    assert (now.word, now.detail, now.is_over) == ("failed", "It is no photo.", True)
    assert now.files == ("pictures/coat.error.json",)
    assert now.reasons == ("It is no photo. Save it again.",)


def test_two_failures_of_one_photo_for_one_reason_are_told_once() -> None:
    assert told(TWO, failed(), failed("coat-2")).reasons == ("It is no photo. Save it again.",)


def test_a_failure_without_a_document_is_told_in_the_words_of_the_record() -> None:
    assert told(ONE, failed(), brought=Brought(ERROR)).detail == "begins with 54"


def test_one_failed_picture_of_two_is_a_failure() -> None:
    assert told(TWO, succeeded("coat-2"), failed()).word == "failed"


def test_a_drop_that_becomes_no_request_waits_for_its_document() -> None:
    broken = replace(ONE, request_ids=(), problem="input: must be an object", error=ERROR)

    assert not told(broken, brought=Brought(ERROR)).is_over
    assert told(broken).files == ("pictures/coat.error.json",)
    assert told(broken).is_over
    assert told(replace(broken, error=None)).is_over


def test_a_list_counts_its_rows_until_its_results_are_there() -> None:
    data = {"counts": {"rows": 3, "succeeded": 2, "refused": 1}, "results": "s3://shop/r.jsonl"}
    done = a_batch(state=BatchState.DONE, rows=3, event={"data": data})

    assert told(LIST, batch=a_batch()).detail == "counting its rows"
    assert told(LIST, batch=a_batch(rows=3, over=1)).detail == "1 of 3 rows"
    assert not told(LIST, batch=a_batch(rows=3, over=3)).is_over
    now = told(LIST, batch=done)
    assert (now.word, now.detail) == ("done", "3 rows: 2 succeeded, 1 refused")
    assert (now.files, now.is_over) == (("r.jsonl",), True)


def test_a_list_says_why_its_rows_were_refused() -> None:
    marks = [RowMark(row=n, line=n + 1, code="request.invalid", message="no seed") for n in (1, 2)]
    data = {"counts": {"rows": 2, "refused": 2}, "results": None}
    batch = a_batch(state=BatchState.DONE, event={"data": data}, first_bad=tuple(marks), bad=9)

    assert told(LIST, batch=batch).reasons == (
        "line 2: no seed",
        "line 3: no seed",
        "and 4 more, see the list of results",
    )


def test_a_list_that_cannot_be_used_says_why() -> None:
    data = {"counts": {"rows": 0}, "error": {"message": "manifest: it has no rows"}}
    batch = a_batch(state=BatchState.DONE, event={"data": data})
    now = told(LIST, batch=batch)

    assert (now.word, now.detail) == ("failed", "manifest: it has no rows")
    assert now.reasons == ("manifest: it has no rows",)
    with_document = told(replace(LIST, error=ERROR), batch=batch)
    assert with_document.files == ("pictures/coat.error.json",)
    assert with_document.reasons[-1] == "It is no photo. Save it again."


def test_a_list_without_a_single_picture_has_failed() -> None:
    data = {"counts": {"rows": 1, "refused": 1}, "results": None}

    assert told(LIST, batch=a_batch(state=BatchState.DONE, event={"data": data})).word == "failed"


def test_a_sidecar_and_what_no_rule_takes_are_over_at_once() -> None:
    sidecar = told(Outlook(kind=Kind.SIDECAR, rule="garments"))
    nothing = told(Outlook(kind=Kind.NOTHING, problem="no rule takes it"))

    assert (sidecar.word, sidecar.is_over) == ("read", True)
    assert (nothing.word, nothing.detail, nothing.is_over) == ("ignored", "no rule takes it", True)
