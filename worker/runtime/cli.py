"""`hautech-worker`: the table of commands. A command's code is imported when it is called.

So `--help` and `schema` answer at once, and `run` does not carry what only people need.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from worker import __version__
from worker.errors import SettingsError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED: Final = 1
SETTINGS: Final = 2

_WORK, _LOOK, _REPAIR, _SET_UP = "Work", "Look", "Put right", "Set up"

# Values are checked by pydantic (Source: pydantic-core's error messages); more than one may apply.
_PARSER_WORDS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"^Input should be a valid integer.*", "must be a whole number, such as 7"),
        (r"^Input should be a valid number.*", "must be a number, such as 2.5"),
        (r"^Input should be greater than or equal to ", "must be at least "),
        (r"^Input should be less than or equal to ", "must be at most "),
        (r"^Value error, '(.*?)' is not one of '(.*)'\.$", r'"\1" must be one of \2'),
        (r"', '(?=[a-z-]+(', '|$))", ", "),
    )
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One command: the module that has it as `app`, and its line in `--help`."""

    module: str
    summary: str
    panel: str


COMMANDS: Final[Mapping[str, _Entry]] = {
    "run": _Entry("run", "Work on requests until stopped.", _WORK),
    "submit": _Entry("submit", "Send requests: from options, a file or stdin.", _WORK),
    "jobs": _Entry("jobs", "List jobs, the latest change first.", _LOOK),
    "job": _Entry("job", "Tell what happened to one job, and why.", _LOOK),
    "batch": _Entry("batch", "Tell how a batch stands; send one, cancel one.", _LOOK),
    "watch": _Entry("watch", "Follow jobs live.", _LOOK),
    "dead-letters": _Entry(
        "dead_letters", "List requests that failed; ask why, redrive or drop them.", _REPAIR
    ),
    "replay": _Entry("replay", "Publish the result event of jobs that are over again.", _REPAIR),
    "reconcile": _Entry("reconcile", "Wake open jobs whose message may be lost.", _REPAIR),
    "doctor": _Entry("doctor", "Check settings, AWS and Hautech; say how to fix them.", _SET_UP),
    "rules": _Entry("rules", "Show or check the rules of drop folders; try a file.", _SET_UP),
    "schema": _Entry("schema", "Print the JSON Schema of a message.", _SET_UP),
    "demo": _Entry("demo", "See it work on this machine, without any account.", _SET_UP),
}


class _Commands(TyperGroup):
    """Knows the commands by name; loads the one that is called."""

    is_process = False
    """Whether the process is ours, with its streams: `main` says so, a test does not."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            # Stands in for the command in `--help` and in "did you mean".
            self.commands[name] = TyperCommand(
                name, help=entry.summary, rich_help_panel=entry.panel
            )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, complete with its options."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in COMMANDS:
            module = import_module(f"worker.runtime.commands.{COMMANDS[name].module}")
            command = get_command(module.app)
            if self.is_process and "structlog" in sys.modules:
                # Until `run` says otherwise: what parts of a command warn of goes to stderr, since
                # stdout is for what was asked for. A command that loads no structlog logs nothing.
                import_module("worker.telemetry").configure_logging(level="warning")
            for one in (command, *getattr(command, "commands", {}).values()):
                # Typer keeps the line breaks of a docstring; a terminal has its own width.
                paragraphs = (one.help or "").split("\n\n")
                one.help = "\n\n".join(" ".join(text.split()) for text in paragraphs)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; our own errors end it with a sentence instead of a stack trace."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _in_plain_words(error.message)
            raise
        except SettingsError as error:
            typer.echo(_settings_text(error), err=True)
            raise typer.Exit(SETTINGS) from error
        except WorkerError as error:
            plain = import_module("worker.runtime.commands.output").plain
            typer.echo(f"error: {plain(error.message)}", err=True)
            raise typer.Exit(FAILED) from error


app = typer.Typer(
    name="hautech-worker",
    cls=_Commands,
    help="Turns product photos into model photos: SQS requests in, Hautech workflows run once, "
    "pictures in S3, events on SNS.",
    epilog="[bold]Start here[/bold]\n\n"
    "  hautech-worker demo            watch it work on this machine\n"
    "  hautech-worker doctor          check the settings in the environment\n"
    "  hautech-worker submit --help   what a request can say",
    no_args_is_help=True,
    add_completion=False,
    # Ordinary stack traces: the decorated ones show local variables, secrets among them.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if wanted:
        typer.echo(f"hautech-worker {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of the program as a whole."""


def main() -> None:
    """The console script; also `python -m worker`. Ends the process."""
    _Commands.is_process = True
    app(prog_name="hautech-worker")


def _in_plain_words(message: str) -> str:
    """What the option parser says of a value, in the words of our other messages."""
    for pattern, words in _PARSER_WORDS:
        message = pattern.sub(words, message)
    return message


def _settings_text(error: SettingsError) -> str:
    """Every problem with its fix below it, in plain text: `run` prints it into logs, too."""
    number = len(error.problems)
    lines = [f"{number} setting{'s need' if number > 1 else ' needs'} attention:"]
    for problem in error.problems:
        head = f"{problem.field}: {problem.value}" if problem.value else problem.field
        lines += ["", f"  {head}: {problem.rule}"]
        if problem.fix:
            lines.append(f"    -> {problem.fix}")
    if any(one.rule == "not set" and one.field.startswith("WORKER_") for one in error.problems):
        lines += ["", "A stage that `make deploy` made has them in a file: . .deployed/STAGE.env"]
    return "\n".join(lines)
