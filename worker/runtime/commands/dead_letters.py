"""`hautech-worker dead-letters`: requests that failed, with the reasons; nothing is consumed.

A message is received to be read, which hides it from others; it is shown again right afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from worker.adapters.messages import MAX_RECEIVED, QueueMessage
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.fields import rfc3339
from worker.contracts.readable import readable_request_id
from worker.contracts.text import one_line, redact
from worker.errors import WorkerError
from worker.runtime.commands.output import plain, print_json, remark, stdout, styled
from worker.runtime.commands.services import DeadLetterQueue, services_for
from worker.runtime.commands.wording import ago, count, moment

app = typer.Typer(add_completion=False)

HIDDEN_S: Final = 30
"""How long a message would stay hidden if this process were killed while it looks."""
_WAIT_S: Final = 1
"""A long poll asks every server of the queue (Source: SQS guide, short and long polling)."""

NO_REASON: Final = (
    "no worker gave a reason: SQS moved it by itself after too many receives (it stopped every "
    "worker that took it, or none was allowed to finish), or somebody put it here by hand"
)


@app.command(
    name="dead-letters",
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker dead-letters\n"
    "  hautech-worker dead-letters --json | jq -r '.deadLetters\\[].errorCode' | sort | uniq -c",
)
def dead_letters(
    ctx: typer.Context,
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="With bodies, for scripts.")] = False,
) -> None:
    """List requests that failed, with the reasons. They stay where they are."""
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
    remark(f"{count(len(found), 'dead letter')}{more}.")


def look(queue: DeadLetterQueue, *, limit: int) -> list[QueueMessage]:
    """Up to `limit` messages, newest first, all of them visible again afterwards."""
    found: dict[str, QueueMessage] = {}
    try:
        while len(found) < limit:
            messages = queue.receive(
                max_messages=min(MAX_RECEIVED, limit - len(found)),
                wait_s=_WAIT_S,
                visibility_s=HIDDEN_S,
            )
            news = [message for message in messages if message.message_id not in found]
            found.update({message.message_id: message for message in messages})
            if not news:  # none left, or so many that the first ones are visible again
                break
    finally:
        _show_again(queue, list(found.values()))
    return sorted(found.values(), key=lambda message: message.sent_at, reverse=True)


def _show_again(queue: DeadLetterQueue, messages: Sequence[QueueMessage]) -> None:
    def show(message: QueueMessage) -> bool:
        try:
            # False: somebody else holds it by now, so it is not ours to show.
            queue.change_visibility(message.receipt_handle, 0)
        except WorkerError:
            return False
        return True

    # The queue sends what threads hand in at the same time in one call.
    with ThreadPoolExecutor(MAX_RECEIVED) as pool:
        failed = sum(not shown for shown in pool.map(show, messages))
    if failed:
        remark(f"{count(failed, 'dead letter')} will be hidden for {HIDDEN_S} s more.")


def _print(console: Console, message: QueueMessage, now: datetime) -> None:
    reason = DeadLetterReason.from_attributes(message.attributes)
    request_id = (reason and reason.request_id) or readable_request_id(message.body)
    head = styled(request_id or "(no readable requestId)", "bold")
    if reason is None:
        head.append("  no reason given", style="yellow")
        head.append(f"  sent {ago(message.sent_at, now)}", style="dim")
        console.print(head, soft_wrap=True)
        console.print(styled(f"  {NO_REASON}"), soft_wrap=True)
        console.print(styled(f"  received {count(message.receive_count, 'time')}", "dim"))
    else:
        head.append(f"  {plain(reason.error_code)}", style="red")
        head.append(f"  in {plain(reason.error_stage)}, {ago(reason.failed_at, now)}", style="dim")
        console.print(head, soft_wrap=True)
        console.print(styled(f"  {reason.error_message}"), soft_wrap=True)
        console.print(styled(f"  failed {moment(reason.failed_at)}", "dim"))
    if request_id is None:
        # The beginning of the body is then the only trace of who sent it.
        console.print(styled(f"  body: {one_line(redact(message.body[:400]), 200)}", "dim"))
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
