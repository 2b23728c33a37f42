"""A job as the JSON text that is stored, and back, without loss.

`version` and `lease` are not in the text: the store keeps them as fields of their own, since
its conditional writes compare them.

Releases read each other's records, so that workers of both can run side by side and an upgrade can
be taken back. A field of the job or of a step that this release does not know is kept as it is and
written back. A newer release that decides by a field (which runs were paid for, say) names it in
`must_understand` of the record: who does not know it leaves the job alone. So is a job left alone
with an unknown field or value anywhere else, or with a number in it that could not be written back.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from worker.contracts.json_text import decode_strictly
from worker.errors import WorkerError
from worker.jobs.job import Job, JsonObject, Lease, Step

_JOB: TypeAdapter[Job] = TypeAdapter(Job)
_JOB_FIELDS: Final = frozenset(field.name for field in fields(Job)) - {"kept"}
_STEP_FIELDS: Final = frozenset(field.name for field in fields(Step)) - {"kept"}
_UNDERSTOOD: Final = _JOB_FIELDS | {f"steps.{name}" for name in _STEP_FIELDS}

MUST_UNDERSTAND: Final = "must_understand"
"""Fields without which nobody may go on with the job: a list of `FIELD` or, of a step, `steps.FIELD`."""


class JobDocumentError(WorkerError):
    """A stored job cannot be read by this release; the one that wrote it can."""


def to_document(job: Job) -> str:
    """The job as JSON text, without its version and lease."""
    bare = replace(job, version=0, lease=None)
    if not _has_kept(job):
        return _JOB.dump_json(bare, exclude_defaults=True).decode()
    record: JsonObject = _JOB.dump_python(bare, mode="json", exclude_defaults=True)
    for part in (record, *record["steps"]):
        part.update(part.pop("kept", {}))
    return json.dumps(record, ensure_ascii=False)


def from_document(text: str | bytes, *, version: int, lease: Lease | None) -> Job:
    """The job that `to_document` of this release, or of one before or after it, wrote.

    Raises JobDocumentError for anything else.
    """
    try:
        job = _JOB.validate_json(text, extra="forbid")
    except ValidationError as error:
        job = _of_newer_release(text, error)
    else:
        if _has_kept(job):  # the word is ours: in a text it would pass for what was set aside
            raise _unreadable(("kept",))
    return replace(job, version=version, lease=lease)


def _has_kept(job: Job) -> bool:
    return job.kept is not None or any(step.kept is not None for step in job.steps)


def _of_newer_release(text: str | bytes, error: ValidationError) -> Job:
    """The job with what is not known set aside, if that is all that is wrong with the text."""
    problems = error.errors(include_url=False, include_input=False)
    unknown = [problem["loc"] for problem in problems if _is_unknown_field(problem)]
    if len(unknown) < len(problems):
        raise _unreadable(problems[0]["loc"])
    record = _record(text)
    _check_understood(record.get(MUST_UNDERSTAND, []))
    _set_aside(record, _JOB_FIELDS)
    for step in record["steps"]:
        _set_aside(step, _STEP_FIELDS)
    try:
        return _JOB.validate_python(record, extra="forbid")
    except ValidationError as deeper:
        raise _unreadable(deeper.errors()[0]["loc"]) from deeper


def _record(text: str | bytes) -> JsonObject:
    try:
        record: JsonObject = decode_strictly(text if isinstance(text, str) else text.decode())
    except ValueError as error:
        # JSON has no word for what such a number becomes, so it would be written back as null.
        raise JobDocumentError(f"the stored job cannot be read: {error}") from error
    return record


def _check_understood(names: object) -> None:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _unreadable((MUST_UNDERSTAND,))
    for name in names:
        if name not in _UNDERSTOOD:
            raise _unreadable((name,))


def _is_unknown_field(problem: ErrorDetails) -> bool:
    # pydantic's word for a field that a dataclass does not have.
    return problem["type"] == "unexpected_keyword_argument"


def _set_aside(part: JsonObject, known: frozenset[str]) -> None:
    kept = {name: part.pop(name) for name in sorted(part.keys() - known)}
    if kept:
        part["kept"] = kept


def _unreadable(place: tuple[Any, ...]) -> JobDocumentError:
    where = ".".join(str(part) for part in place)
    return JobDocumentError(f"the stored job cannot be read: {where}")
