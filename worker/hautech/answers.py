"""Turns an HTTP answer that is not 2xx into the one error that fits, reading any kind of body."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from worker.hautech.errors import (
    AuthenticationError,
    BadRequestError,
    HautechError,
    InvalidAnswerError,
    NotFoundError,
    OutOfFundsError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectedError,
    ServerError,
)
from worker.hautech.funds import mentions_funds
from worker.hautech.redaction import redact

__all__ = [
    "Answer",
    "ErrorBody",
    "error_of",
    "json_of",
    "mentions_funds",
    "read_error_body",
    "request_id_of",
    "retry_after_s",
]

_REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "cf-ray",
    "x-amz-cf-id",
)
_REQUEST_ID: Final = re.compile(r"[\w.:/=+@-]{1,128}")

_MAX_READABLE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. Header names are found in any case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Any 2xx: the API answers 200 and 201 without a visible rule."""
        return 200 <= self.status < 300


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Their id of the request from the usual headers; None without a plausible one."""
    for name in _REQUEST_ID_HEADERS:
        value = headers.get(name)
        if value and _REQUEST_ID.fullmatch(value):
            return value
    return None


def retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Seconds from a `Retry-After` header (a number or an HTTP date), never negative.

    Args:
        headers: Headers of the answer.
        now_s: Wall clock, seconds since 1970; a date is taken relative to it.
    """
    value = (headers.get("retry-after") or "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return max(0.0, at.timestamp() - now_s)
    except (ValueError, OverflowError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says: a message, whether it lists broken fields, and an error code."""

    message: str
    is_validation: bool = False
    code: str | None = None


def read_error_body(body: bytes) -> ErrorBody:
    """Reads any error body: `{message: text | text[]}`, other JSON, plain text, HTML, nothing.

    Source: the framework's defaults; the API declares no error schema. Never raises.
    """
    text = body[:_MAX_READABLE_BYTES].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = re.search(r"<(title|h1)[^>]{0,200}>([^<]{1,300})<", text, re.IGNORECASE)
        return ErrorBody(f"HTML page: {title[2].strip()}" if title else "HTML page")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorBody(text)
    if isinstance(document, dict):
        return _read_error_object(document, text)
    return ErrorBody(document if isinstance(document, str) else text)


def _read_error_object(document: Mapping[str, Any], text: str) -> ErrorBody:
    code = document.get("errorCode") or document.get("code")
    code = code if isinstance(code, str) else None
    for name in ("message", "error", "errorMessage", "detail", "reason"):
        said = document.get(name)
        # Some frameworks nest: {"error": {"message": …}}.
        said = said.get("message") if isinstance(said, dict) else said
        if isinstance(said, str) and said:
            return ErrorBody(said, code=code)
        parts = [one for one in said if isinstance(one, str)] if isinstance(said, list) else []
        if parts:
            return ErrorBody("; ".join(parts), is_validation=True, code=code)
    return ErrorBody(text, code=code)


def error_of(answer: Answer, *, method: str, target: str, now_s: float) -> HautechError:
    """The error for an answer that is not 2xx.

    Args:
        answer: The answer; its body may be anything.
        method: HTTP method of the call.
        target: Path of the call, or the host of a signed link.
        now_s: Wall clock, for a `Retry-After` date.
    """
    said = read_error_body(answer.body)
    kind = _kind_of(answer.status, said)
    detail = redact(said.message)
    if said.code and said.code not in detail:
        detail = f"{detail} [{redact(said.code)}]"
    if kind is RedirectedError:
        detail = (
            "answered with a redirect, which is not followed; if the API moved, set the API URL "
            f"to where it leads ({redact(answer.headers.get('location') or 'no location given')})"
        )
    return kind(
        detail or "no further explanation",
        method=method,
        target=target,
        status=answer.status,
        request_id=request_id_of(answer.headers),
        retry_after_s=retry_after_s(answer.headers, now_s=now_s),
    )


_BY_STATUS: Final[Mapping[int, type[HautechError]]] = {
    401: AuthenticationError,
    402: OutOfFundsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    410: NotFoundError,
    425: RateLimitedError,
    429: RateLimitedError,
}


def _kind_of(status: int, said: ErrorBody) -> type[HautechError]:
    # A list of broken fields is about the request; it may quote any word of the caller's.
    words = said.code if said.is_validation else f"{said.message}; {said.code or ''}"
    if status in {400, 403} and mentions_funds(words):
        return OutOfFundsError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 500 <= status < 600:
        return ServerError
    if 400 <= status < 500:
        return BadRequestError
    # 303 says "done, look there": whether it was done is not ours to assume. 304 is no redirect.
    return RedirectedError if status in {300, 301, 302, 307, 308} else InvalidAnswerError


def json_of(answer: Answer, *, method: str, target: str, **loads_options: Any) -> Any:
    """The JSON document in a 2xx answer.

    Raises:
        InvalidAnswerError: The body is not JSON; the message says what it looks like.
    """
    try:
        document = json.loads(answer.body, **loads_options)
        # JSON can spell half a character, which no store and no queue takes.
        return _whole(document) if b"\\ud" in answer.body.lower() else document
    except (ValueError, RecursionError, ArithmeticError):
        # ArithmeticError: an exponent that even a Decimal cannot hold.
        looks_like = redact(read_error_body(answer.body).message)[:80]
        raise InvalidAnswerError(
            f"the answer is not JSON: {looks_like or 'it is empty'}",
            method=method,
            target=target,
            status=answer.status,
            request_id=request_id_of(answer.headers),
        ) from None


def _whole(value: Any) -> Any:
    """A JSON value whose lone surrogates are replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, list):
        return [_whole(member) for member in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(member) for key, member in value.items()}
    return value
