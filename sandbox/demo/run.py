"""The demo itself: starts everything, sends four requests, watches them, keeps what they made."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.demo.collecting import copy_photos, job_report
from sandbox.demo.contact_sheet import contact_sheet
from sandbox.demo.output_folder import SHEET
from sandbox.demo.photos import Photos
from sandbox.demo.progress import progress
from sandbox.demo.report import DemoReport, Picture
from sandbox.demo.requests import PIPELINE_SECONDS, DemoRequest, demo_requests
from sandbox.demo.show import Show
from sandbox.local import LocalStack
from worker.jobs.job import Job

DEADLINE_S = 180.0
"""For all jobs: they take about 12 s, but the machine may be busy."""

STOPPING = "stopping: the worker puts down what it does, then AWS and Hautech end"
_LOOK_EVERY_S = 0.1


def run_demo(photos: Photos, folder: Path, show: Show) -> DemoReport:
    """Runs the demo and writes the contact sheet into the folder.

    Raises:
        EmulatorError, DeployError, LocalStackError: something local did not work.
        OSError: the folder cannot be written.
    """
    inputs = copy_photos(photos, folder)
    show.step("starting AWS (emulated), Hautech (a stand-in) and a worker")
    with LocalStack(standin_options={"durationSeconds": PIPELINE_SECONDS}) as stack:
        try:
            report = _use(stack, photos, inputs, folder, show)
        except BaseException:  # also a signal: stopping takes a few seconds, so say it
            show.step(STOPPING, after_trouble=True)
            raise
        show.step(STOPPING)
    (folder / SHEET).write_text(contact_sheet(report), encoding="utf-8", errors="replace")
    return report


def _use(
    stack: LocalStack, photos: Photos, inputs: dict[str, Picture], folder: Path, show: Show
) -> DemoReport:
    """What a user of the service does: photos to S3, requests to SQS, pictures and events back."""
    stack.wait_until_receiving()
    show.step("putting two photos into S3")
    requests = demo_requests(
        photos,
        garment_uri=stack.upload(photos.garment.path, f"raw/garment{photos.garment.extension}"),
        pose_uri=stack.upload(photos.pose.path, f"poses/pose{photos.pose.extension}"),
        output_uri=f"s3://{stack.outputs.output_bucket_name}/generated/",
    )
    show.step("sending four requests and following them")
    started_at = datetime.now(UTC)
    sent_at = {}
    for request in requests:
        sent_at[request.request_id] = datetime.now(UTC)
        stack.submit(request.message)
    jobs, events = _follow(stack, requests, show)
    duration_s = (datetime.now(UTC) - started_at).total_seconds()
    show.step("collecting the pictures")
    reports = [
        job_report(
            stack,
            request,
            jobs.get(request.request_id),
            events.get(request.request_id),
            sent_at=sent_at[request.request_id],
            inputs=inputs,
            folder=folder,
        )
        for request in requests
    ]
    return DemoReport(
        jobs=tuple(reports),
        started_at=started_at,
        duration_s=duration_s,
        photos_are_drawn=photos.garment_is_drawn and photos.pose_is_drawn,
    )


def _follow(
    stack: LocalStack, requests: tuple[DemoRequest, ...], show: Show
) -> tuple[dict[str, Job], dict[str, dict[str, Any]]]:
    """Shows the jobs until each is over and announced; their records and events by request id.

    Those that are not over at the deadline are left out of the events.
    """
    jobs: dict[str, Job] = {}
    events: dict[str, dict[str, Any]] = {}
    names = [request.request_id for request in requests]
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        stack.check()
        for name in names:
            if name not in jobs or not jobs[name].state.is_final:
                record = stack.job(name)
                if record is not None:
                    jobs[name] = record
        for event in stack.receive_events():
            events[str(event.get("subject"))] = event
        now = datetime.now(UTC)
        show.jobs(
            [
                (name, progress(jobs.get(name), now=now, expected_s=PIPELINE_SECONDS))
                for name in names
            ]
        )
        if all(name in events and name in jobs and jobs[name].state.is_final for name in names):
            break
        time.sleep(_LOOK_EVERY_S)
    return jobs, events
