"""Every name of a batch that must come out the same each time."""

from __future__ import annotations

from worker.batches.batch import Batch
from worker.contracts.batch import shared_folder
from worker.contracts.s3_uri import S3Uri
from worker.jobs.keys import digest_of
from worker.jobs.output_keys import aside_key


def batch_event_id(batch: Batch) -> str:
    """The id of the batch's event (40 hex digits). A batch whose record has expired is another one."""
    accepted_at = batch.accepted_at.isoformat(timespec="microseconds")
    return digest_of("batch", batch.batch_id, batch.content_digest, accepted_at)


def batch_refusal_event_id(body: str) -> str:
    """The id of the event of a message that is no valid batch."""
    return digest_of("batch refusal", body)


def results_uri(batch: Batch) -> S3Uri:
    """Where the list of results goes: `resultsTo`, or beside the outputs.

    Beside: in the deepest folder that all outputs of the template share.
    """
    given = batch.message.get("resultsTo")
    uri = S3Uri.parse(given or shared_folder(str(batch.message["request"]["output"])))
    if uri.key and not uri.key.endswith("/"):
        return uri
    return S3Uri(uri.bucket, f"{uri.key}{batch.batch_id}.results.jsonl")


def results_aside_uri(batch: Batch) -> S3Uri:
    """Where the list of results goes if something else stands at its place: no other batch's is there."""
    uri = results_uri(batch)
    return S3Uri(uri.bucket, aside_key(uri.key, batch_event_id(batch)[:12]))
