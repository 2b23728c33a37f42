"""From counted facts to a verdict: were the promises kept, and in a few words what happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.faults.catalogue import ENDS_FAILED, Call
from tests.faults.findings import Findings
from tests.faults.plan import Variant
from tests.faults.strikes import Blow


class Symbol(StrEnum):
    """What happened, in one character: the strongest of what did."""

    UNHARMED = "·"
    REPEATED = "r"
    RETURNED = "m"
    TAKEN_OVER = "w"
    ADOPTED = "a"
    SENT_AGAIN = "s"
    FAILED = "f"
    PAID_TWICE = "2"
    BROKEN = "✗"


LEGEND = {
    Symbol.UNHARMED: "went on at once: nothing had to be repeated",
    Symbol.REPEATED: "the call was repeated at once, by the SDK or by our client",
    Symbol.RETURNED: "the message came back, and the job went on where it stood",
    Symbol.TAKEN_OVER: "the worker was killed; another one went on when the message came back",
    Symbol.ADOPTED: "the run whose answer was lost was found in Hautech's list and adopted",
    Symbol.SENT_AGAIN: "two looks found no run, so it was sent again",
    Symbol.FAILED: "the job failed with a reason: one event, one dead letter",
    Symbol.PAID_TWICE: "paid twice, and the record says that it was sent twice: see below",
    Symbol.BROKEN: "a promise was broken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one variant of a cell ended."""

    symbol: Symbol
    words: str
    broken: tuple[str, ...] = ()
    """The promises that were not kept, with what was found."""


def judge(call: Call, variant: Variant | None, found: Findings, calm: Findings) -> Verdict:
    """The verdict about a run.

    Args:
        call: the row.
        variant: what was done to it.
        found: the facts.
        calm: the facts of the same job when nothing goes wrong.
    """
    broken = [what for one in (found, *found.others) for what in _broken(call, variant, one)]
    symbol, words = _what_happened(call, found, calm)
    if broken:
        symbol = Symbol.BROKEN
    return Verdict(symbol=symbol, words=f"{words}; {_end(found)}", broken=tuple(broken))


def _broken(call: Call, variant: Variant | None, found: Findings) -> list[str]:
    broken = list(found.problems)
    wanted = "failed" if call.flow in ENDS_FAILED else "succeeded"
    right_failure = variant.right_failure if variant else ""
    has_right_failure = found.state == "failed" and found.error_code == right_failure
    if found.state != wanted and not has_right_failure:
        broken.append(f"the job is {found.state} ({found.error_code}), not {wanted}")
    if found.event_status != found.state:
        broken.append(f"the event says {found.event_status}, the record {found.state}")
    if len(set(found.event_ids)) != 1:
        broken.append(f"{len(set(found.event_ids))} different events")
    least = 0 if has_right_failure else 1
    if not least <= found.paid <= 1 and not _may_be_paid_twice(call, variant, found):
        broken.append(f"{found.paid} pipelines were paid")
    dead_letters_wanted = 1 if found.state == "failed" else 0
    if min(found.dead_letters, 1) != dead_letters_wanted:
        broken.append(f"{found.dead_letters} dead letters")
    return broken


def _may_be_paid_twice(call: Call, variant: Variant | None, found: Findings) -> bool:
    """The design's one exception: a run that reaches Hautech after we have looked for it twice.

    It cannot be known, but it is counted: the record says how often the run was sent.
    """
    arrives_last = variant is not None and variant.blow is Blow.LATE_LAST
    return call.wire == "hautech.run" and arrives_last and found.paid == found.paid_calls == 2


def _what_happened(call: Call, found: Findings, calm: Findings) -> tuple[Symbol, str]:
    said: list[tuple[Symbol, str]] = []
    if found.paid > 1:
        said.append((Symbol.PAID_TWICE, "the run arrived after two looks for it"))
    if found.state == "failed" and call.flow not in ENDS_FAILED:
        said.append((Symbol.FAILED, f"the job failed with {found.error_code}"))
    if found.paid_calls > 1:
        said.append((Symbol.SENT_AGAIN, "two looks found no run; it was sent again"))
    if found.adopted and not calm.adopted:
        said.append((Symbol.ADOPTED, "the run was found in the list and adopted"))
    if found.deaths:
        said.append((Symbol.TAKEN_OVER, "a new worker went on"))
    said += _comings_back(found, calm)
    if not said and _extra(call, found, calm) > 0:
        by = "our client" if call.service == "Hautech" else "the SDK"
        said.append((Symbol.REPEATED, f"repeated at once by {by}"))
    if not said:
        said.append((Symbol.UNHARMED, "went on at once"))
    return said[0][0], ", ".join(words for _, words in said)


def _comings_back(found: Findings, calm: Findings) -> list[tuple[Symbol, str]]:
    said: list[str] = []
    if found.failed_receives:
        said.append("the receive failed and was made again")
    if found.failed_answers:
        said.append("the queue did not take the answer, and the message came back")
    if found.rests > calm.rests:
        said.append("the message rested and came back")
    elif found.retries > calm.retries:
        said.append("the message came back after a pause")
    if not said and not found.deaths and found.deliveries > calm.deliveries:
        said.append("the message came again")
    return [(Symbol.RETURNED, words) for words in said]


def _extra(call: Call, found: Findings, calm: Findings) -> int:
    more = found.exchanges.get(call.wire, 0) - calm.exchanges.get(call.wire, 0)
    return more + found.failed_lookups


def _end(found: Findings) -> str:
    end = "done" if found.state == "succeeded" else found.state
    times = {0: "nothing paid", 1: "paid once", 2: "paid twice"}.get(found.paid, "paid too often")
    if found.others:
        times += " each"
    times += "".join(f"; {note}" for note in found.notes)
    events = "" if len(found.event_ids) == 1 else f", {len(found.event_ids)} events with one id"
    letters = "" if found.dead_letters < 2 else f", {found.dead_letters} dead letters"
    return f"{end}, {times}{events}{letters}"
