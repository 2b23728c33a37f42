"""Trouble: when to come back, and when to stop coming back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import structlog

from worker.engine import poll
from worker.engine.classify import Decision, classify, wait_for_lease_s
from worker.engine.rules import EngineRules
from worker.engine.telling import text_of
from worker.engine.world import World
from worker.errors import (
    AttemptsExhaustedError,
    LostRaceError,
    PermanentError,
    RecordTooLargeError,
    Stage,
    SubmissionUnknownError,
)
from worker.jobs.job import Job, StepState
from worker.jobs.outcomes import RetryLater
from worker.jobs.pacing import backoff_s, rest_s

log = structlog.get_logger(__name__)

_POLL_RESTS = 3
"""Poll messages rest four times the least: 120 s a time makes 1,000 deliveries last 33 hours."""

_POISON_DELIVERIES = 5

_HELD_OFTEN = 10
"""Deliveries after which a request that is held back rests longer each time."""

_ADVICE_MAX_S = 900.0
"""The longest that anybody's advice makes a message wait."""

NOT_UNDERSTOOD_S = 300.0
"""How long a message rests whose text or record is of another release."""


class Carrier(Enum):
    """Which message carries the job on."""

    REQUEST = "request"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The message in hand: which kind it is, and how often the queue has delivered it."""

    carrier: Carrier
    count: int
    probe: int | None = None
    """Its number, if it was let through to find out whether Hautech's trouble is over."""
    trace: str | None = None
    """The X-Ray header that came with it, if it is one."""

    @property
    def rests(self) -> int:
        """How far the rest of this message has grown, when somebody else is down.

        Polls are delivered often anyway, so their count says nothing about trouble.
        """
        return self.count if self.carrier is Carrier.REQUEST else _POLL_RESTS

    @property
    def failures_unseen(self) -> int:
        """How often this may have failed already when no record could be written to count it.

        Every delivery of a request, at worst; a poll is delivered often without any failure.
        """
        return self.count if self.carrier is Carrier.REQUEST else 1

    def most(self, rules: EngineRules) -> int:
        """So many deliveries of such a message are still ours to answer with a reason."""
        is_request = self.carrier is Carrier.REQUEST
        return rules.request_deliveries if is_request else rules.poll_deliveries

    def is_last(self, rules: EngineRules) -> bool:
        """Whether the queue may move the message away instead of delivering it once more."""
        return self.count >= self.most(rules)


def is_exhausted(
    world: World, job: Job, stage: Stage, delivery: Delivery, decision: Decision
) -> bool:
    """Whether trouble that should pass has lasted too long for this job.

    A stop never exhausts. Somebody else's trouble does only when the queue is about to move the
    message away without a reason, or when it has lasted as long as what may have been paid for is
    followed: through outages of a day, for there is nothing better to do with it. What we hold back
    ourselves has its turn in the end: its request is sent again before the queue moves it away, and
    an open job is woken by a new message. Only an unpaid one that a poll message carries is given up
    with that.
    """
    rules = world.rules
    if decision is Decision.STOP:
        return False
    if delivery.is_last(rules):
        is_request = delivery.carrier is Carrier.REQUEST
        return not (decision is Decision.HOLD_BACK and (is_request or job.may_have_cost))
    age_s = (world.now() - job.open_since).total_seconds()
    is_old = job.may_have_cost and age_s > rules.paid_patience_s
    if decision in {Decision.HOLD, Decision.HOLD_BACK}:
        # Not by deliveries alone: whoever wakes a silent job sends a new message, counted anew.
        return is_old and decision is Decision.HOLD
    if stage == "poll":
        return poll.has_late_step(world, job)
    if job.may_have_cost:
        return is_old
    return job.failures >= rules.max_attempts


def is_poison(error: Exception, delivery: Delivery) -> bool:
    """Whether writing the record fails for what is in it, again and again, not for the store.

    Adapters translate what stores say into errors of ours, so those never count, but for the one
    that is about the content: an answer that nobody knows yet must not cost a paid job.
    """
    is_about_content = isinstance(error, ValueError | RecursionError | RecordTooLargeError)
    return is_about_content and delivery.count >= _POISON_DELIVERIES


def exhausted_error(job: Job, error: Exception) -> PermanentError:
    """Why a job is given up whose trouble did not pass."""
    last = f"the last trouble was: {text_of(error)}"
    for step in job.steps:
        if step.state is StepState.SUBMITTING:
            return SubmissionUnknownError(
                f"step {step.name}: whether Hautech started the run could not be found out; "
                f"it may have been paid for; {last}"
            )
    return AttemptsExhaustedError(
        f"given up after {job.failures} failed attempts in a row since "
        f"{job.accepted_at:%Y-%m-%d %H:%M} UTC; {last}"
    )


def retry(world: World, error: Exception, delivery: Delivery, *, failures: int) -> RetryLater:
    """The outcome for an error that leaves the message where it is."""
    advice = classify(error)
    match advice.decision:
        case Decision.STOP:
            after_s = 0.0
        case Decision.HOLD:
            after_s = rest_s(
                delivery.rests,
                least_s=world.rules.systemic_wait_s,
                most_s=world.rules.systemic_wait_max_s,
                random=world.random,
            )
        case Decision.YIELD:
            assert isinstance(error, LostRaceError)  # noqa: S101 -- the table says so
            after_s = wait_for_lease_s(error, now_s=world.now().timestamp())
        case Decision.HOLD_BACK:
            after_s = max(advice.retry_after_s or 1.0, _patience_s(world, delivery))
        case _:
            after_s = backoff_s(failures, random=world.random)
            # "0" or a time in the past is no advice, and would burn the attempts at once.
            if advice.retry_after_s is not None and advice.retry_after_s > 0:
                after_s = min(max(1.0, advice.retry_after_s), _ADVICE_MAX_S)
    because = text_of(error)
    if advice.decision is Decision.RETRY_LOUDLY:
        log.error(f"unforeseen: {because}", action="retry", exc_info=error)
    elif advice.decision is Decision.HOLD_BACK:
        log.debug(f"again in {after_s:.0f} s: {because}", action="held_back")
    else:
        log.info(f"again in {after_s:.0f} s: {because}", action="retry")
    return RetryLater(after_s, because, is_held_back=advice.decision is Decision.HOLD_BACK)


def _patience_s(world: World, delivery: Delivery) -> float:
    """How long a request rests at least that was held back often, so that it is not worn out."""
    if delivery.carrier is Carrier.POLL or delivery.count <= _HELD_OFTEN:
        return 0.0
    rules = world.rules
    return rest_s(
        delivery.count - _HELD_OFTEN,
        least_s=rules.systemic_wait_s,
        most_s=rules.systemic_wait_max_s,
        random=world.random,
    )
