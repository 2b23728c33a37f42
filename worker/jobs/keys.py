"""Every name that must come out the same each time: submissions, events, outputs, assets.

A name that is derived, not drawn, is what makes a repetition harmless: the second attempt
overwrites the same object, announces the same event and finds the same pipeline.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from worker.contracts.s3_uri import MAX_KEY_BYTES
from worker.errors import RequestExpiredError
from worker.jobs.assets import AssetKind
from worker.jobs.job import Job, JsonObject

_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}

_EXPIRED = RequestExpiredError.code


def submission_key(job: Job, step: str) -> str:
    """The key that a step's run carries in its metadata (40 hex digits).

    It names the job, not only the request id: a request id may be used again after the record
    of the first job has expired. A run that is paid for after a redrive has another key: the one
    before must not be taken for it.
    """
    return digest_of("submission", *_identity(job), step, *_redrive(job))


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


def output_key(
    output_key_or_prefix: str, request_id: str, index: int, count: int, mime: str
) -> str:
    """The S3 key of output number `index` (from 0) of `count`.

    A prefix (ends in `/`, or is empty) gives `<prefix><requestId>.png`, or `-1.png`, `-2.png` …
    where there are several. An exact key is used as it is for the first output; further ones,
    which the request did not foresee but has paid for, go beside it as `<key>-2.png` ….
    `mime` is the content type seen in the bytes.
    """
    extension = _EXTENSIONS.get(mime, "bin")
    if _is_prefix(output_key_or_prefix):
        number = f"-{index + 1}" if count > 1 else ""
        return f"{output_key_or_prefix}{request_id}{number}.{extension}"
    if index == 0:
        return output_key_or_prefix
    folder, _, name = output_key_or_prefix.rpartition("/")
    stem = name.rsplit(".", 1)[0] or name
    beside = f"{stem}-{index + 1}.{extension}"
    return f"{folder}/{beside}" if folder else beside


def known_key(output_key_or_prefix: str) -> str | None:
    """The S3 key of the first output if it is known before there is one; None for a prefix."""
    return None if _is_prefix(output_key_or_prefix) else output_key_or_prefix


def aside_key(key: str, request_id: str) -> str:
    """The S3 key beside a taken one: `sku-1.png` gives `sku-1.<requestId>.png`.

    The request id makes it a name that no other request takes. A stem that would make the key too
    long for S3 is cut.
    """
    folder, slash, name = key.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    stem, ending = (stem, f".{extension}") if dot and stem else (name, "")
    ending = f".{request_id}{ending}"
    room_bytes = MAX_KEY_BYTES - len(f"{folder}{slash}{ending}".encode())
    return f"{folder}{slash}{stem.encode()[:room_bytes].decode(errors='ignore')}{ending}"


def document_key(output_key_or_prefix: str, request_id: str) -> str:
    """The S3 key of the result document, beside the outputs."""
    folder = output_key_or_prefix
    if not _is_prefix(folder):
        folder = folder[: folder.rfind("/") + 1]
    return f"{folder}{request_id}.json"


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


def document_aside_key(output_key_or_prefix: str, request_id: str) -> str:
    """The S3 key of the result document where another's object stands at its own."""
    return document_key(output_key_or_prefix, f"{request_id}.result")


def _is_prefix(output_key_or_prefix: str) -> bool:
    return not output_key_or_prefix or output_key_or_prefix.endswith("/")


def _identity(job: Job) -> tuple[str, str, str]:
    return job.request_id, job.content_digest, _instant(job.accepted_at)


def _redrive(job: Job) -> tuple[str, ...]:
    """Nothing for a job that was never redriven, whose names are as they always were."""
    return (f"redrive {job.redrives}",) if job.redrives else ()


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def digest_of(*parts: str) -> str:
    """40 hex digits of these texts, which are told apart: ("ab", "c") is not ("a", "bc")."""
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.hexdigest()[:40]
