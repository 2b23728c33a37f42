"""The one place that speaks HTTP: pooled connections, named timeouts, no hidden second attempt.

It stands on the connection pool of requests (`HTTPAdapter`) and leaves `requests.Session` out.
The adapter is the part that many threads may share; a session adds a cookie jar that is not
thread-safe, redirects followed on their own, and look-ups of proxies and netrc in the
environment for every request. One adapter for all threads is also the cheapest.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from requests import PreparedRequest, RequestException
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError

from worker.hautech.addresses import AddressGuard, AddressKind, kind_of
from worker.hautech.answers import Answer, request_id_of
from worker.hautech.broken import (
    error_of_broken_body,
    error_of_broken_exchange,
    is_dropped_connection,
)
from worker.hautech.config import ClientConfig, is_loopback
from worker.hautech.connections import AddressRefusedError, GuardedAdapter
from worker.hautech.deadline import Deadline, limit_reads
from worker.hautech.errors import (
    ForbiddenAddressError,
    HautechError,
    ReadTimedOutError,
    TooLargeError,
)

READ_BYTES: Final = 64 * 1024
_MAX_ERROR_BYTES: Final = 64 * 1024

_BROKEN = (RequestException, HTTPError, OSError)


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of call. Metrics, benches and crash tests know it by its name."""

    name: str
    method: str
    path_template: str
    is_repeatable: bool = False  # a dropped connection may be answered by sending it again


@dataclass(frozen=True, slots=True)
class CallEvent:
    """What an observer is told, before and after every single HTTP exchange.

    `status` and `duration_s` are set after the exchange; a status of None then means that no
    answer came, and `error` names the class of the failure. No URL, no body, no header.
    """

    name: str
    method: str
    path_template: str
    phase: Literal["before", "after"]
    status: int | None = None
    duration_s: float | None = None
    request_id: str | None = None
    error: str | None = None


Observer = Callable[[CallEvent], None]


@dataclass(slots=True)
class Request:
    """One HTTP request. `target` is what may be shown of its URL; `repr` shows no secret."""

    call: Call
    url: str = field(repr=False)
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | Iterable[bytes] | None = field(default=None, repr=False)
    timeout_s: tuple[float, float] = (10.0, 60.0)
    is_signed_link: bool = False
    deadline: Deadline | None = None
    """Cuts the timeouts to what is left, connecting, waiting and reading taken together."""


class OpenAnswer:
    """An answer whose header has come and whose body is read piece by piece."""

    def __init__(self, request: Request, raw: Any) -> None:
        self._request = request
        self._raw = raw
        self.status: int = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self.received_bytes = 0
        if request.deadline is not None:
            limit_reads(raw, request.deadline)
        encoding = raw.headers.get("content-encoding")
        self.is_encoded = encoding is not None and encoding.strip().lower() not in {"", "identity"}

    def read(self) -> bytes:
        """The next piece, as it comes off the socket, at most 64 KiB; empty at the proper end.

        Source: urllib3's `read1` returns after one receive, so the caller can look at the clock
        between pieces (`read(n)` waits for all n bytes, however slowly they drip), and it keeps
        the length check that a single `read(n)` skips.

        Raises:
            CutBodyError: The body ended before its announced end.
            ReadTimedOutError: Nothing came within the read timeout.
            InvalidAnswerError: It is compressed and cannot be unpacked.
        """
        try:
            piece: bytes = self._raw.read1(READ_BYTES, decode_content=self.is_encoded)
        except _BROKEN as broken:
            error = error_of_broken_body(
                broken,
                method=self._request.call.method,
                target=self._request.target,
                status=self.status,
                received_bytes=self.received_bytes,
            )
            raise error from None
        self.received_bytes += len(piece)
        return piece

    def close(self) -> None:
        """Gives the connection back, or closes it when the body was not read to its end."""
        if not self._raw.closed:
            self._raw.close()
        self._raw.release_conn()


