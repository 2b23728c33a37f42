"""A file of `export` lines that a shell can source; only its owner can read it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

_FIRST_WORDS = "# Settings of the local sandbox"
_ENDPOINT = re.compile("^export AWS_ENDPOINT_URL='(.*)'$", re.MULTILINE)
_ANSWER_S = 2.0

# What a developer's shell may hold and would send the commands elsewhere, or sign in twice.
_FOREIGN = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    *(
        f"AWS_ENDPOINT_URL_{service}"
        for service in ("DYNAMODB", "S3", "SECRETS_MANAGER", "SNS", "SQS", "STS")
    ),
    "HAUTECH_API_TOKEN",
    "HAUTECH_SECRET_ARN",
)


class InUseError(Exception):
    """The file belongs to somebody: "a sandbox is running here already (.sandbox/env); stop it, …"."""


def check_free(path: Path) -> None:
    """Lets pass what a sandbox left behind that was killed: nobody listens at its address.

    Raises:
        InUseError: the sandbox that wrote the file runs, or no sandbox wrote it.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    other = "give another file with --env (make sandbox ENV=…)"
    if not text.startswith(_FIRST_WORDS):
        raise InUseError(f"{path} is there, and no sandbox wrote it; {other}")
    endpoint = _ENDPOINT.search(text)
    if endpoint is not None and _listens(endpoint[1]):
        raise InUseError(f"a sandbox is running here already ({path}); stop it, or {other}")


def _listens(url: str) -> bool:
    try:
        address = urlsplit(url)
        if address.hostname is None or address.port is None:
            return False
        with socket.create_connection((address.hostname, address.port), timeout=_ANSWER_S):
            return True
    except (OSError, ValueError):
        return False


class EnvFile:
    """Writes the file at once; `remove` takes it away again.

    Args:
        path: where; a file that is there is replaced, missing folders are made.
        values: variables by name. Others that would contradict them are unset.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, values: Mapping[str, str]) -> None:
        self._path = path
        self._text = _text(values)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never for a moment readable by others, and never half written.
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._text)
        new.replace(path)

    def remove(self) -> None:
        """Removes the file, and its folder if that is empty then; not a file of somebody else."""
        with suppress(OSError):  # there is nothing to do about it, and more to stop
            if self._path.read_text(encoding="utf-8") == self._text:
                self._path.unlink()
                self._path.parent.rmdir()


def _text(values: Mapping[str, str]) -> str:
    lines = [
        f"{_FIRST_WORDS}, secrets included. Written by `make sandbox`, gone with it.",
        f"unset {' '.join(name for name in _FOREIGN if name not in values)}",
    ]
    lines += [f"export {name}={_quoted(value)}" for name, value in sorted(values.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """For any POSIX shell: within single quotes nothing but their end has a meaning."""
    return "'" + value.replace("'", "'\\''") + "'"
