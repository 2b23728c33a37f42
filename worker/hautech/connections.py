"""Connections that look at the address before they are made: nothing is sent to a forbidden one.

A name is resolved once. What passes is connected to by its address, so a name server that gives
another answer to a second question (DNS rebinding) is not asked a second time. The name stays
what TLS checks and what the server is told.

    resolve ──► drop what may not be ──► connect to an address ──► TLS for the name ──► request
                       └─ nothing left: AddressRefusedError, not even a SYN went out

All of it, TLS included, has to be done within the request's own limit: urllib3 gives each address
the whole connect timeout, and would find out that the limit has passed when the request is sent.
"""

import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any, Final

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import Timeout
from urllib3.util.connection import allowed_gai_family

from worker.hautech.addresses import AddressGuard
from worker.hautech.deadline import Deadline

_deadline: Final[ContextVar[Deadline | None]] = ContextVar("deadline", default=None)
"""Of the request that is being sent. urllib3 tells a connection the connect timeout alone."""


class AddressRefusedError(Exception):
    """All addresses of a host are forbidden. Passes through urllib3 and requests unchanged.

    Attributes:
        host: The name.
        addresses: What it resolved to.
    """

    def __init__(self, host: str, addresses: list[str]) -> None:
        super().__init__(host, addresses)
        self.host = host
        self.addresses = addresses


class GuardedAdapter(HTTPAdapter):
    """The adapter of requests, with guarded connections and without parsing cookies.

    Args:
        addresses: Which addresses may be connected to.
        pool_size: Connections kept open per host.
        monotonic: Clock for deadlines, seconds.
    """

    def __init__(
        self,
        addresses: AddressGuard,
        pool_size: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # max_retries=0: a run is paid for, and the adapter cannot know which calls may repeat.
        super().__init__(pool_connections=8, pool_maxsize=pool_size, max_retries=0)
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(addresses)
        self._monotonic = monotonic

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Unguarded pools: behind a proxy it is the proxy that resolves and connects."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = _pools(_TimelyConnection, _TimelyTlsConnection)
        return manager

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 the signature of requests
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 the signature of requests
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Sends a request, unless the total of its timeout is used up before it can be sent."""
        total_s: Any = timeout.total if isinstance(timeout, Timeout) else None
        deadline = None if total_s is None else Deadline.after(total_s, self._monotonic)
        token = _deadline.set(deadline)
        try:
            return super().send(request, stream, timeout, verify, cert, proxies)
        finally:
            _deadline.reset(token)

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """The answer as it is."""
        response = Response()
        response.status_code = resp.status
        response.raw = resp
        response.request = req
        return response


def _guarded_pools(guard: AddressGuard) -> dict[str, type[HTTPConnectionPool]]:
    class PlainConnection(_GuardedConnection):
        addresses = guard

    class TlsConnection(_GuardedConnection, HTTPSConnection):
        addresses = guard

    return _pools(PlainConnection, TlsConnection)


def _pools(
    plain: type[HTTPConnection], tls: type[HTTPSConnection]
) -> dict[str, type[HTTPConnectionPool]]:
    class PlainPool(HTTPConnectionPool):
        ConnectionCls = plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = tls

    return {"http": PlainPool, "https": TlsPool}


class _TimelyHeader(HTTPResponse):
    """An answer whose header is there within the time for one receive, or not at all.

    The read timeout holds for each receive: a header that comes letter by letter, or "100 Continue"
    without end, would hold a thread and a paid call for as long as somebody likes.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._header_from = sock

    def begin(self) -> None:
        sock = self._header_from
        timeout_s = sock.gettimeout()
        # Source: CPython, socket.makefile: a buffer around a SocketIO, which is Python code.
        file: Any = getattr(self.fp, "raw", None)
        if timeout_s is None or file is None:
            super().begin()
            return
        ends_at_s = time.monotonic() + timeout_s
        receive = file.readinto

        def receive_in_time(buffer: Any) -> Any:
            left_s = ends_at_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(left_s)
            return receive(buffer)

        file.readinto = receive_in_time
        try:
            super().begin()
        finally:
            del file.readinto
            sock.settimeout(timeout_s)


class _TimelyConnection(HTTPConnection):
    """Is made in time for its request, or not at all."""

    response_class = _TimelyHeader

    def connect(self) -> None:
        super().connect()
        self._left_s()  # TLS, or the way through a proxy, took its time too

    def _left_s(self) -> float | None:
        """Seconds until the request's deadline. Raises ConnectTimeoutError when it has passed."""
        deadline = _deadline.get()
        if deadline is None:
            return None
        left_s = deadline.left_s()
        if left_s <= 0:
            raise ConnectTimeoutError(
                self, f"no connection to {self.host} within the {deadline.allowed_s:g} s of all"
            )
        return left_s


class _TimelyTlsConnection(_TimelyConnection, HTTPSConnection):
    pass


class _GuardedConnection(_TimelyConnection):
    addresses: AddressGuard

    def _new_conn(self) -> socket.socket:
        name, timeout_s = self._dns_host, self.timeout
        failure: Exception | None = None
        for address in self._allowed_addresses(name):
            left_s = self._left_s()
            # Source: urllib3 connects to `_dns_host`, and keeps it apart from the host for TLS
            # since it strips the root's dot there. It is given an address for this one call.
            self._dns_host = address
            if left_s is not None:
                self.timeout = left_s if timeout_s is None else min(timeout_s, left_s)
            try:
                return super()._new_conn()
            except (ConnectTimeoutError, NewConnectionError) as error:
                failure = error
            finally:
                self._dns_host, self.timeout = name, timeout_s
        raise failure or NewConnectionError(self, "the name has no address")

    def _allowed_addresses(self, name: str) -> list[str]:
        bare = name.strip("[]")
        try:
            answers = socket.getaddrinfo(bare, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise LocationParseError("a label of the host name is empty or too long") from None
        found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        allowed = [address for address in found if self.addresses.allows(bare, address)]
        if found and not allowed:
            raise AddressRefusedError(bare, found)
        return allowed
