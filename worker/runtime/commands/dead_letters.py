"""`hautech-worker dead-letters`: requests that failed: list them, ask why, redrive or drop them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from worker.adapters.messages import QueueMessage
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.fields import rfc3339
from worker.contracts.readable import readable_request_id
from worker.contracts.text import one_line, redact
from worker.runtime.commands import dropping, redriving, why
from worker.runtime.commands.advice import NO_REASON
from worker.runtime.commands.letters import look
from worker.runtime.commands.output import plain, print_hanging, print_json, remark, stdout, styled
from worker.runtime.commands.services import services_for
from worker.runtime.commands.wording import ago, count, moment

app = typer.Typer(add_completion=False)


@app.callback(
    invoke_without_command=True,
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker dead-letters\n"
    "  hautech-worker dead-letters why sku-1042-front\n"
    "  hautech-worker dead-letters redrive --code output.forbidden --dry-run\n"
    "  hautech-worker dead-letters --json \\\n"
    "    | jq -r '.deadLetters\\[].errorCode' | sort | uniq -c",
)
def dead_letters(
    ctx: typer.Context,
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="With bodies, for scripts.")] = False,
) -> None:
    """List requests that failed, with the reasons. They stay where they are.

    The commands below say more about one of them, let it go on, or delete it.
    """
    if ctx.invoked_subcommand is not None:
        return
    services = services_for(ctx, "WORKER_DEAD_LETTER_QUEUE_URL")
    found = look(services.dead_letter_queue, limit=limit)
    if as_json:
        print_json({"deadLetters": [_json(message) for message in found]})
        return
    if not found:
        remark("No dead letters: every request that was accepted is done or on its way.")
        return
    console = stdout()
    for message in found:
        _print(console, message, services.clock.now())
    more = f"; there may be more: --limit {limit * 5}" if len(found) == limit else ""
    remark(f"{count(len(found), 'dead letter')}{more}. {_next_step(found[0])}")


app.command("why", epilog=why.EPILOG)(why.why)
app.command("redrive", epilog=redriving.EPILOG)(redriving.redrive)
app.command("drop", epilog=dropping.EPILOG)(dropping.drop)


def _next_step(newest: QueueMessage) -> str:
    reason = DeadLetterReason.from_attributes(newest.attributes)
    name = (reason and reason.request_id) or readable_request_id(newest.body) or newest.message_id
    return f"What can be done: hautech-worker dead-letters why {name}"


def _print(console: Console, message: QueueMessage, now: datetime) -> None:
    reason = DeadLetterReason.from_attributes(message.attributes)
    request_id = (reason and reason.request_id) or readable_request_id(message.body)
    head = styled(request_id or "(no readable requestId)", "bold")
    if reason is None:
        head.append("  no reason given", style="yellow")
        head.append(f"  sent {ago(message.sent_at, now)}", style="dim")
        console.print(head, soft_wrap=True)
        print_hanging(console, styled(f"  {NO_REASON}"), 2)
        console.print(styled(f"  received {count(message.receive_count, 'time')}", "dim"))
    else:
        head.append(f"  {plain(reason.error_code)}", style="red")
        head.append(f"  in {plain(reason.error_stage)}, {ago(reason.failed_at, now)}", style="dim")
        console.print(head, soft_wrap=True)
        print_hanging(console, styled(f"  {reason.error_message}"), 2)
        console.print(styled(f"  failed {moment(reason.failed_at)}", "dim"))
    if request_id is None:
        # The beginning of the body is then the only trace of who sent it.
        console.print(styled(f"  body: {one_line(redact(message.body[:400]), 200)}", "dim"))
        console.print(styled(f"  message id {message.message_id}", "dim"), soft_wrap=True)
    console.print()


def _json(message: QueueMessage) -> dict[str, Any]:
    reason = DeadLetterReason.from_attributes(message.attributes)
    return {
        "messageId": message.message_id,
        "requestId": (reason and reason.request_id) or readable_request_id(message.body),
        "errorCode": reason.error_code if reason else None,
        "errorMessage": reason.error_message if reason else NO_REASON,
        "errorStage": reason.error_stage if reason else None,
        "eventId": reason.event_id if reason else None,
        "failedAt": rfc3339(reason.failed_at) if reason else None,
        "sentAt": rfc3339(message.sent_at),
        "receiveCount": message.receive_count,
        "body": message.body,
    }
