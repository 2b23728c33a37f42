"""Every error of the worker, drawn as one tree; the class of an error is the decision about it.

    WorkerError
    ├── PermanentError            say it and stop: one failed event, one dead letter
    │   ├── RequestError          nothing was paid; the producer must change the request
    │   │   ├── MalformedRequestError     request.malformed
    │   │   ├── InvalidRequestError       request.invalid
    │   │   ├── RequestConflictError      request.conflict
    │   │   ├── RequestExpiredError       request.expired
    │   │   └── RequestCancelledError     request.cancelled
    │   ├── ImageError            an input image cannot be used
    │   │   ├── ImageMissingError         image.missing
    │   │   ├── ImageForbiddenError       image.forbidden
    │   │   ├── ImageTooLargeError        image.too_large
    │   │   └── ImageUnreadableError      image.unreadable
    │   ├── HautechRefusedError           hautech.refused
    │   ├── PipelineError         the run ended, or was given up, without a picture
    │   │   ├── PipelineFailedError       pipeline.failed
    │   │   ├── PipelineUnfundedError     pipeline.out_of_funds
    │   │   ├── PipelineTimeoutError      pipeline.timeout
    │   │   ├── PipelineLostError         pipeline.lost
    │   │   └── NoOutputError             pipeline.no_output
    │   ├── SubmissionUnknownError        submission.unknown
    │   ├── OutputForbiddenError          output.forbidden
    │   ├── OutputTakenError              output.taken
    │   ├── OutputUnusableError           output.unusable
    │   ├── PollMessageError              poll.malformed
    │   ├── RecordTooLargeError           record.too_large
    │   ├── ManifestError                 batch.manifest
    │   └── AttemptsExhaustedError        attempts.exhausted
    ├── TransientError            later, after `retry_after_s` if the other side told us
    │   ├── ThrottledError                somebody asked us to slow down
    │   ├── UnavailableError              an outside call failed and may work next time
    │   │   └── NotThereError             they answer, and do not have it (yet)
    │   ├── OutputDamagedError            a download or a stored output is not what it should be
    │   └── ObjectChangedError            what was to be replaced in S3 is not there any more
    ├── SystemicError             not this job's fault: hold intake, spend no attempt
    │   ├── CredentialsRefusedError       Hautech or AWS refuses who we are
    │   ├── OutOfFundsError               the Hautech account has no balance left
    │   ├── HautechDownError              Hautech fails call after call
    │   └── NoRulesError                  no rules file could be used yet: what needs it waits
    ├── AnswerUnknownError        the paid call was sent and its answer lost: look, never resend
    ├── LostRaceError             another worker was first: normal, spends no attempt
    │   ├── StaleJobError                 the record changed since we read it
    │   └── LeaseHeldError                another worker holds the job until a known time
    ├── HeldBackError             not now, by our own choice: spends no attempt, leaves no trace
    ├── InterruptedWorkError      not enough time left to begin the next piece of work
    ├── IllegalTransitionError    a bug: a move that the state chart does not have
    ├── SettingsError             the configuration cannot work; all problems at once
    └── RulesError                a rules file cannot be used; all problems at once

`code` strings are part of the result event: they outlive class names (never rename one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

Stage = Literal["accept", "upload", "submit", "poll", "collect", "announce"]
"""Where in a job's life something happened; the value of `error.stage` in the result event."""


class WorkerError(Exception):
    """Something went wrong in the worker."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        """What happened, for a person: the thing, the value, the rule and the fix."""
        return str(self.args[0])


class PermanentError(WorkerError):
    """Trying again cannot help."""

    code: ClassVar[str] = "permanent"
    retryable: ClassVar[bool] = False
    """Whether the same request, sent again later, may succeed (`error.retryable`)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a message or a setting.

    `field` is a path such as `input.seed`; `value` is what stood there, shortened; `rule` is
    what was expected; `fix` says what to change.
    """

    field: str
    value: str
    rule: str
    fix: str = ""

    def __str__(self) -> str:
        head = f"{self.field}: {self.value}" if self.value else self.field
        return f"{head}: {self.rule}" + (f" ({self.fix})" if self.fix else "")


class RequestError(PermanentError):
    """The request cannot be accepted. Nothing was paid."""

    code = "request.invalid"


class MalformedRequestError(RequestError):
    """The message is not a JSON object."""

    code = "request.malformed"


class InvalidRequestError(RequestError):
    """The request breaks one or more rules; all of them are listed."""

    code = "request.invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class RequestConflictError(RequestError):
    """This requestId was used before with other content; the first job is untouched."""

    code = "request.conflict"


class RequestExpiredError(RequestError):
    """The request's expiresAt passed before it was submitted; nothing was paid."""

    code = "request.expired"


class RequestCancelledError(RequestError):
    """Its batch was cancelled before the request was submitted; nothing was paid."""

    code = "request.cancelled"


class ImageError(PermanentError):
    """An input image cannot be used. Nothing was paid."""

    code = "image.unreadable"


class ImageMissingError(ImageError):
    """The input image does not exist."""

    code = "image.missing"


class ImageForbiddenError(ImageError):
    """The input image may not be read with the worker's permissions."""

    code = "image.forbidden"


