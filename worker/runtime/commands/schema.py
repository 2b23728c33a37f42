"""`hautech-worker schema`: prints what a message looks like, for machines and for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from worker.contracts.schemas import json_schemas, render_schema

app = typer.Typer(add_completion=False)


class Message(StrEnum):
    """The messages that have a schema."""

    REQUEST = "request"
    EVENT = "event"
    POLL = "poll"
    BATCH = "batch"
    BATCH_EVENT = "batch-event"
    FOLLOW = "follow"


_FILES = {
    Message.REQUEST: "request.schema.json",
    Message.EVENT: "result-event.schema.json",
    Message.POLL: "poll.schema.json",
    Message.BATCH: "batch.schema.json",
    Message.BATCH_EVENT: "batch-event.schema.json",
    Message.FOLLOW: "follow.schema.json",
}


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker schema > request.schema.json\n"
    "  hautech-worker schema event"
)
def schema(
    message: Annotated[
        Message,
        typer.Argument(
            metavar="MESSAGE",
            help="request or batch (what goes in), event or batch-event (what comes out), poll or "
            "follow (our own).",
        ),
    ] = Message.REQUEST,
) -> None:
    """Print the JSON Schema of a message (JSON Schema 2020-12)."""
    typer.echo(render_schema(json_schemas()[_FILES[message]]), nl=False)
