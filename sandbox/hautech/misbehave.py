"""Answers that are wrong on purpose: cut off, dripping, dropped or from somebody else."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from sandbox.hautech.faults import FaultRule

_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"


class Dropped(web.StreamResponse):
    """Closes the connection instead of answering, after writing the given raw bytes.

    aiohttp frames every answer properly; a body that is cut off has to go past it.
    """

    def __init__(self, raw: bytes = b"", *, reset: bool = False) -> None:
        super().__init__()
        self._raw = raw
        self._reset = reset

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Writes, closes, and tells aiohttp that the connection is gone."""
        transport = request.transport
        if transport is not None:
            if self._raw:
                transport.write(self._raw)
            if self._reset:
                _linger_zero(transport.get_extra_info("socket"))
                transport.abort()
            else:
                transport.close()
        raise ConnectionResetError("dropped on purpose")


def _linger_zero(sock: Any) -> None:
    """Makes the kernel answer with RST instead of FIN when the socket is closed."""
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def play(
    rule: FaultRule, request: web.Request, handle: Callable[[], Awaitable[web.Response]]
) -> web.StreamResponse:
    """The answer to a call that a rule has hit.

    Args:
        rule: any kind but those that are served elsewhere (`delay`, `stuck`, `fail_run`).
        request: the call; its body is read even if nothing is done with it, so that a client
            never dies of a broken pipe when the rule says that it dies of a lost answer.
        handle: does the real work and gives the real answer.
    """
    if rule.kind in {"drop_after", "silence", "truncate", "slow_drip"} or rule.when == "after":
        answer = await handle()
        if rule.kind in {"drop_after", "silence"}:
            await asyncio.sleep(rule.delay_s if rule.kind == "silence" else 0)
            return Dropped()
        if rule.kind == "truncate":
            return Dropped(_truncated(answer, rule.truncation))
        if rule.kind == "slow_drip":
            return await _drip(request, answer, rule)
    else:
        await request.read()
        if rule.kind == "drop_before":
            return Dropped()
    if rule.kind == "reset":
        return Dropped(reset=True)
    return _replacement(rule)


def _replacement(rule: FaultRule) -> web.Response:
    headers = dict(rule.headers)
    if rule.retry_after is not None:
        headers["Retry-After"] = str(rule.retry_after)
    phrase = HTTPStatus(rule.status).phrase if rule.status in set(HTTPStatus) else "Error"
    if rule.kind == "html":
        return web.Response(
            status=rule.status,
            text=_HTML.format(f"{rule.status} {phrase}"),
            content_type="text/html",
            headers=headers,
        )
    if rule.kind == "body":
        return web.Response(
            status=rule.status,
            body=rule.body.encode(),
            content_type=rule.content_type,
            headers=headers,
        )
    document = {"statusCode": rule.status, "message": rule.message or phrase, "error": phrase}
    return web.Response(
        status=rule.status,
        body=json.dumps(document).encode(),
        content_type="application/json",
        headers=headers,
    )


def _truncated(answer: web.Response, mode: str) -> bytes:
    body = _bytes(answer)
    half = body[: len(body) // 2]
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Type: {answer.content_type}\r\n"
    if mode == "content-length":
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + half
    if mode == "chunked":
        framed = b"%x\r\n%b\r\n" % (len(half), half)
        return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + framed
    return f"{head}Connection: close\r\n\r\n".encode() + half


async def _drip(request: web.Request, answer: web.Response, rule: FaultRule) -> web.StreamResponse:
    body = _bytes(answer)
    slow = web.StreamResponse(status=answer.status)
    slow.content_type = answer.content_type
    slow.content_length = len(body)
    await slow.prepare(request)
    for start in range(0, len(body), rule.piece_bytes):
        await slow.write(body[start : start + rule.piece_bytes])
        await asyncio.sleep(rule.interval_s)
    await slow.write_eof()
    return slow


def _bytes(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""