class ImageTooLargeError(ImageError):
    """The input image has more bytes or pixels than allowed."""

    code = "image.too_large"


class ImageUnreadableError(ImageError):
    """The input object is not a photo that Hautech takes or that can be converted."""

    code = "image.unreadable"


class HautechRefusedError(PermanentError):
    """Hautech refused the call for what this request contains."""

    code = "hautech.refused"


class PipelineError(PermanentError):
    """The pipeline gave no picture."""

    code = "pipeline.failed"


class PipelineFailedError(PipelineError):
    """Hautech reports that the pipeline failed."""

    code = "pipeline.failed"
    retryable = True


class PipelineUnfundedError(PipelineError):
    """Hautech reports that the pipeline failed for lack of balance."""

    code = "pipeline.out_of_funds"
    retryable = True


class PipelineTimeoutError(PipelineError):
    """The pipeline was still pending after WORKER_PIPELINE_TIMEOUT_SECONDS."""

    code = "pipeline.timeout"
    retryable = True


class PipelineLostError(PipelineError):
    """Hautech does not know the pipeline (any more)."""

    code = "pipeline.lost"
    retryable = True


class NoOutputError(PipelineError):
    """The pipeline completed without an output that we can read."""

    code = "pipeline.no_output"


class SubmissionUnknownError(PermanentError):
    """It could not be found out whether Hautech started the run, twice; we do not pay again."""

    code = "submission.unknown"
    retryable = True


class OutputForbiddenError(PermanentError):
    """The output place does not exist or may not be written with the worker's permissions."""

    code = "output.forbidden"


class OutputTakenError(PermanentError):
    """At the output place stands an object that another request, or somebody else, has made."""

    code = "output.taken"


class OutputUnusableError(PermanentError):
    """Hautech's output is not an image, is too large, or lies on a host that is not allowed."""

    code = "output.unusable"


class PollMessageError(PermanentError):
    """A message on the polls queue is not one that a worker wrote."""

    code = "poll.malformed"


class RecordTooLargeError(PermanentError):
    """The job's record does not fit into the job table."""

    code = "record.too_large"


class ManifestError(PermanentError):
    """The manifest of a batch cannot be read, or is not the one that was read before."""

    code = "batch.manifest"


class AttemptsExhaustedError(PermanentError):
    """A passing trouble did not pass: the last attempt failed like those before it."""

    code = "attempts.exhausted"
    retryable = True


class TransientError(WorkerError):
    """It may work next time.

    `retry_after_s` is the other side's own advice in seconds, which wins over our backoff.
    """

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ThrottledError(TransientError):
    """The other side asked us to slow down."""


class UnavailableError(TransientError):
    """An outside call failed and may work next time."""


class NotThereError(UnavailableError):
    """The other side answers, and does not have what was asked for, or not yet."""


class OutputDamagedError(TransientError):
    """A download was cut short, or the stored output is not the one that was written."""


class ObjectChangedError(TransientError):
    """Another object stands where one was to be written, or none, since it was last looked at."""


class SystemicError(WorkerError):
    """Not this job's fault: the whole service is affected."""


class CredentialsRefusedError(SystemicError):
    """The other side refuses the worker's credentials or permissions."""


class OutOfFundsError(SystemicError):
    """The Hautech account has no balance left."""


class HautechDownError(SystemicError):
    """Hautech fails call after call: no connection, 5xx, no answer in time."""


class NoRulesError(SystemicError):
    """No version of the rules file could be used yet; drops and requests with a preset wait."""


class AnswerUnknownError(WorkerError):
    """The run was sent to Hautech and its answer was lost: it may have started."""


class LostRaceError(WorkerError):
    """Another worker was first."""


class StaleJobError(LostRaceError):
    """The job's record changed since it was read."""


class LeaseHeldError(LostRaceError):
    """Another worker holds the job until `until` (aware UTC)."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"another worker holds the job until {until:%H:%M:%S} UTC")


class HeldBackError(WorkerError):
    """The worker does not begin this now, so as not to burden somebody who is in trouble.

    `retry_after_s` says when it is likely to begin, in seconds.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class InterruptedWorkError(WorkerError):
    """The worker is stopping, or too little time is left to begin the next piece of work."""


class IllegalTransitionError(WorkerError):
    """A move that the state chart does not have."""


class SettingsError(WorkerError):
    """The settings cannot work; every problem is listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{len(self.problems)} setting(s) need attention:{lines}")


@dataclass(frozen=True, slots=True)
class RulesProblem:
    """One thing that is wrong with a rules file: the line (from 1), the rule if it is about one."""

    line: int
    rule: str
    problem: Problem

    def __str__(self) -> str:
        rule = f'rule "{self.rule}": ' if self.rule else ""
        return f"line {self.line}: {rule}{self.problem}"


class RulesError(WorkerError):
    """The rules file cannot be used; every problem is listed."""

    def __init__(self, problems: Sequence[RulesProblem], *, source: str = "the rules file") -> None:
        self.problems = tuple(problems)
        self.source = source
        number = len(self.problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        what = "1 problem" if number == 1 else f"{number} problems"
        super().__init__(f"{source} has {what}:{lines}")
