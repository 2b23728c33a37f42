"""Calls API routes with a bearer token: a 401 leads to one retry with a fresh one, 2xx to JSON."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import quote

from worker.hautech.answers import Answer, error_of, json_of, request_id_of
from worker.hautech.auth import TokenProvider
from worker.hautech.config import ClientConfig
from worker.hautech.deadline import Deadline
from worker.hautech.errors import InvalidAnswerError, NotSentError
from worker.hautech.fields import ShapeError
from worker.hautech.transport import Call, Request, Transport

T = TypeVar("T")

_NO_ID: Final = frozenset({"", ".", ".."})


def path_id(value: str, name: str) -> str:
    """The id as one segment of a path; ids are opaque, so anything is escaped that needs it.

    Raises:
        ValueError: The id is empty or a dot segment, which would address another route.
    """
    if value in _NO_ID:
        raise ValueError(f"{name}: must be an id, got {value!r}")
    return quote(value, safe="")


def _without_token(answer: Answer, token: str) -> Answer:
    """An answer that does not repeat our token: an opaque one has no form to know it by."""
    secret = token.encode()
    if secret not in answer.body:
        return answer
    return replace(answer, body=answer.body.replace(secret, b"[token]"))


class ApiCaller:
    """The API's JSON routes, shared by all parts of the client. Thread-safe.

    Args:
        config: Base URL and timeouts.
        transport: Sends the requests.
        tokens: Where the bearer token comes from.
        now: Wall clock, seconds since 1970.
    """

    def __init__(
        self,
        config: ClientConfig,
        transport: Transport,
        tokens: TokenProvider,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.transport = transport
        self._tokens = tokens
        self._now = now
        self._timeout_s = (config.connect_timeout_s, config.read_timeout_s)
        self._headers = {
            "User-Agent": config.user_agent,
            "Accept": "application/json",
            # JSON of a few kilobytes: unpacking costs more time than the bytes do.
            "Accept-Encoding": "identity",
        }

    def sign_in(self) -> None:
        """See `HautechClient.sign_in`."""
        self._tokens.token()

    def account(self) -> str:
        """See `HautechClient.account`."""
        return f"{self._tokens.account()} at {self.config.api_url}"

    def request(
        self,
        call: Call,
        path: str,
        *,
        query: str = "",
        body: Any = None,
        is_open: bool = False,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Calls a route and returns its 2xx answer.

        Args:
            call: Which call it is.
            path: Path with ids filled in.
            query: Encoded query string, without the question mark.
            body: JSON document to send; None sends no body and no content type.
            is_open: The route needs no token.
            deadline: Ends all of it: the retry after a 401, too, is made only if time is left.

        Raises:
            NotSentError: Getting the token took all the time; or nothing could be sent.
            HautechError: By what is known about the outcome; see `worker.hautech.errors`.
        """
        headers = dict(self._headers)
        payload: bytes | None = None
        if body is not None:
            payload = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(payload))
        elif call.method == "POST":
            headers["Content-Length"] = "0"
        url = f"{self.config.api_url}{path}{'?' + query if query else ''}"
        request = Request(call, url, path, headers, payload, self._timeout_s)
        request.deadline = deadline
        send = self.transport.exchange if is_open else self._exchange_signed
        answer = send(request)
        if answer.is_success:
            return answer
        raise error_of(answer, method=call.method, target=path, now_s=self._now())

    def _exchange_signed(self, request: Request) -> Answer:
        deadline = request.deadline
        token = self._tokens.token()
        if deadline is not None and not deadline.has_room():
            raise NotSentError(
                f"getting a token left {deadline.left_s():.1f} of {deadline.allowed_s:g} s, "
                "which is too little; nothing was sent",
                method=request.call.method,
                target=request.target,
            )
        request.headers["Authorization"] = f"Bearer {token}"
        answer = _without_token(self.transport.exchange(request), token)
        if answer.status != 401:
            return answer
        # Refused means that nothing was done, so even a paid call may go out again.
        self._tokens.reject(token)
        if deadline is not None and not deadline.has_room():
            return answer
        token = self._tokens.token()
        request.headers["Authorization"] = f"Bearer {token}"
        # A new token may have taken its time.
        if deadline is not None and not deadline.has_room():
            return answer
        return _without_token(self.transport.exchange(request), token)

    def read(
        self,
        call: Call,
        path: str,
        read: Callable[[Any], T],
        *,
        query: str = "",
        body: Any = None,
        is_open: bool = False,
        loads_options: Mapping[str, Any] | None = None,
        deadline: Deadline | None = None,
    ) -> T:
        """Calls a route and reads its JSON answer with `read`.

        Raises:
            InvalidAnswerError: The answer is not JSON or lacks what we need.
            HautechError: As for `request`.
        """
        answer = self.request(
            call, path, query=query, body=body, is_open=is_open, deadline=deadline
        )
        return self.parse(answer, read, method=call.method, target=path, options=loads_options)

    def parse(
        self,
        answer: Answer,
        read: Callable[[Any], T],
        *,
        method: str,
        target: str,
        options: Mapping[str, Any] | None = None,
    ) -> T:
        """Reads a 2xx answer with `read`.

        Raises:
            InvalidAnswerError: The answer is not JSON or lacks what we need.
        """
        document = json_of(answer, method=method, target=target, **(options or {}))
        try:
            return read(document)
        except ShapeError as wrong:
            raise InvalidAnswerError(
                f"unexpected answer: {wrong}",
                method=method,
                target=target,
                status=answer.status,
                request_id=request_id_of(answer.headers),
            ) from wrong

    def refusal(self, answer: Answer, *, method: str, target: str) -> Exception:
        """The error for an answer that is not 2xx."""
        return error_of(answer, method=method, target=target, now_s=self._now())
