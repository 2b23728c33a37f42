"""`hautech-worker dead-letters redrive`: failed requests go on where they stood."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

import typer

from worker.adapters.messages import QueueMessage
from worker.engine.redrive import Action, Judgement, judge_job
from worker.engine.redrive import redrive as redrive_job
from worker.errors import WorkerError
from worker.runtime.commands.choosing import Choice, choose, remark_newer
from worker.runtime.commands.letters import Reading
from worker.runtime.commands.output import (
    FAILED,
    fail,
    print_hanging,
    print_json,
    remark,
    stdout,
    styled,
)
from worker.runtime.commands.questions import confirm
from worker.runtime.commands.services import Services, clock_for, services_for
from worker.runtime.commands.wording import count
from worker.runtime.redriving import Redriving, letter_of

NEEDS: Final = (
    "WORKER_DEAD_LETTER_QUEUE_URL",
    "WORKER_REQUEST_QUEUE_URL",
    "WORKER_POLL_QUEUE_URL",
    "WORKER_JOB_TABLE",
    "WORKER_INPUT_BUCKETS",
    "WORKER_OUTPUT_BUCKETS",
)
EPILOG: Final = (
    "[bold]Examples[/bold]\n\n"
    "  hautech-worker dead-letters redrive sku-1042-front\n"
    "  hautech-worker dead-letters redrive --code pipeline.timeout --yes\n"
    "  hautech-worker dead-letters redrive --all --dry-run"
)

_AT_ONCE: Final = 10
"""Dead letters at once: their deletes and poll messages share requests."""

_DONE: Final = {
    Action.REOPEN: "reopened",
    Action.WAKE: "woken",
    Action.SEND: "sent again",
    Action.DROP: "dropped",
    Action.REFUSE: "refused",
}
_CARRIED: Final = frozenset({Action.REOPEN, Action.WAKE, Action.SEND})
_STYLES: Final = {Action.REFUSE: "yellow", Action.DROP: "dim"}


class Unlimited:
    """The budget of a command: a person can wait."""

    def remaining_s(self) -> float:
        """See `WorkBudget.remaining_s`."""
        return math.inf


@dataclass(frozen=True, slots=True)
class _Result:
    request_id: str | None
    message_id: str | None
    judgement: Judgement | None
    trouble: str = ""

    @property
    def is_good(self) -> bool:
        return self.judgement is not None and self.judgement.action is not Action.REFUSE

    @property
    def pays(self) -> bool:
        return self.judgement is not None and "PAID FOR" in self.judgement.because

    @property
    def may_go_on(self) -> bool:
        """Whether its request may be on its way: also when nobody knows how far we came."""
        return self.judgement is None or self.judgement.action in _CARRIED


@dataclass(slots=True)
class _Left:
    """The dead letters that are left alone, so that a run pays once at most for a request.

    A job that fails again while the command runs has a new dead letter; an old one may lie beside
    it. Redriving those would pay for as long as the job keeps failing.
    """

    choice: Choice
    repeated: set[str] = field(default_factory=set)
    """The message ids of those whose request was redriven before in this run."""

    def json(self) -> dict[str, int]:
        return {"sinceStart": len(self.choice.newer), "sameRequest": len(self.repeated)}

    def remark(self) -> None:
        remark_newer(self.choice)
        if self.repeated:
            remark(
                f"Left: {count(len(self.repeated), 'dead letter')} of a request that was redriven "
                "a moment ago. Redrive again when its job is over."
            )


def redrive(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="requestIds or message ids.")
    ] = None,
    *,
    is_all: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    code: Annotated[
        str | None,
        typer.Option(help="All with this error code; none: those without a reason."),
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Let failed requests go on where they stood.

    A paid pipeline is polled, not run again; only a run that Hautech itself reports as failed is
    paid for again. What never became a job is sent to the requests queue. A dead letter is deleted
    when its job goes on, and stays if that is refused. Each request is redriven once at most; what
    fails while the command runs is left.
    """
    until = clock_for(ctx).now()
    choice = choose(ids or (), code, is_all=is_all, all_option="--all", until=until)
    services = services_for(ctx, *NEEDS)
    left = _Left(choice)
    results = []
    if choice.is_by_id or is_dry_run or is_sure or _is_agreed(services, left):
        results = list(_each(services, left, is_dry_run=is_dry_run))
    if as_json:
        redriven = [_json(result, is_dry_run=is_dry_run) for result in results]
        print_json({"redriven": redriven, "left": left.json()})
    else:
        _print(results, is_dry_run=is_dry_run)
        left.remark()
    if choice.missing:
        raise fail(_unknown(choice.missing, services))
    if not all(result.is_good for result in results):
        raise typer.Exit(FAILED)


