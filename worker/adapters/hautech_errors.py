"""What an error of the Hautech client means for a job: one table for all calls, then exceptions.

what the client says           all calls                run          upload       download
NotSentError                   Unavailable              ·            ·            ·
  ForbiddenUrlError            Systemic (settings)      ·            ·            OutputUnusable
    ForbiddenAddressError      Systemic (DNS, settings) ·            ·            ·
BadRequestError                HautechRefused           ·            ·            ·
AuthenticationError            CredentialsRefused       ·            ¹            ¹
PermissionDeniedError          CredentialsRefused       ⁵            ¹ ⁵          ¹
OutOfFundsError                OutOfFunds               ·            ·            ·
NotFoundError                  NotThere ²               ·            ·            ·
  WorkflowNotFoundError                                 ³
RateLimitedError               Throttled                ·            ·            ·
RedirectedError                Systemic (settings)      ·            ·            ·
AnswerUnknownError             Unavailable              AnswerUnknown ·           ·
UnusableAnswerError            Unavailable              AnswerUnknown ·           ·
  CutBodyError                 Unavailable              AnswerUnknown ·           OutputDamaged
  TooLargeError                Unavailable              AnswerUnknown ·           OutputUnusable
  InvalidAnswerError           Unavailable              AnswerUnknown ·           OutputUnusable ⁴
DeadlineExceededError          Unavailable              AnswerUnknown ·           ·
BodySizeError                  Unavailable              AnswerUnknown ·           ·

·  as for all calls
¹  by the host of a signed link: the link is stale, which is passing: NotThere
²  "Cannot POST /…" means that there is no such route at all: Systemic (settings). A missing
   pipeline is the gateway's own case: PipelineLost
³  a workflow of the four documented ones: Systemic, for the account cannot run any such job;
   one named by the request: HautechRefused; if they speak of an image or a pose: NotThere
⁴  only for bytes that came with status 200 from the link itself
⁵  a run, and the last step of an upload: the permission is missing, or an id in the request is
   not ours. The account's own record tells (`hautech_access.py`): CredentialsRefused when it is
   refused as well, or lists permissions without the needed one, or does not come; else
   HautechRefused, which fails this job and holds up no other

All texts of theirs are redacted here, and the error of a pipeline in the gateway: what leaves
these two files holds no token and no signed link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from worker.contracts.workflows import WORKFLOWS
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    HautechRefusedError,
    NotThereError,
    OutOfFundsError,
    OutputDamagedError,
    OutputUnusableError,
    SystemicError,
    ThrottledError,
    UnavailableError,
    WorkerError,
)
from worker.hautech import errors as theirs
from worker.hautech.redaction import redact

_KNOWN_WORKFLOW_IDS = frozenset(spec.workflow_id for spec in WORKFLOWS.values())
_MAX_CHARS = 1000

_INPUT = re.compile(r"\b(image|pose)", re.IGNORECASE)
"""In a 404 of the paid call: it speaks of the input, not of the workflow. That is the matter of one job."""

_NOTES: Mapping[type[theirs.HautechError], tuple[type[WorkerError], str]] = {
    theirs.ForbiddenUrlError: (SystemicError, ""),
    theirs.RedirectedError: (SystemicError, "the setting is HAUTECH_API_URL"),
    theirs.AuthenticationError: (
        CredentialsRefusedError,
        (
            "Hautech refuses the worker's token: check HAUTECH_API_TOKEN, the application key, or "
            "the secret behind HAUTECH_SECRET_ARN"
        ),
    ),
    theirs.PermissionDeniedError: (
        CredentialsRefusedError,
        (
            "either the worker's token lacks this permission, or an id in the request belongs to "
            "another account: Hautech does not say which"
        ),
    ),
    theirs.OutOfFundsError: (
        OutOfFundsError,
        "top up the Hautech account; messages wait meanwhile",
    ),
    theirs.BadRequestError: (HautechRefusedError, ""),
}
"""Their class, ours, and what our message adds. A class that is not here is passing trouble."""


def said_by(error: theirs.HautechError) -> str:
    """What an error of theirs says, with method, path and request id, without secrets."""
    return redact(str(error), max_chars=_MAX_CHARS)


def translate_error(error: theirs.HautechError) -> WorkerError:
    """Our error for one of theirs, whatever the call. Its message names method and path."""
    if isinstance(error, theirs.RateLimitedError):
        return ThrottledError(said_by(error), retry_after_s=error.retry_after_s)
    if isinstance(error, theirs.NotFoundError):
        if error.detail.startswith("Cannot "):
            note = "there is no such route: check HAUTECH_API_URL"
            return SystemicError(f"{said_by(error)} ({note})")
        return NotThereError(said_by(error), retry_after_s=error.retry_after_s)
    for kind in type(error).__mro__:
        if kind in _NOTES:
            ours, note = _NOTES[kind]
            return ours(f"{said_by(error)} ({note})" if note else said_by(error))
    return UnavailableError(said_by(error), retry_after_s=error.retry_after_s)


def translate_run_error(error: theirs.HautechError, workflow_id: str) -> WorkerError:
    """As `translate_error`, for the paid call: what is not known to be unpaid is unknown."""
    match error:
        case theirs.WorkflowNotFoundError() if _INPUT.search(error.detail):
            return NotThereError(said_by(error))
        case theirs.WorkflowNotFoundError() if workflow_id not in _KNOWN_WORKFLOW_IDS:
            return HautechRefusedError(said_by(error))
        case theirs.WorkflowNotFoundError():
            return SystemicError(
                f"{said_by(error)} (or check HAUTECH_API_URL and HAUTECH_RUN_ROUTE)"
            )
        case theirs.NotSentError() | theirs.RefusedError():
            return translate_error(error)
        case _:
            return AnswerUnknownError(said_by(error))


def translate_read_error(error: theirs.HautechError) -> WorkerError:
    """As `translate_error`, for reading what is ours: nothing of the request is in such a call, so
    a refusal of it (a proxy's 400, say) says nothing about the request either.
    """
    if isinstance(error, theirs.BadRequestError):
        return UnavailableError(said_by(error))
    return translate_error(error)


def translate_upload_error(error: theirs.HautechError) -> WorkerError:
    """As `translate_error`, for an upload: a stale upload link is no matter of credentials."""
    return _stale_link(error) or translate_error(error)


def translate_download_error(error: theirs.HautechError) -> WorkerError:
    """As `translate_error`, for a picture: damaged, unusable, or not to be had right now."""
    match error:
        case theirs.CutBodyError():
            return OutputDamagedError(said_by(error))
        case theirs.ForbiddenAddressError():
            # The host is a known one: its DNS is wrong here, and the picture is paid for.
            return translate_error(error)
        case theirs.ForbiddenUrlError() | theirs.TooLargeError():
            return OutputUnusableError(said_by(error))
        case theirs.InvalidAnswerError() if error.status == 200 and _is_link(error):
            return OutputUnusableError(said_by(error))
        case _:
            return _stale_link(error) or translate_read_error(error)


def _stale_link(error: theirs.HautechError) -> WorkerError | None:
    # Object stores answer an expired link with 400, too.
    refusals = (theirs.AuthenticationError, theirs.PermissionDeniedError, theirs.BadRequestError)
    is_refusal = isinstance(error, refusals)
    if is_refusal and _is_link(error):
        return NotThereError(f"{said_by(error)} (a fresh link was refused as well)")
    return None


def _is_link(error: theirs.HautechError) -> bool:
    """Whether a signed link failed, not a route of the API: errors show only a link's host."""
    return bool(error.target) and not error.target.startswith("/")
