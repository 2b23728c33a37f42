"""What each error code means and what a person can do about it, in one or two sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from worker.errors import PermanentError

NO_REASON: Final = (
    "no worker gave a reason: SQS moved it by itself after too many receives (it stopped every "
    "worker that took it, or none was allowed to finish), or somebody put it here by hand"
)

TO_DO: Final[Mapping[str, str]] = {
    "attempts.exhausted": "See whether the last trouble is over (hautech-worker doctor), then "
    "redrive it.",
    "batch.manifest": "Put a manifest that can be read in its place and send the batch again. Then "
    "drop this dead letter.",
    "hautech.refused": "The request must change, or the account at Hautech: send a corrected one "
    "under a new requestId. Redrive it if Hautech was wrong.",
    "image.forbidden": "Let the worker read the image (bucket policy, KMS key), then redrive it.",
    "image.missing": "Put the image in its place, then redrive it; or drop it.",
    "image.too_large": "Replace the image by a smaller one under the same key, then redrive it.",
    "image.unreadable": "Replace the image by a JPEG or PNG under the same key, then redrive it.",
    "output.forbidden": "Let the worker write to the output bucket, then redrive it: the picture is "
    "paid for and is collected without another run.",
    "output.taken": "Move away what stands at the places that the message names, then redrive it: what "
    "is paid for is collected without another run. Or send it with another output under a new requestId.",
    "output.unusable": "Look at the pipeline at Hautech. A redrive collects its output again "
    "without another run.",
    "pipeline.failed": "Hautech could not do it with this input, or had trouble. A redrive runs it "
    "again and pays again; a corrected request needs a new requestId.",
    "pipeline.lost": "Look for the pipeline at Hautech. A redrive asks for it again; if it is gone "
    "for good, send the request under a new requestId.",
    "pipeline.no_output": "Look at the pipeline at Hautech. A redrive reads its output again without "
    "another run.",
    "pipeline.out_of_funds": "Fill the account at Hautech, then redrive it: the run that failed is "
    "made again.",
    "pipeline.timeout": "Hautech is slow, or WORKER_PIPELINE_TIMEOUT_SECONDS is short. A redrive "
    "polls the same pipeline again and does not pay again.",
    "poll.malformed": "Find out who writes to the polls queue; only workers should. Then drop it.",
    "record.too_large": "Send less input and metadata under a new requestId. What a workflow gave "
    "can be read at Hautech.",
    "request.cancelled": "Nothing: its batch was cancelled. Drop it, or send it again by itself under "
    "a new requestId.",
    "request.conflict": "Send it under a new requestId; the job that has this one is untouched. Then "
    "drop this dead letter.",
    "request.expired": "Send it with a later expiresAt, or without one. Then drop this dead letter.",
    "request.invalid": "Send a corrected request. If the settings were wrong (a bucket not on the "
    "list), correct them and redrive it.",
    "request.malformed": "Send a corrected message, then drop this dead letter.",
    "submission.unknown": "Look at Hautech whether the run exists. A redrive looks for it twice and, "
    "if it finds nothing, sends it once more.",
}

_TO_DO_WITHOUT_REASON: Final = (
    "See whether AWS and the worker are well (hautech-worker doctor), then redrive it: its job goes "
    "on where it stood."
)


def codes() -> dict[str, str]:
    """Every error code that a dead letter can have, with what it means."""
    return {kind.code: (kind.__doc__ or "").strip() for kind in _leaves(PermanentError)}


def meaning(code: str | None) -> str:
    """What a code means, as a sentence."""
    if code is None:
        return f"N{NO_REASON[1:]}."
    return codes().get(code, "This release does not know the code.")


def to_do(code: str | None) -> str:
    """What a person can do about it."""
    if code is None:
        return _TO_DO_WITHOUT_REASON
    return TO_DO.get(code, "Read the message above; a newer release may know more.")


def _leaves(kind: type[PermanentError]) -> list[type[PermanentError]]:
    below = kind.__subclasses__()
    return [leaf for one in below for leaf in _leaves(one)] if below else [kind]
