"""Connections that look at the address before they are made: nothing is sent to a forbidden one.

A name is resolved once. What passes is connected to by its address, so a name server that gives
another answer to a second question (DNS rebinding) is not asked a second time. The name stays
what TLS checks and what the server is told.

    resolve ──► drop what may not be ──► connect to an address ──► TLS for the name ──► request
                       └─ nothing left: AddressRefusedError, not even a SYN went out
"""

import socket
from typing import Any

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
from urllib3.util.connection import allowed_gai_family

from worker.hautech.addresses import AddressGuard


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
    """

    def __init__(self, addresses: AddressGuard, pool_size: int) -> None:
        # max_retries=0: a run is paid for, and the adapter cannot know which calls may repeat.
        super().__init__(pool_connections=8, pool_maxsize=pool_size, max_retries=0)
        # Not the proxy's pools: behind a proxy it is the proxy that resolves and connects.
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(addresses)

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

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {"http": PlainPool, "https": TlsPool}


class _GuardedConnection(HTTPConnection):
    addresses: AddressGuard

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        failure: Exception | None = None
        for address in self._allowed_addresses(name):
            # Source: urllib3 connects to `_dns_host`, and keeps it apart from the host for TLS
            # since it strips the root's dot there. It is given an address for this one call.
            self._dns_host = address
            try:
                return super()._new_conn()
            except (ConnectTimeoutError, NewConnectionError) as error:
                failure = error
            finally:
                self._dns_host = name
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
