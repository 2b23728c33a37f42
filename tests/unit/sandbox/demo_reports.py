"""Builders of demo reports for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.demo.report import DemoReport, JobReport, Moment, Picture, Row, Segment

STARTED = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)

GARMENT = Picture(
    file="photos/garment.png", caption="Garment photo", note="0.1 MB", width=832, height=1200
)
OUTPUT = Picture(file="pictures/demo-full-naomi.png", caption="Out", width=832, height=1200)


def an_event(request_id: str = "demo-full-naomi", **changes: Any) -> dict[str, Any]:
    return {
        "id": "9f2c",
        "type": "ai.hautech.generation.succeeded",
        "subject": request_id,
        "data": {
            "requestId": request_id,
            "status": "succeeded",
            "outputs": [],
            "result": {},
            "pipelines": [{"step": "full-naomi", "pipelineId": "p-1", "credits": "0.04375"}],
            "error": None,
            "metadata": {},
            **changes,
        },
    }


def a_job(**changes: Any) -> JobReport:
    job = JobReport(
        title="Full Naomi",
        explanation="One pipeline.",
        request={
            "requestId": "demo-full-naomi",
            "workflow": "full-naomi",
            "input": {"prompt": "A model in a jacket", "seed": 42, "aspectRatio": "7:10"},
            "output": "s3://out/generated/",
        },
        event=an_event(),
        inputs=(GARMENT,),
        outputs=(OUTPUT,),
        rows=(
            Row(
                stage="pipeline",
                label="full-naomi",
                segments=(Segment(start_s=1.0, end_s=4.0, text="pipeline p-1"),),
            ),
        ),
        moments=(Moment(at_s=0.1, subject="job", change="accepted", because="valid request"),),
        duration_s=5.0,
    )
    return replace(job, **changes)


def a_report(*jobs: JobReport, **changes: Any) -> DemoReport:
    report = DemoReport(jobs=jobs or (a_job(),), started_at=STARTED, duration_s=9.84)
    return replace(report, **changes)
