"""From drafts to requests that keep every rule of the contract, with ids, all problems told at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from worker.contracts.json_text import canonical_json
from worker.contracts.presets import PRESET, Presets, with_preset
from worker.contracts.request import content_digest, parse_request
from worker.errors import InvalidRequestError, MalformedRequestError, Problem, WorkerError
from worker.runtime.commands.drafts import POSE_FIELD, POSE_FIELDS, Draft
from worker.runtime.commands.photos import Photo, PhotoShelf, missing_photos, stems
from worker.runtime.commands.services import Services
from worker.runtime.commands.wording import moment

_ODD = re.compile("[^A-Za-z0-9._-]+")
_STEM_CHARACTERS = 60
_READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Ready:
    """One valid request: `body` is the message, `digest` what makes it the same or another one.

    A request whose preset only the worker knows has no digest, and "" for what the preset says.
    """

    request_id: str
    workflow: str
    output: str
    body: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a draft; `label` says with which, or is ""."""

    label: str
    problem: Problem


@dataclass(slots=True)
class Batch:
    """What became of some drafts."""

    ready: list[Ready] = field(default_factory=list)
    photos: dict[str, Photo] = field(default_factory=dict)
    """Photos that the requests need, by their URI."""
    findings: list[Finding] = field(default_factory=list)
    unresolved: int = 0
    """Requests whose preset only the worker knows: they could be checked in part."""
    repeated: int = 0
    """Drafts that were the same request as an earlier one."""


def prepare(
    drafts: Sequence[Draft],
    shelf: PhotoShelf,
    *,
    output: str | None,
    usual_output: str,
    presets: Presets | None,
    input_buckets: frozenset[str],
    output_buckets: frozenset[str],
) -> Batch:
    """Completes and checks the drafts. Nothing is sent or uploaded.

    Args:
        drafts: What was asked for.
        shelf: Reads the photos.
        output: Where the pictures of a request go that does not say it itself, nor its preset.
        usual_output: The same, where nobody says it.
        presets: What presets say; None if nobody here knows.
        input_buckets: Where images may come from.
        output_buckets: Where pictures may go.
    """
    batch = Batch()
    by_id: dict[str, Ready] = {}
    for draft in drafts:
        document, photos, problems = shelf.settle(draft.document, draft.folder)
        document, more = _resolved(document, presets, asks_preset=draft.asks_preset)
        is_open = document.get(PRESET) is not None
        document = _completed(document, output or (None if is_open else usual_output))
        ready, found = _checked(document, input_buckets, output_buckets)
        if more:  # the preset is no help: what it might have said is not known to be missing
            found = [problem for problem in found if "is required" not in problem.rule]
        more += found
        problems += [one for one in more if one.field not in {known.field for known in problems}]
        batch.findings += [Finding(draft.label, problem) for problem in problems]
        if ready is None or problems:
            continue
        known = by_id.setdefault(ready.request_id, ready)
        if known is ready:
            batch.ready.append(ready)
            batch.unresolved += ready.digest is None
            batch.photos.update({str(photo.uri): photo for photo in photos})
        elif (known.digest or known.body) == (ready.digest or ready.body):
            batch.repeated += 1
        else:
            rule = "stands for another request above; an id belongs to one content only"
            problem = Problem("requestId", ready.request_id, rule, "give each its own")
            batch.findings.append(Finding(draft.label, problem))
    return batch


def missing_of(drafts: Sequence[Draft]) -> list[Finding]:
    """Photos that do not exist: all that can be said of drafts before the settings are known."""
    return [
        Finding(draft.label, problem)
        for draft in drafts
        for problem in missing_photos(draft.document, draft.folder)
    ]


def conflicts_of(batch: Batch, services: Services) -> list[Finding]:
    """Requests whose id belongs to a job with other content, as far as the records can be read.

    A worker would refuse them. Without the table's name, or the permission, nothing is found.
    """
    if not services.settings.job_table:
        return []

    is_unreadable = Event()

    def check(one: Ready) -> Finding | None:
        if is_unreadable.is_set():
            return None
        try:
            job = services.store.load(one.request_id)
        except WorkerError:
            is_unreadable.set()  # a thousand requests must not wait for a thousand refusals
            return None
        if job is None or one.digest in (None, job.content_digest):
            return None
        rule = (
            f"belongs to a job with other content already (accepted {moment(job.accepted_at)}, "
            f"{job.state.value}), so a worker would refuse it"
        )
        fix = "give another requestId, or leave it out to have one made from the content"
        return Finding("", Problem("requestId", one.request_id, rule, fix))

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return [found for found in pool.map(check, batch.ready) if found]


def default_request_id(document: dict[str, Any]) -> str:
    """A readable id that is the same for the same content: `jacket-1f0c9a3b`.

    The name is that of the garment's photo, else of another photo, else the workflow's.
    """
    rest = {name: value for name, value in document.items() if name != "requestId"}
    digest = hashlib.sha256(canonical_json(rest).encode("utf-8", "surrogatepass")).hexdigest()
    names = [*stems(document), str(document.get("workflow", ""))]
    readable = next(filter(None, (_ODD.sub("-", name).strip("-.") for name in names)), "request")
    return f"{readable[:_STEM_CHARACTERS]}-{digest[:8]}"


def _resolved(
    document: dict[str, Any], presets: Presets | None, *, asks_preset: bool
) -> tuple[dict[str, Any], list[Problem]]:
    """The document with its preset below it, where that is known. What was checked is sent."""
    if document.get(PRESET) is None or presets is None:
        return document, []
    try:
        resolved = with_preset(document, presets)
    except InvalidRequestError as error:
        without = {name: value for name, value in document.items() if name != PRESET}
        return without, list(error.problems)
    field = POSE_FIELDS.get(str(resolved.get("workflow"))) if asks_preset else None
    return (with_preset(_with_pose_as(document, field), presets) if field else resolved), []


def _with_pose_as(document: dict[str, Any], field: str) -> dict[str, Any]:
    """The document with the pose that was given in another field of its input."""
    given = {
        field if name == POSE_FIELD else name: value
        for name, value in document.get("input", {}).items()
    }
    return {**document, "input": given}


def _completed(document: dict[str, Any], output: str | None) -> dict[str, Any]:
    completed = dict(document)
    if output is not None and completed.get("output") is None:
        completed["output"] = output
    if completed.get("requestId") is None:
        completed = {"requestId": default_request_id(completed), **_without_id(completed)}
    return completed


def _without_id(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "requestId"}


def _checked(
    document: dict[str, Any], input_buckets: frozenset[str], output_buckets: frozenset[str]
) -> tuple[Ready | None, list[Problem]]:
    body = json.dumps(document, ensure_ascii=False)
    without = {name: value for name, value in document.items() if name != PRESET}
    is_open = document.get(PRESET) is not None
    try:
        request = parse_request(
            json.dumps(without, ensure_ascii=False) if is_open else body,
            input_buckets=input_buckets,
            output_buckets=output_buckets,
        )
    except InvalidRequestError as error:
        # What is missing, the preset may say.
        problems = [one for one in error.problems if not (is_open and "is required" in one.rule)]
        if problems or not is_open:
            return None, problems
    except MalformedRequestError as error:
        return None, [Problem("the message", "", error.message)]
    else:
        if not is_open:
            digest = content_digest(request)
            ready = Ready(request.request_id, request.workflow, request.output, body, digest)
            return ready, []
    given = {name: str(document.get(name) or "") for name in ("requestId", "workflow", "output")}
    return Ready(given["requestId"], given["workflow"], given["output"], body, None), []
