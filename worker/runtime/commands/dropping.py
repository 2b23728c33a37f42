"""`hautech-worker dead-letters drop`: dead letters are deleted, the records of their jobs stay."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from worker.runtime.commands.choosing import Choice, choose, remark_newer
from worker.runtime.commands.letters import Reading
from worker.runtime.commands.output import fail, print_json, remark, stdout, styled
from worker.runtime.commands.questions import confirm
from worker.runtime.commands.services import Services, clock_for, services_for
from worker.runtime.commands.wording import count
from worker.runtime.redriving import letter_of

EPILOG: Final = (
    "[bold]Examples[/bold]\n\n"
    "  hautech-worker dead-letters drop sku-1042-front\n"
    "  hautech-worker dead-letters drop --code request.malformed"
)


def drop(
    ctx: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="requestIds or message ids.")
    ] = None,
    *,
    code: Annotated[
        str | None,
        typer.Option(help="All with this error code; none: those without a reason."),
    ] = None,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Delete dead letters. The record of a job stays, and so do its event and what it cost.

    A job whose dead letter is gone can still be redriven by its requestId, as long as there is a
    record of it. What never became a job is gone for good. What fails while the command runs is
    left.
    """
    choice = choose(ids or (), code, is_all=False, until=clock_for(ctx).now())
    services = services_for(ctx, "WORKER_DEAD_LETTER_QUEUE_URL")
    dropped = []
    if choice.is_by_id or is_sure or _is_agreed(services, choice):
        dropped = _drop(services, choice)
    if as_json:
        print_json({"dropped": dropped, "left": {"sinceStart": len(choice.newer)}})
    else:
        for one in dropped:
            name = one["requestId"] or one["messageId"]
            stdout().print(styled(f"{name}  dropped"), soft_wrap=True)
        records = "; the records of jobs stay: hautech-worker job ID" if dropped else ""
        remark(f"{count(len(dropped), 'dead letter')} dropped{records}.")
        remark_newer(choice)
    if choice.missing:
        names = ", ".join(f'"{one}"' for one in sorted(choice.missing))
        raise fail(
            f"{names}: no dead letter has this requestId or message id; see what there is: "
            "hautech-worker dead-letters --limit 1000"
        )


def _is_agreed(services: Services, choice: Choice) -> bool:
    """Whether there is something to drop. Raises typer.Exit unless the person agrees to it."""
    with Reading(services.dead_letter_queue) as reading:
        number = sum(1 for _ in choice.letters(reading))
    if number:
        confirm(f"{count(number, 'dead letter')} with {choice.code}: delete for good?")
    return number > 0


def _drop(services: Services, choice: Choice) -> list[dict[str, Any]]:
    dropped = []
    with Reading(services.dead_letter_queue) as reading:
        for message in choice.letters(reading):
            services.dead_letter_queue.delete(message.receipt_handle)
            reading.forget(message)
            letter = letter_of(message)
            code = letter.reason.error_code if letter.reason else None
            dropped.append(
                {
                    "requestId": letter.request_id,
                    "messageId": message.message_id,
                    "errorCode": code,
                }
            )
    return dropped
