"""The timeline and the bars are read out of the durable record alone."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.demo import timeline
from sandbox.demo.progress import progress
from worker.jobs import transitions
from worker.jobs.job import Binding, Failure, Job, SourceImage, Step

SENT = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
GARMENT, POSE = "s3://in/garment.png", "s3://in/pose.png"
EXPECTED_S = {"prepare-pose": 2.0, "prepare-image": 4.0, "naomi": 6.0}


def at(seconds: float) -> datetime:
    return SENT + timedelta(seconds=seconds)


def accepted() -> Job:
    names = ("prepare-pose", "prepare-image", "naomi")
    return transitions.accept(
        request_id="demo-naomi",
        request={"workflow": "naomi", "output": "s3://out/", "requestId": "demo-naomi"},
        content_digest="d",
        message_digest="m",
        steps=tuple(
            Step(name=name, workflow_id=name, input={}, bindings=(Binding(path=("x",)),))
            for name in names
        ),
        images=(SourceImage(uri=POSE), SourceImage(uri=GARMENT)),
        at=at(0.5),
    )


def uploaded(job: Job) -> Job:
    for number, uri in enumerate((POSE, GARMENT)):
        image = SourceImage(uri=uri, image_id=f"i-{number}")
        job = transitions.record_upload(job, image, because="uploaded", at=at(0.6 + number / 10))
    return job


def started(job: Job, name: str, begin_s: float) -> Job:
    job = transitions.intend(job, name, key=f"k-{name}", at=at(begin_s - 0.1))
    return transitions.start(job, name, pipeline_id=f"p-{name}", at=at(begin_s))


def completed(job: Job, name: str, end_s: float, seen_s: float) -> Job:
    return transitions.complete(
        job, name, output={}, credits_used="0.1", ended_at=at(end_s), at=at(seen_s)
    )


def preparing() -> Job:
    job = started(uploaded(accepted()), "prepare-pose", 1.0)
    return transitions.await_pipelines(
        started(job, "prepare-image", 1.2), because="first poll", at=at(1.3)
    )


def succeeded() -> Job:
    job = completed(preparing(), "prepare-pose", 3.0, 5.5)
    job = started(completed(job, "prepare-image", 5.2, 5.5), "naomi", 5.7)
    job = completed(job, "naomi", 11.7, 12.0)
    job = transitions.settle(job, event={}, failure=None, at=at(12.4))
    return transitions.finish(job, at=at(12.5))


def spans(job: Job) -> dict[str, list[tuple[float, float]]]:
    return {
        row.label: [(round(one.start_s, 3), round(one.end_s, 3)) for one in row.segments]
        for row in timeline.rows(job, SENT)
    }


def test_each_stage_and_each_pipeline_has_its_row_from_beginning_to_end() -> None:
    assert spans(succeeded()) == {
        "accept": [(0.0, 0.5)],
        "upload": [(0.5, 0.6), (0.6, 0.7)],
        "submit": [(0.9, 1.0), (1.1, 1.2), (5.6, 5.7)],
        "prepare-pose": [(1.0, 3.0), (3.0, 5.5)],
        "prepare-image": [(1.2, 5.2), (5.2, 5.5)],
        "naomi": [(5.7, 11.7), (11.7, 12.0)],
        "collect": [(12.0, 12.4)],
        "announce": [(12.4, 12.5)],
    }


def test_the_time_between_the_end_of_a_pipeline_and_its_poll_is_marked_as_waiting() -> None:
    rows = {row.label: row for row in timeline.rows(succeeded(), SENT)}

    assert [segment.is_wait for segment in rows["naomi"].segments] == [False, True]


def test_stages_that_have_not_begun_have_no_row() -> None:
    assert list(spans(accepted())) == ["accept"]


def test_a_failed_job_has_a_row_for_its_announcement() -> None:
    failure = Failure(code="x", message="y", stage="upload", retryable=False)
    job = transitions.settle(accepted(), event={}, failure=failure, at=at(1.0))

    assert spans(transitions.finish(job, at=at(1.5)))["announce"] == [(1.0, 1.5)]


def test_a_clock_that_differs_gives_no_negative_seconds() -> None:
    job = accepted()

    assert timeline.rows(job, at(9))[0].segments[0].end_s == 0
    assert timeline.duration_s(job, at(9)) == 0


def test_every_entry_of_the_history_is_told_with_its_reason() -> None:
    job = succeeded()

    told = timeline.moments(job, SENT)

    assert [moment.because for moment in told] == [entry.because for entry in job.history]
    assert (told[0].change, told[-1].change) == ("accepted", "announcing → succeeded")
    assert timeline.duration_s(job, SENT) == pytest.approx(12.5)


def test_the_bar_of_a_job_never_goes_back_and_ends_full() -> None:
    job = started(completed(completed(preparing(), "prepare-pose", 3.0, 5.5), "prepare-image", 5.2, 5.5), "naomi", 5.7)  # fmt: skip
    way = [
        (None, 0.1), (accepted(), 0.5), (uploaded(accepted()), 0.7), (preparing(), 1.3),
        (preparing(), 2.0), (preparing(), 5.4), (preparing(), 60.0), (job, 5.8), (job, 11.0),
        (completed(job, "naomi", 11.7, 12.0), 12.0), (succeeded(), 12.5),
    ]  # fmt: skip

    shares = [progress(one, now=at(now), expected_s=EXPECTED_S).share for one, now in way]

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("job", "word", "detail"),
    [
        (None, "queued", ""),
        (accepted(), "uploading", "pose.png"),
        (uploaded(accepted()), "submitting", ""),
        (preparing(), "running", "prepare-pose + prepare-image"),
        (succeeded(), "succeeded", ""),
    ],
)
def test_the_words_beside_the_bar_say_what_goes_on(job, word: str, detail: str) -> None:
    now = progress(job, now=at(2), expected_s=EXPECTED_S)

    assert (now.word, now.detail) == (word, detail)
