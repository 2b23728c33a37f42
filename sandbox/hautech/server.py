"""Runs the stand-in: as two listeners on an event loop, or in a thread beside a test."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from sandbox.hautech.app import api_app, media_app
from sandbox.hautech.client import ControlClient
from sandbox.hautech.clock import SandboxClock, utc_now
from sandbox.hautech.control import PREFIX
from sandbox.hautech.credentials import Credentials
from sandbox.hautech.options import Options
from sandbox.hautech.state import State

_HOST = "127.0.0.1"
_START_S = 15
_STOP_S = 30
_BACKLOG = 512


class Listeners:
    """The API and the media host, each on a port of its own.

    Attributes:
        api_url: base URL of the API, without `/v1`.
        media_url: base URL of upload URLs and image links.
        media_listener_url: where the media host itself listens; another one than `media_url` when
            something stands in front of it.
        state: everything the stand-in remembers.
    """

    def __init__(
        self,
        *,
        options: Options,
        credentials: Credentials,
        clock: Callable[[], datetime] = utc_now,
        api_port: int = 0,
        media_port: int = 0,
        media_url: str | None = None,
    ) -> None:
        # Bound before anything else: links carry the media port.
        self._sockets = [_bind(api_port)]
        try:
            self._sockets.append(_bind(media_port))
        except OSError:
            self._sockets[0].close()
            raise
        self.api_url, self.media_listener_url = (
            f"http://{_HOST}:{sock.getsockname()[1]}" for sock in self._sockets
        )
        self.media_url = media_url or self.media_listener_url
        self.state = State(
            options=options,
            credentials=credentials,
            clock=SandboxClock(clock),
            media_url=self.media_url,
        )
        self._runners: list[web.AppRunner] = []

    @property
    def control_url(self) -> str:
        """Base URL of the control routes."""
        return self.api_url + PREFIX

    async def start(self) -> None:
        """Begins to answer."""
        apps = (api_app(self.state), media_app(self.state))
        for app, sock in zip(apps, self._sockets, strict=True):
            # Stopping waits for nobody: a delayed answer or a drip would hold it up.
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
            self._runners.append(runner)
            await runner.setup()
            await web.SockSite(runner, sock, backlog=_BACKLOG).start()

    async def stop(self) -> None:
        """Closes the listeners and all connections, and removes temporary files."""
        for runner in self._runners:
            await runner.cleanup()
        for sock in self._sockets:
            sock.close()
        await asyncio.get_running_loop().run_in_executor(None, self.state.close)


def _bind(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((_HOST, port))
    except OSError:
        sock.close()
        raise
    return sock


class StandIn(ControlClient):
    """A stand-in in a thread of this process, with all control calls as methods.

    Use as a context manager. Control calls go over HTTP like everybody else's, so they are
    safe from any thread.

    Attributes:
        api_url: base URL of the API, without `/v1`.
        media_url: base URL of upload URLs and image links.
        credentials: what a client needs to get in.
        state: everything it remembers, for looking at; belongs to the server's thread.
    """

    def __init__(
        self,
        *,
        options: Options | None = None,
        credentials: Credentials | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.credentials = credentials or Credentials.generate()
        self._listeners = Listeners(
            options=options or Options(), credentials=self.credentials, clock=clock
        )
        super().__init__(self._listeners.control_url)
        self.api_url = self._listeners.api_url
        self.media_url = self._listeners.media_url
        self.state = self._listeners.state
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="hautech-stand-in", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to answer; returns when it does."""
        self._thread.start()
        self._await(self._listeners.start(), _START_S)

    def stop(self) -> None:
        """Stops answering, closes everything and ends the thread."""
        self.close()
        self._await(self._listeners.stop(), _STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._loop.close()

    def token(self, **claims: Any) -> str:
        """A self-signed token with every permission; see `Credentials.sign` for the claims."""
        return self.credentials.sign(now=self.state.clock.now(), **claims)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())

    def _await(self, work: Coroutine[Any, Any, None], timeout_s: float) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)