class Transport:
    """Sends requests one at a time per thread; safe to share between threads.

    Args:
        config: Pool size, timeouts, proxy, trusted certificates.
        observer: Told about every exchange. What it raises goes through to the caller.
        adapter: Replaces the network, for tests.
        monotonic: Clock for durations and deadlines, seconds.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        observer: Observer | None = None,
        adapter: BaseAdapter | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._observer = observer
        self._addresses = AddressGuard(config)
        self._adapter = adapter or GuardedAdapter(
            self._addresses, config.pool_size, monotonic=monotonic
        )
        proxy_url = None if is_loopback(config.api_host) else config.proxy_url
        self._proxies = {"http": proxy_url, "https": proxy_url} if proxy_url else None
        self._verify: bool | str = config.ca_bundle or True
        self.monotonic = monotonic

    def close(self) -> None:
        """Closes all idle connections."""
        self._adapter.close()

    def exchange(self, request: Request) -> Answer:
        """Sends a request and reads the whole answer, whatever its status.

        Raises:
            NotSentError: Nothing left this machine.
            AnswerUnknownError: It was sent, and no answer came.
            UnusableAnswerError: A 2xx answer was cut, too large or cannot be unpacked.
        """
        try:
            return self._exchange_once(request)
        except HautechError as error:
            # Servers close idle connections; a read or an orphan upload may just be repeated.
            if not (request.call.is_repeatable and is_dropped_connection(error)):
                raise
        return self._exchange_once(request)

    def _exchange_once(self, request: Request) -> Answer:
        with self.stream(request) as opened:
            return Answer(opened.status, opened.headers, self._read_all(request, opened))

    @contextmanager
    def stream(self, request: Request) -> Iterator[OpenAnswer]:
        """Sends a request and hands out the answer for reading; always gives the connection back.

        Raises:
            NotSentError: Nothing left this machine.
            AnswerUnknownError: It was sent, and no answer came.
        """
        call = request.call
        observer = self._observer
        if observer is not None:
            observer(CallEvent(call.name, call.method, call.path_template, "before"))
        started_at = self.monotonic()
        opened: OpenAnswer | None = None
        failure: str | None = None
        try:
            opened = self._open(request)
            yield opened
        except BaseException as error:
            failure = type(error).__name__
            raise
        finally:
            if opened is not None:
                opened.close()
            if observer is not None:
                observer(
                    CallEvent(
                        call.name,
                        call.method,
                        call.path_template,
                        "after",
                        status=None if opened is None else opened.status,
                        duration_s=self.monotonic() - started_at,
                        request_id=None if opened is None else request_id_of(opened.headers),
                        error=failure,
                    )
                )

    def _open(self, request: Request) -> OpenAnswer:
        prepared = PreparedRequest()
        # Set by hand: `prepare` would parse the URL and copy the headers once more.
        prepared.method = request.call.method
        prepared.url = request.url
        # A plain dict will do, as our names are spelled as the adapter looks them up.
        prepared.headers = request.headers  # type: ignore[assignment]
        prepared.body = request.body  # type: ignore[assignment] # an iterable of bytes is sent as is
        deadline = request.deadline
        timeout = request.timeout_s if deadline is None else deadline.cut(request.timeout_s)
        try:
            response = self._adapter.send(
                prepared,
                stream=True,
                timeout=timeout,  # type: ignore[arg-type] # the stubs leave out urllib3's Timeout
                verify=self._verify,
                proxies=self._proxies,
            )
        except AddressRefusedError as refused:
            raise self._forbidden(request, refused) from None
        except _BROKEN as broken:
            error = error_of_broken_exchange(
                broken,
                method=request.call.method,
                target=request.target,
                timeout_s=request.timeout_s,
            )
            # The messages of urllib3 quote the URL, and a signed link is a secret.
            raise error from (None if request.is_signed_link else broken)
        return OpenAnswer(request, response.raw)

    def _forbidden(self, request: Request, refused: AddressRefusedError) -> ForbiddenAddressError:
        address = refused.addresses[0]
        kind = kind_of(address)
        fix = "check its DNS"
        if kind is AddressKind.PRIVATE:
            fix += f", or add it to {self._addresses.setting} if it is inside your network"
        return ForbiddenAddressError(
            f"host {refused.host!r} leads to {address}, {kind.value}; nothing was sent; {fix}",
            method=request.call.method,
            target=request.target,
        )

    def _read_all(self, request: Request, opened: OpenAnswer) -> bytes:
        if not 200 <= opened.status < 300:
            return self._read_error_body(request, opened)
        limit_bytes = self._config.max_json_bytes
        allowed_s = request.timeout_s[1]
        if request.deadline is not None:
            allowed_s = min(allowed_s, request.deadline.left_s())
        deadline = self.monotonic() + allowed_s
        pieces = []
        while piece := opened.read():
            pieces.append(piece)
            if opened.received_bytes > limit_bytes:
                raise TooLargeError(
                    f"the answer is longer than {limit_bytes} bytes",
                    method=request.call.method,
                    target=request.target,
                    status=opened.status,
                )
            if self.monotonic() > deadline:
                raise ReadTimedOutError(
                    f"the answer's body was not complete after {max(allowed_s, 0):g} s "
                    f"({opened.received_bytes} bytes so far)",
                    method=request.call.method,
                    target=request.target,
                    status=opened.status,
                )
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_error_body(self, request: Request, opened: OpenAnswer) -> bytes:
        """As much of an error's text as comes easily: its status already says what matters."""
        pieces: list[bytes] = []
        allowed_s = self._config.connect_timeout_s
        if request.deadline is not None:
            allowed_s = min(allowed_s, request.deadline.left_s())
        deadline = self.monotonic() + allowed_s
        try:
            while piece := opened.read():
                pieces.append(piece)
                if opened.received_bytes > _MAX_ERROR_BYTES or self.monotonic() > deadline:
                    break
        except HautechError:
            pass
        return b"".join(pieces)