def _each(services: Services, left: _Left, *, is_dry_run: bool) -> Iterator[_Result]:
    world, choice = services.record_world, left.choice
    redriven: set[str] = set()
    desk = Redriving(
        world, requests=services.request_queue, dead_letters=services.dead_letter_queue
    )
    with Reading(services.dead_letter_queue) as reading, ThreadPoolExecutor(_AT_ONCE) as pool:
        letters = choice.letters(reading)
        # A handful at a time, so that none waits for longer than it stays hidden.
        while handful := list(islice(letters, _AT_ONCE)):
            one = partial(_one, desk, is_dry_run=is_dry_run)
            for messages in one_of_each_job(handful):
                fresh = [message for message in messages if _job_of(message) not in redriven]
                left.repeated |= {
                    message.message_id for message in messages if message not in fresh
                }
                for message, result in zip(fresh, pool.map(one, fresh), strict=True):
                    if result.may_go_on:
                        redriven.add(_job_of(message))
                    if result.is_good and not is_dry_run:
                        reading.forget(message)
                    yield result
    for request_id in sorted(choice.missing):
        # Its dead letter may have been dropped, or be older than 14 days; the record knows all.
        job = services.store.load(request_id)
        if job is None:
            continue
        choice.missing.discard(request_id)
        with _told(request_id, None) as told:
            if is_dry_run:
                told.judgement = judge_job(job, now=world.now())
            else:
                told.judgement = redrive_job(world, job, Unlimited())
        yield told.result()


def one_of_each_job(messages: list[QueueMessage]) -> Iterator[list[QueueMessage]]:
    """The messages in rounds, so that two dead letters of one job do not race each other."""
    while messages:
        first: dict[str, QueueMessage] = {}
        for message in messages:
            first.setdefault(_job_of(message), message)
        yield list(first.values())
        messages = [one for one in messages if one not in first.values()]


def _job_of(message: QueueMessage) -> str:
    """What a letter is about: its request, or itself."""
    return letter_of(message).request_id or message.message_id


def _one(desk: Redriving, message: QueueMessage, *, is_dry_run: bool) -> _Result:
    with _told(letter_of(message).request_id, message.message_id) as told:
        told.judgement = desk.judge(message) if is_dry_run else desk.redrive(message, Unlimited())
    return told.result()


@dataclass(slots=True)
class _Telling:
    request_id: str | None
    message_id: str | None
    judgement: Judgement | None = None
    trouble: str = ""

    def result(self) -> _Result:
        return _Result(self.request_id, self.message_id, self.judgement, self.trouble)


@contextmanager
def _told(request_id: str | None, message_id: str | None) -> Iterator[_Telling]:
    """Keeps the trouble of one job from those that come after it."""
    telling = _Telling(request_id, message_id)
    try:
        yield telling
    except WorkerError as error:
        telling.trouble = error.message


def _is_agreed(services: Services, left: _Left) -> bool:
    """Whether there is something to do. Raises typer.Exit unless the person agrees to it."""
    planned = list(_each(services, left, is_dry_run=True))
    if not planned:
        return False
    paying = sum(result.pays for result in planned)
    pays = f"; {count(paying, 'of them pays', 'of them pay')} again" if paying else ""
    confirm(
        f"{count(len(planned), 'dead letter')}: {_counts(planned, is_dry_run=True)}{pays}. Redrive?"
    )
    return True


def _counts(results: list[_Result], *, is_dry_run: bool) -> str:
    words = Counter(_word(result, is_dry_run=is_dry_run) for result in results)
    return ", ".join(f"{number} {word}" for word, number in words.most_common())


def _what(results: list[_Result]) -> str:
    """How many dead letters, and how many jobs that had none any more."""
    letters = sum(result.message_id is not None for result in results)
    counted = ((letters, "dead letter"), (len(results) - letters, "job"))
    return ", ".join(count(number, noun) for number, noun in counted if number)


def _word(result: _Result, *, is_dry_run: bool) -> str:
    if result.judgement is None:
        return "not done"
    action = result.judgement.action
    if action is Action.DROP and result.message_id is None:
        return "left as it is"
    return f"to {action}" if is_dry_run and action is not Action.REFUSE else _DONE[action]


def _print(results: list[_Result], *, is_dry_run: bool) -> None:
    console = stdout()
    for result in results:
        name = result.request_id or result.message_id
        line = styled(name, "bold")
        action = result.judgement.action if result.judgement else None
        style = _STYLES.get(action, "green") if action else "red"
        line.append(f"  {_word(result, is_dry_run=is_dry_run)}", style=style)
        console.print(line, soft_wrap=True)
        why = result.judgement.because if result.judgement else result.trouble
        print_hanging(console, styled(f"  {why}"), 2)
    if results:
        remark(f"{_what(results)}: {_counts(results, is_dry_run=is_dry_run)}.")
    else:
        remark("No dead letters that fit.")


def _json(result: _Result, *, is_dry_run: bool) -> dict[str, Any]:
    return {
        "requestId": result.request_id,
        "messageId": result.message_id,
        "action": result.judgement.action.value if result.judgement else None,
        "because": result.judgement.because if result.judgement else None,
        "isDone": result.is_good and not is_dry_run,
        "error": result.trouble or None,
    }


def _unknown(missing: set[str], services: Services) -> str:
    names = ", ".join(f'"{one}"' for one in sorted(missing))
    return unknown_letter(names, services.settings.job_table)


def unknown_letter(names: str, table: str) -> str:
    """What to say about ids for which there is neither a dead letter nor a job."""
    return (
        f"{names}: no dead letter has this requestId or message id, and the table {table} no such "
        "job.\n"
        "  - See what there is: hautech-worker dead-letters --limit 1000\n"
        "  - Somebody may be reading it just now, which hides it for up to 30 s: try again"
    )
