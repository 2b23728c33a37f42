"""The proxy itself: one port, one target, a thread of its own, and a mood that can be switched."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Self
from urllib.parse import urlsplit

from sandbox.proxy.exchanges import Connection, MoodSwitch, end
from sandbox.proxy.mischief import CALM, Mischief, Mood

_HOST = "127.0.0.1"
_BACKLOG = 256
_MOST_CONNECTIONS = 1024
_START_S = 15.0
_STOP_S = 15.0

EXCHANGES = "exchanges"
"""Under this name `counts` tells of all exchanges, those that nothing happened to included."""


class TcpProxy:
    """Carries connections from a free loopback port to a target; a context manager.

    Everybody gets through unharmed until `set_mood`. The dice of each connection are its own, so
    the fate of its exchanges depends on the seed and on its number alone, not on what others do.

    Args:
        seed: of the dice.

    Attributes:
        port: the port that it listens on.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Bound at once, so that the port can be told before there is anything to carry.
        self._socket.bind((_HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._target: tuple[str, int] | None = None
        self._counts: Counter[str] = Counter()
        self._counts_lock = threading.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._numbered = 0
        self._switch = MoodSwitch()
        self._stop = asyncio.Event()
        self._is_ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)

    @property
    def url(self) -> str:
        """The port as the base URL of an HTTP service."""
        return f"http://{_HOST}:{self.port}"

    def __enter__(self) -> Self:
        """Begins to listen.

        Raises:
            RuntimeError: it could not.
        """
        self._thread.start()
        if not self._is_ready.wait(_START_S):
            raise RuntimeError("the proxy did not start")
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all connections and stops listening."""
        assert self._loop is not None  # noqa: S101 -- it is ready
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)
        self._socket.close()

    def aim_at(self, url: str) -> None:
        """Where connections go from now on: `http://127.0.0.1:4566`. Before, they are refused."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"target: {url!r}: must have a host and a port")
        self._target = parts.hostname, parts.port

    def set_mood(self, mood: Mood) -> None:
        """How exchanges that begin from now on are treated. Those under way are left alone."""
        assert self._loop is not None  # noqa: S101 -- it is ready
        self._loop.call_soon_threadsafe(self._switch.set, mood)

    def counts(self) -> Mapping[str, int]:
        """How often each mischief really took place, and the number of `exchanges`."""
        with self._counts_lock:
            return dict(self._counts)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accept, sock=self._socket, backlog=_BACKLOG)
        self._is_ready.set()
        await self._stop.wait()
        server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # transports close a turn after they were told to

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a callback of start_server runs as a task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # A cancelled callback of start_server would be reported as an error of the loop.
        with contextlib.suppress(asyncio.CancelledError):
            await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._numbered += 1
        random = Random(f"{self._seed}/{self._numbered}")
        try:
            server = await self._open_server()
        except BaseException as error:
            end(writer, is_reset=True)
            if isinstance(error, OSError):
                return
            raise
        connection = Connection(
            (reader, writer), server, switch=self._switch, random=random, note=self._note
        )
        await connection.carry()

    async def _open_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._target is None or len(self._connections) > _MOST_CONNECTIONS:
            raise ConnectionRefusedError
        return await asyncio.open_connection(*self._target)

    def _note(self, mischief: Mischief | None) -> None:
        with self._counts_lock:
            self._counts[EXCHANGES if mischief is None else str(mischief)] += 1


def all_counts(*proxies: TcpProxy) -> Mapping[str, int]:
    """The counts of several proxies, added up."""
    total: Counter[str] = Counter()
    for proxy in proxies:
        total.update(proxy.counts())
    return dict(total)


def calm_down(*proxies: TcpProxy) -> None:
    """No more mischief anywhere."""
    for proxy in proxies:
        proxy.set_mood(CALM)
