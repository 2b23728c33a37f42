"""A server on a free loopback port that does to each connection exactly what a test says."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Wire:
    """One accepted connection, seen from the server."""

    connection: socket.socket
    server: "RawServer"

    def read_request(self) -> bytes:
        """Reads one request with its body; empty when the client has hung up."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            piece = self.connection.recv(65536)
            if not piece:
                break
            body += piece
        self.server.requests.append(head + b"\r\n\r\n" + body)
        return self.server.requests[-1]

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def reset(self) -> None:
        """Closes with a TCP reset instead of a proper end."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()


Behaviour = Callable[[Wire], None]


@dataclass
class RawServer:
    """Behaviours are used up in order, one per connection; the last one stays."""

    behaviours: list[Behaviour]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def raw_server(*behaviours: Behaviour) -> Iterator[RawServer]:
    """Runs the server for the length of the block; its threads are gone afterwards."""
    server = RawServer(list(behaviours))
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    open_ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket, behaviour: Behaviour) -> None:
        try:
            behaviour(Wire(connection, server))
        except OSError:
            pass  # the client went away, which some tests are about
        finally:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            behaviour = server.behaviours[min(server.connections, len(server.behaviours) - 1)]
            server.connections += 1
            open_ends.append(connection)
            thread = threading.Thread(target=serve, args=(connection, behaviour))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for connection in open_ends:
            with suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def refused_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
