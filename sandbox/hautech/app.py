"""The two web applications, API and media host, with what happens around every request.

log ──► fault rules ──► route switched on? ──► token ──► handler ──► errors as JSON ──► log
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler as WebHandler
from aiohttp.typedefs import Middleware

from sandbox.hautech import api_routes, run_routes
from sandbox.hautech.api_routes import Call, Route
from sandbox.hautech.auth import Grant
from sandbox.hautech.control import PREFIX, ControlRoutes
from sandbox.hautech.errors import ApiError, no_such_route
from sandbox.hautech.media_routes import MediaRoutes
from sandbox.hautech.misbehave import Dropped, play
from sandbox.hautech.state import State

_MAX_BODY_BYTES = 64 * 1024 * 1024
_NOBODY = Grant(())
_log = logging.getLogger(__name__)


def api_app(state: State) -> web.Application:
    """The `/v1` routes and, beside them, the control routes."""
    app = web.Application(middlewares=[_around(state, "api")], client_max_size=_MAX_BODY_BYTES)
    for route in (*api_routes.ROUTES, *run_routes.ROUTES):
        app.router.add_route(route.method, route.path, _handler(state, route), name=route.name)
    ControlRoutes(state).add_to(app.router)
    return app


def media_app(state: State) -> web.Application:
    """Upload URLs and image links."""
    app = web.Application(middlewares=[_around(state, "media")], client_max_size=_MAX_BODY_BYTES)
    routes = MediaRoutes(state)
    app.router.add_put("/uploads/{ticket}", routes.upload, name="images.upload")
    app.router.add_get("/files/{id}", routes.download, name="images.download")
    return app


def _handler(state: State, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if not route.exists(state.options):
            raise no_such_route(request.method, request.path)
        now = state.clock.now()
        grant = _NOBODY
        if not route.is_open:
            grant = state.gate.check(
                request.headers.get("Authorization"),
                route.permission,
                now=now,
                allow_missing_kind=state.options.allow_missing_kind,
            )
        state.pipelines.settle(now)
        answer = await route.handler(Call(request, state, grant))
        return _json(answer.document, answer.status)

    return handle


def _json(document: Any, status: int) -> web.Response:
    body = json.dumps(document, separators=(",", ":")).encode()
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def _around(state: State, listener: str) -> Middleware:
    @web.middleware
    async def around(request: web.Request, handler: WebHandler) -> web.StreamResponse:
        if listener == "api" and request.path.startswith(PREFIX):
            return await handler(request)
        route = request.match_info.route.name
        log = state.log  # a reset in the middle of a request starts a new log
        entry = log.begin(
            at=state.clock.now(),
            listener=listener,
            method=request.method,
            path=request.path,
            route=route,
        )
        fault: str | None = None
        answer: web.StreamResponse | None = None
        try:
            if not state.faults:
                answer = await _answer(request, handler)
            else:
                fault, answer = await _answer_with_faults(state, request, handler, route)
        finally:
            dropped = answer is None or isinstance(answer, Dropped)
            status = None if dropped or answer is None else answer.status
            log.end(entry, status=status, fault=fault)
        return answer

    return around


async def _answer_with_faults(
    state: State, request: web.Request, handler: WebHandler, route: str | None
) -> tuple[str | None, web.StreamResponse]:
    body = ""
    if state.faults.reads_bodies and request.content_type == "application/json":
        body = (await request.read()).decode(errors="replace")
    mischief = state.faults.take(route=route, method=request.method, path=request.path, body=body)
    fault = "delay" if mischief.delay_s else None
    if mischief.delay_s:
        await asyncio.sleep(mischief.delay_s)
    if mischief.rule is None:
        return fault, await _answer(request, handler)
    rule = mischief.rule
    if rule.kind in {"stuck", "fail_run"}:
        request[run_routes.RULE] = rule
        return rule.kind, await _answer(request, handler)
    return rule.kind, await play(rule, request, lambda: _answer(request, handler))


async def _answer(request: web.Request, handler: WebHandler) -> web.Response:
    try:
        answer = await handler(request)
    except ApiError as error:
        return _json(error.body, error.status)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        # The real framework has no 405: a wrong method is an unknown route.
        unknown = no_such_route(request.method, request.path)
        return _json(unknown.body, unknown.status)
    except web.HTTPRequestEntityTooLarge:
        return _json(ApiError(413, "request entity too large").body, 413)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception:  # noqa: BLE001 - whatever it was, the client gets an answer and we a trace
        _log.exception("%s %s: the stand-in itself failed", request.method, request.path)
        return _json(ApiError(500, "Internal server error").body, 500)
    if not isinstance(answer, web.Response):
        raise TypeError(f"{request.path}: handler gave {type(answer).__name__}, not a Response")
    return answer
