"""Every name that must come out the same each time: submissions, events, outputs, assets.

A name that is derived, not drawn, is what makes a repetition harmless: the second attempt
overwrites the same object, announces the same event and finds the same pipeline.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from worker.errors import RequestExpiredError
from worker.jobs.assets import AssetKind
from worker.jobs.job import Job, JsonObject

_EXPIRED = RequestExpiredError.code


def submission_key(job: Job, step: str) -> str:
    """The key that a step's run carries in its metadata (40 hex digits).

    It names the job, not only the request id: a request id may be used again after the record
    of the first job has expired. A run that is paid for after a redrive, or because something reused
    had vanished, has another key: the one before must not be taken for it.
    """
    return digest_of("submission", *_identity(job), step, *_redrive(job), *_renewal(job))


def event_id(job: Job, status: str, code: str | None = None) -> str:
    """The id of the job's result event (40 hex digits); another outcome has another id."""
    if code == _EXPIRED and not job.redrives:
        return refusal_event_id(job.request_id, job.content_digest)
    return digest_of("event", *_identity(job), status, *_redrive(job))


def refusal_event_id(request_id: str, content_digest: str) -> str:
    """The id of the failed event of a valid request that is too late, or in conflict with another.

    A job that comes too late to begin has the same one. Nobody may have known of its record: a
    write whose answer was lost can take effect after the request was refused. Then the job says the
    same once more, and consumers drop it by its id.
    """
    return digest_of("refusal", request_id, content_digest)


def rejection_event_id(body: str) -> str:
    """The id of the failed event of a message that is no valid request."""
    return digest_of("rejection", body)


def place_key(account: str, bucket: str, key: str, version: str) -> str:
    """The asset key of an upload by the place it came from; `version` changes with the bytes there."""
    return _asset_key(AssetKind.UPLOAD, account, "place", bucket, key, version)


def content_key(account: str, sha256: str) -> str:
    """The asset key of an upload by its bytes, as they are sent to Hautech."""
    return _asset_key(AssetKind.UPLOAD, account, "content", sha256)


def preparation_key(
    account: str, kind: AssetKind, workflow_id: str, sha256: str, given: JsonObject
) -> str:
    """The asset key of what Hautech prepares from an image with that content.

    `given` is all else that the result depends on: the ratio of a pose; label and kind of a garment.
    """
    parameters = json.dumps(given, sort_keys=True)
    return _asset_key(kind, account, workflow_id, sha256, parameters)


def claim_owner(job: Job) -> str:
    """Whose claims a job makes, whichever worker carries it (40 hex digits)."""
    return digest_of("claim", *_identity(job))


def _asset_key(kind: AssetKind, account: str, *parts: str) -> str:
    return f"{kind}#{digest_of('asset', account, *parts)}"


def _identity(job: Job) -> tuple[str, str, str]:
    return job.request_id, job.content_digest, _instant(job.accepted_at)


def _redrive(job: Job) -> tuple[str, ...]:
    """Nothing for a job that was never redriven, whose names are as they always were."""
    return (f"redrive {job.redrives}",) if job.redrives else ()


def _renewal(job: Job) -> tuple[str, ...]:
    """Nothing for a job that found all there that it reused."""
    return (f"renewal {job.renewals}",) if job.renewals else ()


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def digest_of(*parts: str) -> str:
    """40 hex digits of these texts, which are told apart: ("ab", "c") is not ("a", "bc")."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()[:40]
