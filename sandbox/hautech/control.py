"""The control routes: how tests, demo and bench tell the stand-in what to do and ask what happened."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from sandbox.hautech.clock import rfc3339
from sandbox.hautech.faults import FaultRule
from sandbox.hautech.state import State

PREFIX = "/_control"
_MAX_PAGE = 1000


class ControlRoutes:
    """Handlers under the control prefix; neither logged nor subject to faults."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Registers the routes."""
        router.add_get(f"{PREFIX}/health", self.health)
        router.add_get(f"{PREFIX}/counters", self.counters)
        router.add_get(f"{PREFIX}/log", self.log)
        router.add_get(f"{PREFIX}/runs", self.runs)
        router.add_get(f"{PREFIX}/faults", self.list_faults)
        router.add_post(f"{PREFIX}/faults", self.add_fault)
        router.add_delete(f"{PREFIX}/faults", self.clear_faults)
        router.add_get(f"{PREFIX}/options", self.get_options)
        router.add_post(f"{PREFIX}/options", self.set_options)
        router.add_post(f"{PREFIX}/advance", self.advance)
        router.add_post(f"{PREFIX}/reset", self.reset)

    async def health(self, _: web.Request) -> web.Response:
        """That it is up, and what time it thinks it is."""
        return web.json_response({"ok": True, "now": rfc3339(self._state.clock.now())})

    async def counters(self, _: web.Request) -> web.Response:
        """Request counts and store sizes."""
        return web.json_response(self._state.counters())

    async def log(self, request: web.Request) -> web.Response:
        """A page of the request log; `after` is the number of the last entry already seen."""
        try:
            after = int(request.query.get("after", "0"))
            limit = min(_MAX_PAGE, int(request.query.get("limit", str(_MAX_PAGE))))
        except ValueError:
            return _refusal("log: after and limit must be whole numbers")
        entries = self._state.log.page(after=after, limit=limit)
        return web.json_response({"data": [entry.to_json() for entry in entries]})

    async def runs(self, _: web.Request) -> web.Response:
        """All runs with the metadata they were sent with."""
        return web.json_response({"data": self._state.runs()})

    async def list_faults(self, _: web.Request) -> web.Response:
        """The rules in force."""
        return web.json_response({"data": self._state.faults.to_json()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Puts a rule in force."""
        try:
            rule = FaultRule.from_json(await _document(request))
        except ValueError as error:
            return _refusal(str(error))
        return web.json_response({"id": self._state.faults.add(rule)}, status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Lifts all rules."""
        self._state.faults.clear()
        return web.json_response({})

    async def get_options(self, _: web.Request) -> web.Response:
        """The switches as they are."""
        return web.json_response(self._state.options.to_json())

    async def set_options(self, request: web.Request) -> web.Response:
        """Changes the given switches; running pipelines keep those they were run with."""
        try:
            self._state.set_options(await _document(request))
        except ValueError as error:
            return _refusal(str(error))
        return web.json_response(self._state.options.to_json())

    async def advance(self, request: web.Request) -> web.Response:
        """Moves the clock forward by `seconds`."""
        try:
            seconds = (await _document(request)).get("seconds")
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
                return _refusal(f"advance.seconds: {seconds!r}: must be a number")
            self._state.clock.advance(seconds)
        except ValueError as error:
            return _refusal(str(error))
        return web.json_response({"now": rfc3339(self._state.clock.now())})

    async def reset(self, _: web.Request) -> web.Response:
        """Forgets everything but credentials, first options and clock."""
        await self._state.reset()
        return web.json_response({})


async def _document(request: web.Request) -> dict[str, Any]:
    document = json.loads(await request.read() or b"{}")
    if not isinstance(document, dict):
        raise ValueError(f"{request.path}: the body must be a JSON object")  # noqa: TRY004 - one refusal for all bad bodies
    return document


def _refusal(message: str) -> web.Response:
    return web.json_response({"statusCode": 400, "message": message}, status=400)
