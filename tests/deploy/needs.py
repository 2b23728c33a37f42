"""What needs a permission: each sends one thing and returns the request's id, or "" for no job."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from tests.deploy.orders import Desk
from tests.deploy.silent import carried_batch, silent_job, woken_job
from worker.jobs.job import JobState, StepState

DOOMED = "doomed"

_numbers = itertools.count(1)


def picture(desk: Desk) -> str:
    """A request that is made."""
    return desk.send(desk.full_naomi())[0]


def slow_picture(desk: Desk) -> str:
    """One whose pipeline is pending for longer than a function takes to start."""
    desk.stage.standin.set_options(durationSeconds=20)
    return picture(desk)


def doomed_picture(desk: Desk) -> str:
    """One whose pipeline fails."""
    fault = {"route": "workflows.run", "kind": "fail_run", "bodyContains": DOOMED}
    desk.stage.standin.add_fault(fault)
    document = {**desk.full_naomi()["input"], "prompt": DOOMED}
    return desk.send(desk.request("full-naomi", document))[0]


def picture_sent_twice(desk: Desk) -> str:
    """One whose message comes again while its pipeline runs."""
    request_id = slow_picture(desk)
    desk.stage.wait_for(lambda: _state(desk, request_id) is JobState.RUNNING)
    desk.send_again(request_id)
    return request_id


def picture_that_was_not_fetched(desk: Desk) -> str:
    """One whose message comes again after its pipeline has ended, before anybody has its picture."""
    return not_fetched(desk, picture)


def not_fetched(desk: Desk, begin: Callable[[Desk], str]) -> str:
    """The request that `begin` makes, left to the function for requests once its pipeline has ended."""
    fault = {"route": "images.download", "kind": "status", "times": -1}
    desk.stage.standin.add_fault(fault)
    request_id = begin(desk)
    desk.stage.wait_for(lambda: _has_ended(desk, request_id))
    desk.stage.enable("polls", is_on=False)
    desk.stage.standin.clear_faults()
    desk.send_again(request_id)
    return request_id


def old_version(desk: Desk) -> str:
    """A request for one version of a photo."""
    return desk.send(desk.request("prepare-image", {"imageId": _version_of(desk, desk.garment)}))[0]


def missing_photo(desk: Desk) -> str:
    """A request for a photo that is not there."""
    return desk.send(desk.request("prepare-image", {"imageId": f"{desk.garment}.gone"}))[0]


def no_json(desk: Desk) -> str:
    """A message that becomes no job."""
    desk.send(f'{{"requestId": "cut-short-{next(_numbers)}", ')
    return ""


def wrong_field(desk: Desk) -> str:
    """A message that becomes no job, and whose id is looked up."""
    desk.stage.submit(json.dumps({**desk.full_naomi(), "colour": "red"}))
    return ""


def woken(desk: Desk) -> str:
    """A job that a poll message has to carry from its beginning."""
    return woken_job(desk, desk.full_naomi())


def woken_old_version(desk: Desk) -> str:
    """The same for one version of a photo."""
    photo = _version_of(desk, desk.garment)
    return woken_job(desk, desk.request("prepare-image", {"imageId": photo}))


def silent(desk: Desk) -> str:
    """A job whose message was lost, and a run of reconcile."""
    request_id = silent_job(desk, desk.full_naomi())
    desk.stage.invoke("reconcile")
    return request_id


def refused_row(desk: Desk) -> str:
    """A row of a batch that becomes no job, and is marked."""
    row = {"batch": {"id": "no-batch", "row": next(_numbers)}}
    desk.stage.submit(json.dumps({**desk.full_naomi(), "colour": "red", "origin": row}))
    return ""


def batch(desk: Desk) -> str:
    """A batch of one row that is made and one that is bad."""
    return desk.send_batch(["7:10", "round"])


def old_batch(desk: Desk) -> str:
    """A batch that has been carried by one message for half a day."""
    desk.stage.standin.set_options(durationSeconds=20)
    return carried_batch(desk)


def survey(desk: Desk) -> str:
    """A run of reconcile that finds nothing and tells how things stand."""
    desk.stage.invoke("reconcile")
    return ""


def _state(desk: Desk, request_id: str) -> JobState | None:
    job = desk.stage.job(request_id)
    return job.state if job else None


def _has_ended(desk: Desk, request_id: str) -> bool:
    job = desk.stage.job(request_id)
    return job is not None and all(step.state is StepState.COMPLETED for step in job.steps)


def _version_of(desk: Desk, uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = desk.stage.aws.client("s3").list_object_versions(Bucket=bucket, Prefix=key)
    return f"{uri}?versionId={found['Versions'][0]['VersionId']}"
