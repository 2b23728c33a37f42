"""redrive: what becomes of a dead letter when a person says "again".

                       ┌─ failed ─────────► reopen   it goes on where it stood
    its job ───────────┼─ open ───────────► wake     a new poll message, in case it lost its own
                       ├─ about to fail ──► refuse   the announcement sends the letter, then ends
                       └─ succeeded ──────► drop     nothing is left to do
    no job, a request ────────────────────► send     to the requests queue, as it came
    a poll message, its job over or gone ─► drop     there is nothing to carry on
    a follow message of a batch ──────────► drop     the batch is woken by reconcile
    would pay too late, or for others ────► refuse   the dead letter stays; a person decides

The caller deletes the dead letter last: a crash before that is repaired by redriving it again,
which then finds an open job. Two dead letters of one job are one job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.follow import parse_follow
from worker.contracts.poll import parse_poll
from worker.contracts.readable import readable_request_id
from worker.engine.accept import is_message_of
from worker.engine.rules import EngineRules
from worker.engine.wake import send_poll, wake
from worker.engine.world import HeldJob, RecordWorld
from worker.errors import PollMessageError
from worker.jobs.job import Job, JobState, StepState
from worker.jobs.reopening import reopen
from worker.ports.clock import WorkBudget

log = structlog.get_logger(__name__)

_NONE_OF_OURS = "it is no message of ours: find out who writes to the polls queue"
_ALIVE = frozenset({StepState.SUBMITTING, StepState.RUNNING, StepState.COMPLETED})
"""Steps that may have been paid for, and whose pipelines may still give something."""


class Action(StrEnum):
    """What a redrive does."""

    REOPEN = "reopen"
    WAKE = "wake"
    SEND = "send"
    DROP = "drop"
    REFUSE = "refuse"

    @property
    def ends_the_letter(self) -> bool:
        """Whether the dead letter has served its purpose afterwards."""
        return self is not Action.REFUSE


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the message as it came, and why it was given up, if a worker said so."""

    body: str
    reason: DeadLetterReason | None

    @property
    def request_id(self) -> str | None:
        """The request that it is about, if that can be read."""
        return (self.reason and self.reason.request_id) or readable_request_id(self.body)

    @property
    def is_poll(self) -> bool:
        """Whether it is a poll message, which SQS moved here after too many receives."""
        try:
            parse_poll(self.body)
        except PollMessageError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a redrive would do, and why, as a sentence without its full stop."""

    action: Action
    because: str


def judge_job(job: Job, *, now: datetime) -> Judgement:
    """What a redrive would do with a job. Changes nothing."""
    if job.state is JobState.SUCCEEDED:
        return Judgement(Action.DROP, "the job has succeeded; there is nothing left to do")
    if not job.state.is_final:
        return Judgement(Action.WAKE, f"the job is {job.state}: it gets a new poll message")
    reopened = reopen(job, because="", at=now)
    has_expired = job.expires_at is not None and job.expires_at <= now
    if has_expired and not any(step.state in _ALIVE for step in reopened.steps):
        expired = job.request.get("expiresAt")
        return Judgement(
            Action.REFUSE,
            f"expiresAt ({expired}) has passed and nothing that was paid for is left to follow: "
            "send the request under a new requestId with a later expiresAt, or without one",
        )
    return Judgement(Action.REOPEN, _how_it_goes_on(job, reopened, has_expired=has_expired))


def judge_letter(
    letter: Letter, job: Job | None, *, rules: EngineRules, now: datetime
) -> Judgement:
    """What a redrive would do with a dead letter and the job of its request id, if there is one."""
    code = letter.reason.error_code if letter.reason else None
    if parse_follow(letter.body):
        return Judgement(
            Action.DROP,
            "it is the follow message of a batch: another one has taken its place, or reconcile "
            "sends one",
        )
    if job is None:
        return _without_job(letter, code)
    if letter.is_poll or code == "poll.malformed":
        return _of_the_polls_queue(letter, job, now=now)
    if is_message_of(job, letter.body, rules):
        if job.state is JobState.ANNOUNCING and job.failure:
            # The worker that announces it has sent this letter, and may end without another one.
            return Judgement(
                Action.REFUSE,
                "the job is about to fail, and this is the dead letter of that: redrive it again "
                "in a moment (a job that stays so is woken by hautech-worker reconcile)",
            )
        return judge_job(job, now=now)
    return Judgement(
        Action.REFUSE,
        "its requestId belongs to a job with other content: send it under a new requestId, "
        "or drop it",
    )


def redrive(world: RecordWorld, job: Job, budget: WorkBudget) -> Judgement:
    """Do with a job what `judge_job` says, and say what was done.

    Raises LostRaceError when a worker holds the job, or changed it meanwhile.
    """
    judgement = judge_job(job, now=world.now())
    if judgement.action is Action.REOPEN:
        held = HeldJob.take(world, job, budget)
        code = job.failure.code if job.failure else "failed"
        because = f"redriven by hand after {code}: {judgement.because}"
        held.job = reopen(held.job, because=because, at=world.now())
        held.release()
        send_poll(world, held.job, delay_s=0)
        log.info(
            f"reopened; {judgement.because}",
            action="job_reopened",
            request_id=job.request_id,
            error_code=code,
        )
    elif judgement.action is Action.WAKE:
        held = HeldJob.take(world, job, budget)
        wake(world, held, because="redriven by hand", delay_s=0)
    return judgement


def _of_the_polls_queue(letter: Letter, job: Job, *, now: datetime) -> Judgement:
    """A message that carried a job may carry it on, but never reopens it: that can cost money."""
    if not job.state.is_final:
        return judge_job(job, now=now)
    if not letter.is_poll:
        return Judgement(Action.REFUSE, _NONE_OF_OURS)
    return Judgement(
        Action.DROP,
        f"it is a poll message, and its job has {job.state} (a failed job is redriven by its own "
        "dead letter, or by its requestId)",
    )


def _without_job(letter: Letter, code: str | None) -> Judgement:
    if letter.is_poll:
        return Judgement(Action.DROP, "it is a poll message, and the record of its job is gone")
    if code == "poll.malformed":
        return Judgement(Action.REFUSE, _NONE_OF_OURS)
    if code == "request.expired":
        return Judgement(
            Action.REFUSE, "its expiresAt has passed: send the request with a later one"
        )
    if letter.reason is not None and letter.reason.event_id and _may_be_paid(letter.reason):
        return Judgement(
            Action.REFUSE,
            "the record of its job is gone, so what was paid for cannot be followed: "
            "send the request under a new requestId, which pays again",
        )
    return Judgement(Action.SEND, "it never became a job: it goes to the requests queue again")


def _may_be_paid(reason: DeadLetterReason) -> bool:
    return reason.error_stage not in {"accept", "upload"}


def _how_it_goes_on(job: Job, reopened: Job, *, has_expired: bool) -> str:
    """Each step that does not simply stay as it is, in words."""
    words = []
    for before, after in zip(job.steps, reopened.steps, strict=True):
        match after.state:
            case StepState.SUBMITTING:
                then = "the job fails again" if has_expired else "it is PAID FOR once more"
                words.append(f"{after.name} is looked for at Hautech; if it is not found, {then}")
            case StepState.RUNNING if after.pipeline:
                words.append(f"{after.name} is polled again ({after.pipeline.pipeline_id})")
            case StepState.PLANNED if before.state is StepState.FAILED and before.pipeline:
                words.append(
                    f"{after.name} is run again and PAID FOR again: pipeline "
                    f"{before.pipeline.pipeline_id} failed at Hautech"
                )
            case StepState.PLANNED:
                words.append(f"{after.name} is run and paid for, as it was not yet")
    return "; ".join(words) or "its outputs are collected again; nothing is paid"
