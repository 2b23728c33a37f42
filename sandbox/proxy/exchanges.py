"""Carries one connection through the proxy, and does to each exchange what the dice say."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from sandbox.proxy.mischief import CALM, Fate, Mischief, Mood, draw_fate

_READ_BYTES = 64 * 1024

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class MoodSwitch:
    """The present mood, and a way to sleep that ends early when it changes. One event loop's own."""

    def __init__(self) -> None:
        self.mood = CALM
        self._changed = asyncio.Event()

    def set(self, mood: Mood) -> None:
        """From now on; delays that were begun under the old mood end."""
        self.mood = mood
        self._changed.set()
        self._changed = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """For so long, or until the mood changes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


class _CutError(Exception):
    """The dice say that the connection ends here."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__()
        self.is_reset = is_reset


class Connection:
    """One client, one connection to the server, and the fate of the exchange between them.

    Args:
        client: reader and writer towards the client.
        server: the same towards the server.
        switch: the mood in force.
        random: this connection's dice.
        note: hears of every mischief that really took place.
    """

    def __init__(
        self,
        client: Streams,
        server: Streams,
        *,
        switch: MoodSwitch,
        random: Random,
        note: Callable[[Mischief | None], None],
    ) -> None:
        self._client, self._server = client, server
        self._switch = switch
        self._random = random
        self._note = note
        self._fate = Fate()
        self._client_spoke_last = False
        self._passed = {True: 0, False: 0}  # bytes of this exchange, by whether the client speaks
        self._dripped_s = 0.0
        self._is_delayed = False

    async def carry(self) -> None:
        """Until either side ends the connection, or the dice do; closes both ends of it."""
        is_reset = True  # also when we are cancelled, wherever that strikes
        try:
            is_reset = await self._carry()
        finally:
            for _, writer in (self._client, self._server):
                end(writer, is_reset=is_reset)

    async def _carry(self) -> bool:
        """Whether the connection ends with a reset."""
        pumps = [
            asyncio.ensure_future(self._pump(from_client=True)),
            asyncio.ensure_future(self._pump(from_client=False)),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in done:
                pump.result()
        except _CutError as cut:
            return cut.is_reset
        except OSError:
            return True
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        return False

    async def _pump(self, *, from_client: bool) -> None:
        reader = (self._client if from_client else self._server)[0]
        writer = (self._server if from_client else self._client)[1]
        while data := await reader.read(_READ_BYTES):
            if from_client and not self._client_spoke_last:
                self._begin_exchange()
            self._client_spoke_last = from_client
            await self._pass(data, writer, from_client=from_client)

    def _begin_exchange(self) -> None:
        self._fate = draw_fate(self._switch.mood, self._random)
        self._passed = {True: 0, False: 0}
        self._dripped_s = 0.0
        self._is_delayed = False
        self._note(None)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, *, from_client: bool) -> None:
        fate = self._fate
        if fate.mood is self._switch.mood:  # a change of mood pardons
            match fate.mischief:
                case Mischief.CUT_AT_ONCE:
                    self._cut()
                case Mischief.CUT_REQUEST if from_client:
                    data = await self._cut_within(data, writer, from_client=True)
                case Mischief.CUT_ANSWER if not from_client:
                    data = await self._cut_within(data, writer, from_client=False)
                case Mischief.DELAY if from_client:
                    await self._delay_once()
                case Mischief.DELAY_ANSWER if not from_client:
                    await self._delay_once()
                case Mischief.DRIP if not from_client:
                    data = await self._drip(data, writer)
        self._passed[from_client] += len(data)
        writer.write(data)
        await writer.drain()

    def _cut(self) -> None:
        assert self._fate.mischief is not None  # noqa: S101 -- only called for a mischief
        self._note(self._fate.mischief)
        raise _CutError(is_reset=self._fate.is_reset)

    async def _cut_within(
        self, data: bytes, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> bytes:
        left = self._fate.after_bytes - self._passed[from_client]
        if len(data) <= left:
            return data
        writer.write(data[:left])
        with contextlib.suppress(OSError):
            await writer.drain()
        self._cut()
        raise AssertionError("unreachable: _cut raises")

    async def _delay_once(self) -> None:
        if not self._is_delayed:
            self._is_delayed = True
            self._note(self._fate.mischief)
            await self._switch.sleep(self._fate.delay_s)

    async def _drip(self, data: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Lets pieces through for as long as the mood allows; returns what is left."""
        mood = self._fate.mood
        if not self._dripped_s:
            self._note(Mischief.DRIP)
        while len(data) > mood.drip_bytes and self._dripped_s < mood.longest_drip_s:
            writer.write(data[: mood.drip_bytes])
            await writer.drain()
            data = data[mood.drip_bytes :]
            await self._switch.sleep(mood.drip_pause_s)
            self._dripped_s += mood.drip_pause_s
            if self._switch.mood is not mood:
                break
        return data


def end(writer: asyncio.StreamWriter, *, is_reset: bool) -> None:
    """Ends one side: a reset loses what is still on its way, a proper end delivers it."""
    if not is_reset:
        writer.close()
        return
    sock: Any = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            # Source: socket(7), SO_LINGER with a time of zero: close() sends RST.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
