"""Checks the three queues: that they exist, differ, and lose nothing if a worker cannot act."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from worker.bootstrap import Application
from worker.runtime.commands.findings import Finding, findings_of, skipped, unless_forbidden
from worker.runtime.commands.wording import count, duration

AREA: Final = "Queues"

REQUESTS, POLLS, DEAD_LETTERS = "requests", "polls", "dead letters"

LEAST_RECEIVES: Final[Mapping[str, int]] = {REQUESTS: 100, POLLS: 1000}
"""Receives before SQS gives a message up. Throttling, deployments and held intake each cost one;
every poll of a pending pipeline does. The engine settles a job with a reason at 90 and 900
(`EngineRules`), which must come first."""

LEAST_VISIBILITY_S: Final = 30

Attributes = dict[str, str]


def check_queues(application: Application) -> Iterator[Finding]:
    """All three, whichever of them can be looked at."""
    settings = application.settings
    urls = {
        REQUESTS: ("WORKER_REQUEST_QUEUE_URL", settings.request_queue_url),
        POLLS: ("WORKER_POLL_QUEUE_URL", settings.poll_queue_url),
        DEAD_LETTERS: ("WORKER_DEAD_LETTER_QUEUE_URL", settings.dead_letter_queue_url),
    }
    found: dict[str, Attributes] = {}

    def look(name: str) -> Iterator[Finding]:
        queue = {
            REQUESTS: lambda: application.request_queue,
            POLLS: lambda: application.poll_queue,
            DEAD_LETTERS: lambda: application.dead_letter_queue,
        }[name]()
        found[name] = queue.attributes()
        yield _how_full(name, found[name])

    for name, (setting, url) in urls.items():
        if not url:
            yield skipped(AREA, name, setting)
            continue
        yield from unless_forbidden(AREA, name, partial(look, name), "the queue")
    yield from findings_of(AREA, "three queues", lambda: _are_different(found))
    dead_letters = found.get(DEAD_LETTERS)
    for name in (REQUESTS, POLLS):
        if name in found:
            yield from _source(name, found[name], dead_letters)


def _how_full(name: str, attributes: Attributes) -> Finding:
    waiting = _number(attributes, "ApproximateNumberOfMessages")
    hidden = _number(attributes, "ApproximateNumberOfMessagesNotVisible")
    if attributes.get("FifoQueue") == "true":
        said = "it is a FIFO queue, and a standard queue is needed (single delays, batches)"
        fix = "create it from infra/resources.yml"
        return Finding(AREA, name, "failed", said, fix)
    if name == DEAD_LETTERS and waiting + hidden:
        said = f"{count(waiting + hidden, 'dead letter')}"
        return Finding(AREA, name, "warning", said, "read them: hautech-worker dead-letters")
    if name == DEAD_LETTERS:
        return Finding(AREA, name, "ok", "empty")
    return Finding(AREA, name, "ok", f"{waiting:,} waiting, {hidden:,} in work or hidden")


def _are_different(found: Mapping[str, Attributes]) -> Iterator[Finding]:
    arns = [attributes.get("QueueArn") for attributes in found.values()]
    if len(arns) < 2:
        return
    if len(set(arns)) < len(arns):
        names = " and ".join(found)
        said = f"{names} are not all different queues, so messages would reach the wrong hands"
        fix = "set each to its own output of the stack"
        yield Finding(AREA, "three queues", "failed", said, fix)
    else:
        yield Finding(AREA, "three queues", "ok", "each is a queue of its own")


def _source(
    name: str, attributes: Attributes, dead_letters: Attributes | None
) -> Iterator[Finding]:
    visibility_s = _number(attributes, "VisibilityTimeout")
    if visibility_s < LEAST_VISIBILITY_S:
        said = f"visibility timeout {visibility_s} s: a message comes back while it is worked on"
        fix = "at least 30 s; on Lambda at least six times the function's timeout"
        yield Finding(AREA, name, "warning", said, fix)
    retention_s = _number(attributes, "MessageRetentionPeriod")
    policy = _policy(attributes)
    if policy is None:
        said = "no redrive policy: a message that stops every worker circles until it expires"
        fix = "set RedrivePolicy to the dead-letter queue, as infra/resources.yml does"
        yield Finding(AREA, name, "warning", said, fix)
        return
    yield from _redrive(name, policy, visibility_s, retention_s, dead_letters)
    if dead_letters is None:
        return
    kept_s = _number(dead_letters, "MessageRetentionPeriod")
    if kept_s <= retention_s:
        said = (
            f"the dead-letter queue keeps messages for {duration(kept_s)}, this queue for "
            f"{duration(retention_s)}: SQS counts from the first sending, so a dead letter may "
            "vanish at once"
        )
        fix = "set its MessageRetentionPeriod to 1209600 (14 days)"
        yield Finding(AREA, name, "failed", said, fix)


def _redrive(
    name: str,
    policy: Mapping[str, Any],
    visibility_s: int,
    retention_s: int,
    dead_letters: Attributes | None,
) -> Iterator[Finding]:
    target = str(policy.get("deadLetterTargetArn", ""))
    receives = int(policy.get("maxReceiveCount", 0))
    if dead_letters and target != dead_letters.get("QueueArn"):
        said = f"its redrive policy leads to {target}, not to the dead-letter queue of the settings"
        fix = "correct the policy, or WORKER_DEAD_LETTER_QUEUE_URL"
        yield Finding(AREA, name, "failed", said, fix)
    least = LEAST_RECEIVES[name]
    if receives < least:
        why = (
            "each poll of a pending pipeline is a receive"
            if name == POLLS
            else "throttling and deployments are receives, too"
        )
        usual = 1000 if name == POLLS else 100
        said = f"SQS gives a message up after {receives} receives, and {why}"
        yield Finding(AREA, name, "failed", said, f"set maxReceiveCount to {usual}")
    elif receives * visibility_s > retention_s:
        said = (
            f"a message that stops every worker expires ({duration(retention_s)}) before its "
            f"{receives} receives of {visibility_s} s are over: it would be lost without a trace"
        )
        yield Finding(AREA, name, "warning", said, "shorten the visibility timeout")
    else:
        yield Finding(AREA, name, "ok", f"redrive after {receives} receives")


def _policy(attributes: Attributes) -> Mapping[str, Any] | None:
    text = attributes.get("RedrivePolicy")
    policy = json.loads(text) if text else None
    return policy if isinstance(policy, dict) else None


def _number(attributes: Attributes, name: str) -> int:
    return int(attributes.get(name) or 0)
