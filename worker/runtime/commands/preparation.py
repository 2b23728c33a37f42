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
from worker.contracts.request import Request, content_digest, parse_request
from worker.errors import InvalidRequestError, MalformedRequestError, Problem, WorkerError
from worker.runtime.commands.drafts import Draft
from worker.runtime.commands.photos import Photo, PhotoShelf, missing_photos, stems
from worker.runtime.commands.services import Services
from worker.runtime.commands.wording import moment

_ODD = re.compile("[^A-Za-z0-9._-]+")
_STEM_CHARACTERS = 60
_READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Ready:
    """One valid request: `body` is the message, `digest` what makes it the same or another one."""

    request: Request
    body: str
    digest: str


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
    repeated: int = 0
    """Drafts that were the same request as an earlier one."""


def prepare(
    drafts: Sequence[Draft],
    shelf: PhotoShelf,
    *,
    output: str,
    input_buckets: frozenset[str],
    output_buckets: frozenset[str],
) -> Batch:
    """Completes and checks the drafts. Nothing is sent or uploaded.

    Args:
        drafts: What was asked for.
        shelf: Reads the photos.
        output: Where the pictures of a request go that does not say it itself.
        input_buckets: Where images may come from.
        output_buckets: Where pictures may go.
    """
    batch = Batch()
    by_id: dict[str, Ready] = {}
    for draft in drafts:
        document, photos, problems = shelf.settle(draft.document, draft.folder)
        document = _completed(document, output)
        ready, more = _checked(document, input_buckets, output_buckets)
        problems += [one for one in more if one.field not in {known.field for known in problems}]
        batch.findings += [Finding(draft.label, problem) for problem in problems]
        if ready is None or problems:
            continue
        known = by_id.setdefault(ready.request.request_id, ready)
        if known is ready:
            batch.ready.append(ready)
            batch.photos.update({str(photo.uri): photo for photo in photos})
        elif known.digest == ready.digest:
            batch.repeated += 1
        else:
            rule = "stands for another request above; an id belongs to one content only"
            problem = Problem("requestId", ready.request.request_id, rule, "give each its own")
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
            job = services.store.load(one.request.request_id)
        except WorkerError:
            is_unreadable.set()  # a thousand requests must not wait for a thousand refusals
            return None
        if job is None or job.content_digest == one.digest:
            return None
        rule = (
            f"belongs to a job with other content already (accepted {moment(job.accepted_at)}, "
            f"{job.state.value}), so a worker would refuse it"
        )
        fix = "give another requestId, or leave it out to have one made from the content"
        return Finding("", Problem("requestId", one.request.request_id, rule, fix))

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


def _completed(document: dict[str, Any], output: str) -> dict[str, Any]:
    completed = dict(document)
    if completed.get("output") is None:
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
    try:
        request = parse_request(body, input_buckets=input_buckets, output_buckets=output_buckets)
    except InvalidRequestError as error:
        return None, list(error.problems)
    except MalformedRequestError as error:
        return None, [Problem("the message", "", error.message)]
    return Ready(request, body, content_digest(request)), []
