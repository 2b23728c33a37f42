"""The presets that a command may use: those of the rules file that it was told, or of the workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.contracts import presets
from worker.contracts.presets import PRESET, Presets
from worker.contracts.s3_uri import SCHEME, S3Uri
from worker.drops.limits import MAX_YAML_BYTES
from worker.errors import InvalidRequestError, RulesError, WorkerError
from worker.runtime.commands.output import USAGE, fail
from worker.runtime.commands.services import Services

RulesFile = Annotated[
    str | None,
    typer.Option(
        "--rules",
        metavar="FILE",
        envvar="WORKER_DROP_RULES",
        help="Rules file with the presets: a file, or an s3:// URI.",
    ),
]
"""The option of the commands that may use presets."""


def presets_in(source: str, services: Services) -> Presets:
    """The presets of a rules file, which has to be sound. Ends the command if they cannot be had."""
    # Imported late: only who uses a preset waits for the YAML reader.
    from worker.drops.rules import load_rules  # noqa: PLC0415

    settings = services.settings
    try:
        rules = load_rules(
            read_rules_file(source, lambda: services),
            input_buckets=frozenset(settings.input_buckets),
            output_buckets=frozenset(settings.output_buckets),
            source=source,
        )
    except RulesError as error:
        raise fail(f"{error.message}\nhautech-worker rules check {source}", code=USAGE) from error
    return rules.presets


def template_with_preset(
    template: dict[str, Any], source: str | None, services: Services
) -> dict[str, Any]:
    """The template of a batch with its preset below it, names in braces and all.

    Ends the command if the preset cannot be had: every row is looked at before it is sent.
    """
    if template.get(PRESET) is None:
        return template
    if source is None:
        said = "preset: there is no rules file: give --rules, or set WORKER_DROP_RULES"
        raise fail(said, code=USAGE)
    try:
        return presets.template_with_preset(template, presets_in(source, services))
    except InvalidRequestError as error:
        raise fail(error.message, code=USAGE) from error


def read_rules_file(source: str, services: Callable[[], Services]) -> str:
    """The text of a rules file on this machine or in S3. Ends the command if it cannot be had."""
    if source.startswith(SCHEME):
        data = _read_from_s3(source, services)
    else:
        try:
            data = Path(source).expanduser().read_bytes()
        except OSError as error:
            raise fail(f"{source}: {error.strerror or error}") from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fail(f"{source}, line {line}: is not UTF-8 text: save it as UTF-8") from error


def _read_from_s3(source: str, services: Callable[[], Services]) -> bytes:
    try:
        uri = S3Uri.parse(source)
    except ValueError as error:
        raise fail(f"{source}: {error}") from error
    try:
        stored = services().objects.open(uri)
    except WorkerError as error:
        raise fail(f"{source}: {error.message}") from error
    try:
        return stored.body.read(MAX_YAML_BYTES + 1)
    finally:
        stored.body.close()
