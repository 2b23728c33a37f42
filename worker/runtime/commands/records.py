"""Jobs as JSON for scripts: the names of the result event where it has them, else the record's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from worker.contracts.fields import rfc3339
from worker.jobs.job import Failure, HistoryEntry, Job, SourceImage, Step
from worker.ports.jobs import JobSummary

JsonObject = dict[str, Any]


def summary_json(summary: JobSummary) -> JsonObject:
    """One line of `jobs --json`."""
    return {
        "requestId": summary.request_id,
        "state": summary.state.value,
        "workflow": summary.workflow,
        "updatedAt": rfc3339(summary.updated_at),
    }


def job_json(job: Job) -> JsonObject:
    """`job ID --json`: the record of a job, its history last."""
    data = (job.event or {}).get("data") or {}
    return {
        "requestId": job.request_id,
        "state": job.state.value,
        "workflow": job.workflow,
        "acceptedAt": rfc3339(job.accepted_at),
        "updatedAt": rfc3339(job.updated_at),
        "failures": job.failures,
        "redrives": job.redrives,
        "reopenedAt": _time(job.reopened_at),
        "error": _failure(job.failure),
        "outputs": data.get("outputs") or [],
        "result": data.get("result") or {},
        "steps": [_step(step) for step in job.steps],
        "images": [_image(image) for image in job.images],
        "request": job.request,
        "event": job.event,
        "history": list(_history(job)),
    }


def _failure(failure: Failure | None) -> JsonObject | None:
    if failure is None:
        return None
    return {
        "code": failure.code,
        "message": failure.message,
        "stage": failure.stage,
        "retryable": failure.retryable,
    }


def _step(step: Step) -> JsonObject:
    run = step.pipeline
    return {
        "name": step.name,
        "workflowId": step.workflow_id,
        "state": step.state.value,
        "pipelineId": run.pipeline_id if run else None,
        "adopted": run.adopted if run else False,
        "submittedAt": _time(run.submitted_at if run else None),
        "endedAt": _time(run.ended_at if run else None),
        "credits": run.credits if run else None,
        "earlierPipelineIds": [one.pipeline_id for one in step.earlier],
        "runCalls": step.submission.calls if step.submission else 0,
        "output": step.output,
    }


def _image(image: SourceImage) -> JsonObject:
    return {
        "uri": image.uri,
        "imageId": image.image_id,
        "bytes": image.size_bytes,
        "width": image.width_px,
        "height": image.height_px,
    }


def _history(job: Job) -> Iterator[JsonObject]:
    for entry in job.history:
        yield _entry(entry)


def _entry(entry: HistoryEntry) -> JsonObject:
    return {
        "at": rfc3339(entry.at),
        "what": entry.subject,
        "from": entry.before,
        "to": entry.after,
        "because": entry.because,
        "attempt": entry.attempt,
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
