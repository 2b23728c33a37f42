"""Reads ids and bodies of requests as the API's framework does."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from sandbox.hautech.errors import ApiError, malformed_id

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def path_uuid(request: web.Request, name: str = "id") -> str:
    """An id of the path.

    Raises:
        ApiError: 400 if it is not a UUID.
    """
    text = request.match_info[name]
    if _UUID.fullmatch(text) is None:
        raise malformed_id()
    return text.lower()


async def read_json(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body; anything that is not announced as JSON counts as `{}`.

    Raises:
        ApiError: 400 if the body is not JSON although it says so.
    """
    if request.content_type != "application/json":
        return {}
    raw = await request.read()
    if not raw:
        return {}
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise ApiError(400, f"Unexpected token in JSON: {error}") from None
    return document if isinstance(document, dict) else {}


async def read_ids(request: web.Request) -> list[str]:
    """The `ids` of a `many` route, without repetitions.

    Raises:
        ApiError: 400 if they are not a list of UUIDs.
    """
    ids = (await read_json(request)).get("ids")
    if not isinstance(ids, list):
        raise ApiError(400, ["ids must be an array"])
    if not all(isinstance(item, str) and _UUID.fullmatch(item) for item in ids):
        raise ApiError(400, ["each value in ids must be a UUID"])
    return list(dict.fromkeys(item.lower() for item in ids))
