"""The promises, as checks of the evidence. Pure: each returns a sentence for every violation."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.chaos.crew import End
from tests.chaos.evidence import Evidence
from worker.contracts.dead_letter import DeadLetterReason

Check = Callable[[Evidence], Iterator[str]]

_SIGNED = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.|[?&](?:signature|X-Amz-Signature)=\w", re.ASCII)
"""A JSON web token, or the query of a signed link."""

GIVEN_UP: Final = "submission.unknown"

_BAD_LEVELS: Final = {"error", "critical"}


def violations(evidence: Evidence) -> list[str]:
    """What was promised and did not hold; empty when all of it did."""
    return [
        f"{check.__name__.strip('_')}: {sentence}"
        for check in CHECKS
        for sentence in check(evidence)
    ]


def nothing_is_paid_twice(evidence: Evidence) -> Iterator[str]:
    """One run at most for a step of a request, whatever its key."""
    runs = defaultdict(list)
    for run in evidence.runs:
        runs[run.request_id, run.step].append(run.pipeline_id)
    for (request_id, step), pipelines in runs.items():
        if len(pipelines) > 1:
            yield f"{request_id}, step {step}: {len(pipelines)} runs: {', '.join(pipelines)}"


def only_what_was_asked_for_is_paid(evidence: Evidence) -> Iterator[str]:
    """No run for a request that cannot be made, none that nobody asked for, all others made."""
    wanted = {(order.request_id, step) for order in evidence.orders for step in order.steps}
    for run in evidence.runs:
        if (run.request_id, run.step) not in wanted:
            yield f"{run.request_id}, step {run.step}: was run, and nobody asked for it"
    paid = {(run.request_id, run.step) for run in evidence.runs}
    for request_id, step in sorted(wanted - paid):
        if request_id in given_up(evidence):
            continue
        yield f"{request_id}, step {step}: was never run"


def every_request_has_one_ending(evidence: Evidence) -> Iterator[str]:
    """Copies of one event are one ending; two event ids, or another status, are not.

    The ending is the one that was foreseen, unless the paid call was lost on its way twice.
    """
    by_subject: dict[str | None, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for event in evidence.events:
        before = by_subject[event["subject"]].setdefault(event["id"], event)
        if _verdict(before) != _verdict(event):
            yield f"{event['subject']}: event {event['id']} says different things"
    orders = {order.request_id: order for order in evidence.orders}
    for subject in by_subject:
        if subject not in orders:
            yield f"{subject}: an event that nobody asked for"
    for request_id, order in orders.items():
        found = by_subject.get(request_id, {})
        endings = sorted(_ending(event) for event in found.values())
        wanted = GIVEN_UP if request_id in given_up(evidence) else str(order.ending)
        if endings != [wanted]:
            yield f"{request_id}: must end as {order.ending}, and ended as {endings or 'nothing'}"


def pictures_are_what_events_say(evidence: Evidence) -> Iterator[str]:
    """Every output of a succeeded event is in S3 with that hash, and the document says the same."""
    for event in evidence.events:
        data = event["data"]
        if data["status"] == "succeeded" and not data["outputs"] and not data["result"]:
            yield f"{event['subject']}: succeeded with nothing to show"
        for output in data["outputs"]:
            found = evidence.objects.get(output["uri"])
            if found != output["sha256"]:
                yield f"{output['uri']}: must have SHA-256 {output['sha256']}, has {found}"
        request_id = event["subject"]
        if request_id not in evidence.jobs:
            continue
        texts = [
            text for uri, text in evidence.documents.items() if uri.endswith(f"/{request_id}.json")
        ]
        if [json.loads(text) for text in texts] != [data]:
            yield f"{request_id}: its result document does not say what its event says"


def failures_have_a_reason_and_a_dead_letter(evidence: Evidence) -> Iterator[str]:
    """Each failed request lies in the dead-letter queue with the reason of its event, nothing else."""
    letters: dict[str | None, list[DeadLetterReason]] = defaultdict(list)
    for letter in evidence.dead_letters:
        reason = DeadLetterReason.from_attributes(letter.attributes)
        if reason is None:
            yield f"a dead letter without a reason: {letter.body[:100]}"
        else:
            letters[reason.request_id].append(reason)
    failed = {event["subject"]: event for event in evidence.events if event["data"]["error"]}
    for request_id, event in failed.items():
        error = event["data"]["error"]
        if not error["message"]:
            yield f"{request_id}: failed without a reason"
        told = {(one.error_code, one.event_id) for one in letters.get(request_id, [])}
        if told != {(error["code"], event["id"])}:
            yield f"{request_id}: failed as {error['code']}, and its dead letters say {told}"
    for request_id in letters:
        if request_id not in failed:
            yield f"{request_id}: a dead letter, and no failed event"


def nothing_is_left_behind(evidence: Evidence) -> Iterator[str]:
    """No message in a queue, no job open, no lease held, no record that nobody asked for."""
    for name, count in evidence.in_queues.items():
        if count:
            yield f"queue {name}: {count} message(s) left"
    for request_id, job in evidence.jobs.items():
        if not job.state.is_final:
            yield f"{request_id}: still {job.state}"
        if job.lease is not None:
            yield f"{request_id}: still held, until {job.lease.until}"
    expected = {order.request_id for order in evidence.orders if order.has_record}
    # No requestId has a "#": items with one are what the workers share, such as learned durations.
    jobs = {key for key in evidence.records if "#" not in key}
    for request_id in sorted(expected ^ jobs):
        yield f"{request_id}: {'no record' if request_id in expected else 'a record too many'}"


def secrets_stay_secret(evidence: Evidence) -> Iterator[str]:
    """No planted secret, no token and no signed link in what workers wrote anywhere."""
    places: dict[str, str] = {
        **{f"the record of {key}": text for key, text in evidence.records.items()},
        **dict(evidence.documents),
        **{f"the log of {end.worker}": _text(end) for end in evidence.ends},
        "the events": json.dumps(list(evidence.events)),
        "the dead letters": json.dumps(
            [[letter.body, dict(letter.attributes)] for letter in evidence.dead_letters]
        ),
    }
    for place, text in places.items():
        for what, secret in evidence.secrets.items():
            if secret in text:
                yield f"{what} is in {place}"
        if found := _SIGNED.search(text):
            yield f"a token or a signed link is in {place}, at character {found.start()}"


def logs_tell_of_no_bug(evidence: Evidence) -> Iterator[str]:
    """Every line is an event of ours; none is an error, has a traceback or tells of money lost."""
    for end in evidence.ends:
        lines = _text(end).splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if not line.endswith("\n") and end.code == -signal.SIGKILL:
                continue  # it was killed while it wrote
            if sentence := _complaint(line):
                yield f"{end.worker}, line {number}: {sentence}"


def workers_end_as_they_are_told(evidence: Evidence) -> Iterator[str]:
    """SIGTERM gives exit code 0; nobody ends by himself."""
    for end in evidence.ends:
        wanted = -signal.SIGKILL if end.told is signal.SIGKILL else 0
        if end.told is None:
            yield f"{end.worker}: ended by itself with code {end.code}"
        elif end.code != wanted:
            yield f"{end.worker}: was sent {end.told.name} and ended with code {end.code}"


CHECKS: Final[tuple[Check, ...]] = (
    nothing_is_paid_twice,
    only_what_was_asked_for_is_paid,
    every_request_has_one_ending,
    pictures_are_what_events_say,
    failures_have_a_reason_and_a_dead_letter,
    nothing_is_left_behind,
    secrets_stay_secret,
    logs_tell_of_no_bug,
    workers_end_as_they_are_told,
)


def given_up(evidence: Evidence) -> set[str]:
    """Requests that failed because the run was sent twice, was lost twice, and cost nothing.

    By decision the worker sends a run twice at most. It counts as given up only if Hautech has no
    run of one of its steps: to give up what was paid is a violation.
    """
    paid = {(run.request_id, run.step) for run in evidence.runs}
    said = {event["subject"] for event in evidence.events if _ending(event) == GIVEN_UP}
    return {
        order.request_id
        for order in evidence.orders
        if order.request_id in said
        and any((order.request_id, step) not in paid for step in order.steps)
    }


def actions(evidence: Evidence) -> Counter[str]:
    """How often workers logged each action: for the report, never as proof."""
    return Counter(
        str(document.get("action"))
        for end in evidence.ends
        for line in _text(end).splitlines()
        if (document := _document(line)) is not None
    )


def _verdict(event: Mapping[str, Any]) -> tuple[Any, ...]:
    data = event["data"]
    return data["status"], json.dumps(data["outputs"]), data["error"] and data["error"]["code"]


def _ending(event: Mapping[str, Any]) -> str:
    error = event["data"]["error"]
    return str(error["code"] if error else event["data"]["status"])


def _text(end: End) -> str:
    return end.log.read_text(encoding="utf-8", errors="replace")


def _document(line: str) -> dict[str, Any] | None:
    try:
        document = json.loads(line)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _complaint(line: str) -> str | None:
    document = _document(line)
    if document is None:
        return f"is no event: {line.rstrip()[:300]}"
    if document.get("level") in _BAD_LEVELS or "exception" in document:
        return f"{document.get('action')}: {document.get('event')}"
    if "PAID TWICE" in str(document.get("event")):
        return str(document["event"])
    return None
