"""Logging set-up: one line per event, JSON or console, with secrets taken out in one place.

Logs go to stderr. Containers collect both streams alike, and stdout stays free for what a
command was asked for: `hautech-worker jobs --json | jq` must never meet a log line.

    module ─► structlog ─► context, level, time ─┐
                                                 ├─► RedactingRenderer ─► stderr
    boto3, urllib3 ─► logging (WARNING and up) ──┘

Redaction looks at the finished line: a handful of substring searches tell that nearly all lines
cannot hold a secret. Only the others are walked value by value and rendered again.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from worker.contracts.text import visible, visible_json

LogFormat = Literal["json", "console"]

# No pattern asks for the beginning of a word: a secret may stand right behind another letter.
_URL: Final = re.compile(
    # No open-ended scheme: it would take quadratic time on a long text without spaces.
    r"""([a-z][a-z0-9+.-]{0,15})://(?:[^\s/?#"'<>@\\]*@)?([^\s?#"'<>\\]*)(\?[^\s"'<>\\]*)?""",
    re.IGNORECASE,
)
_JWT: Final = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){0,2}")
_BEARER: Final = re.compile(r"(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
_KEY_BODY: Final = re.compile(r"MI[IG][\w+/]{64,}={0,2}")
_AWS_KEY_ID: Final = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,}")
_NAMES: Final = (
    r"(?<![\w-])[\w-]*?(?:signature|credentials?|token|secret|password|passwd|authorization|cookie"
    r"|api[-_]?key|access[-_]?key|private[-_]?key|key[-_]?secret)|\bsig"
)
_ASSIGNED: Final = re.compile(
    # name=value; name: value only where it is no prose: quoted, or long
    rf"""((?:{_NAMES}))(\\?["']?\s*=\s*\\?["']?|\\?["']\s*:\s*\\?["']|:\s*(?=\S{{16}}))(?!\[)[^\s"'&,;}}\\]+""",
    re.IGNORECASE,
)
_SECRET_KEY: Final = re.compile(rf"(?:{_NAMES})s?$", re.IGNORECASE)

_TRIGGERS: Final = (
    "eyj", "-----begin", "bearer", "basic ", "akia", "asia", "mii", "mig",
    "signature", "credential", "token", "secret", "passw", "authorization", "cookie",
    "api_key", "api-key", "apikey", "access_key", "access-key", "accesskey",
    "private_key", "private-key", "privatekey", "sig=", "sig\"",
)  # fmt: skip
"""A line that has none of these in lower case, and no URL with a query or a user, is clean."""

MAX_DEPTH: Final = 8
"""Deeper values are cut: nothing of ours is so deep, and a value may contain itself."""


def redact_text(text: str) -> str:
    """The text without tokens, keys, passwords, and without the query and user of any URL."""
    text = _PEM.sub("[key]", text)
    text = _URL.sub(_without_query, text)
    text = _JWT.sub("[token]", text)
    text = _BEARER.sub(r"\1 [token]", text)
    text = _KEY_BODY.sub("[key]", text)
    text = _AWS_KEY_ID.sub("[key id]", text)
    return _ASSIGNED.sub(r"\1\2[secret]", text)


def _without_query(match: re.Match[str]) -> str:
    scheme, rest, query = match.groups()
    if query and scheme.lower() == "s3" and query.startswith("?versionId="):
        return match[0]
    return f"{scheme}://{rest}" + ("?[…]" if query else "")


def redact(value: Any, depth: int = 0) -> Any:
    """The value with every string in it redacted; what stands under a secret's name is gone.

    Mappings, lists, tuples and sets are walked; other objects become their redacted `repr`.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {
            redact_text(str(key)): _under(str(key), member, depth) for key, member in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(member, depth + 1) for member in value]
    text = value if isinstance(value, str) else repr(value)
    return redact_text(text) if may_hold_secret(text) else text


def _under(key: str, value: Any, depth: int) -> Any:
    if is_secret_name(key) and value is not None and not isinstance(value, (bool, int, float)):
        return "[secret]"
    return redact(value, depth + 1)


@functools.lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret: `api_token`, `Authorization`, `X-Amz-Signature`."""
    return _SECRET_KEY.search(name) is not None


def may_hold_secret(line: str) -> bool:
    """Whether a finished line needs a closer look. Never False for a line that does."""
    low = line.lower()
    if "://" in low and ("?" in low or "@" in low):
        return True
    return any(trigger in low for trigger in _TRIGGERS)


class RedactingRenderer:
    """The last processor: renders an event, and again without its secrets if it has any."""

    def __init__(self, render: Callable[[Any, str, MutableMapping[str, Any]], str]) -> None:
        self._render = render

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        """The line for the event. Renderers may empty what they get, so each gets a copy."""
        try:
            line = self._render(logger, name, dict(event))
        except (TypeError, ValueError):  # an odd key, a value that contains itself
            return self._render(logger, name, redact(event))
        return self._render(logger, name, redact(event)) if may_hold_secret(line) else line


def configure_logging(
    *, log_format: LogFormat | None = None, level: str = "info", stream: TextIO | None = None
) -> None:
    """Sends all logs, ours and those of libraries, to `stream` (default: stderr) in one format.

    Args:
        log_format: `json`, `console`, or None for console on a terminal and JSON elsewhere.
        level: Least level of our own lines; libraries speak from WARNING on.
        stream: Where lines go.
    """
    stream = stream or sys.stderr
    is_terminal = stream.isatty()
    wanted = log_format or ("console" if is_terminal else "json")
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Before the renderer, so that stack traces are text and redacted like all text.
        structlog.processors.format_exc_info,
    ]
    renderer = RedactingRenderer(_console(colors=is_terminal) if wanted == "console" else _to_json)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,  # 2 µs per line; caching would tie modules to a stream
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*shared[:3], structlog.stdlib.add_logger_name],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # It shows a stack trace and the rest of the header when a header breaks off. Whoever asked says
    # so, too, without either.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


def _to_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    # Time, level and sentence first: lines are read by people, too.
    ordered = {
        "timestamp": event.pop("timestamp", None),
        "level": event.pop("level", None),
        "event": event.pop("event", None),
        **event,
    }
    return visible_json(_ENCODER.encode(ordered))


def _as_text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


_OF_LINES: Final = frozenset({"exception", "stack"})

# Made once: json.dumps makes one per call when it is given options.
_ENCODER: Final = json.JSONEncoder(default=_as_text, ensure_ascii=False)


def _console(*, colors: bool) -> Callable[[Any, str, MutableMapping[str, Any]], str]:
    render = structlog.dev.ConsoleRenderer(
        colors=colors and not os.environ.get("NO_COLOR"),
        exception_formatter=structlog.dev.plain_traceback,
        pad_event_to=0,
    )

    def render_visibly(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        # The renderer writes texts as they are, and ids and reasons are written by others.
        safe = {
            key: visible(value, keeps_lines=key in _OF_LINES) if isinstance(value, str) else value
            for key, value in event.items()
        }
        return render(logger, name, safe)

    return render_visibly
