"""The routes under `/v1` that read and write images, poses, the account and permissions."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.hautech.account import decimal_string
from sandbox.hautech.auth import Grant
from sandbox.hautech.errors import ApiError, not_found
from sandbox.hautech.options import Options
from sandbox.hautech.reading import path_uuid, read_ids, read_json
from sandbox.hautech.state import State

Handler = Callable[["Call"], Awaitable["Answer"]]

PERMISSIONS = (
    "images:create", "images:read", "workflows:read", "workflows:execute", "pipelines:create",
    "pipelines:read", "operations:create", "operations:read", "poses:read",
    "balances:self:read", "websocket:connect", "websocket:subscribe",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    request: web.Request
    state: State
    grant: Grant


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON document and its status."""

    document: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the API.

    Attributes:
        name: used by fault rules, counters and the log.
        permission: what a token must carry; None if any will do.
        is_open: no token is needed at all.
        exists: whether the options have this route switched on.
    """

    name: str
    method: str
    path: str
    handler: Handler
    permission: str | None = None
    is_open: bool = False
    exists: Callable[[Options], bool] = lambda _: True


async def initialize_upload(call: Call) -> Answer:
    """Step 1 of an upload."""
    # The route takes no body; a client that announces JSON and sends none fails elsewhere too.
    if call.request.content_type == "application/json" or await call.request.read():
        raise ApiError(400, "Body is not allowed; send no body and no JSON content type")
    state = call.state
    signed = state.uploads.initialize(now=state.clock.now(), life_s=state.options.upload_url_life_s)
    return Answer({"uploadUrl": state.media_url + signed})


async def finalize_upload(call: Call) -> Answer:
    """Step 3 of an upload."""
    state = call.state
    body = await read_json(call.request)
    record = await state.uploads.finalize(body, now=state.clock.now())
    entity = state.images.entity(record, now=state.clock.now(), options=state.options)
    return Answer(entity, 201)


async def get_image(call: Call) -> Answer:
    """One image with a fresh link."""
    state, now = call.state, call.state.clock.now()
    record = state.images.find(path_uuid(call.request), now=now)
    if record is None:
        raise not_found("Image")
    return Answer(state.images.entity(record, now=now, options=state.options))


async def get_many_images(call: Call) -> Answer:
    """The images among the ids that exist, in no particular order."""
    state, now = call.state, call.state.clock.now()
    records = [state.images.find(item, now=now) for item in await read_ids(call.request)]
    found = [record for record in dict.fromkeys(records) if record is not None]
    random.Random(len(found)).shuffle(found)
    return Answer([state.images.entity(record, now=now, options=state.options) for record in found])


async def get_representation(call: Call) -> Answer:
    """The one representation that is known, of images that a segmentation made."""
    state, now = call.state, call.state.clock.now()
    image_id, kind = path_uuid(call.request), call.request.match_info["type"]
    if kind != "sam.v1":
        raise ApiError(400, f"Unknown representation type {kind}")
    record = state.images.find(image_id, now=now)
    if record is None or getattr(record.source, "kind", None) != "prepared-image":
        raise not_found("Representation")
    link = state.images.link(record, now=now, options=state.options)
    return Answer({"imageId": image_id, "type": kind, "url": link})


async def get_pose(call: Call) -> Answer:
    """One pose."""
    state = call.state
    record = state.poses.find(path_uuid(call.request))
    if record is None:
        raise not_found("Pose")
    return Answer(state.poses.entity(record, now=state.clock.now(), options=state.options))


async def get_self(call: Call) -> Answer:
    """The caller's account."""
    return Answer(call.state.account.entity(call.grant.permissions))


async def get_balance(call: Call) -> Answer:
    """The caller's balance."""
    return Answer({"balance": decimal_string(call.state.account.balance)})


async def list_permissions(_: Call) -> Answer:
    """All permission names."""
    return Answer(list(PERMISSIONS))


ROUTES = (
    Route("images.initialize", "POST", "/v1/images/upload/initialize", initialize_upload, "images:create"),
    Route("images.finalize", "POST", "/v1/images/upload/finalize", finalize_upload, "images:create"),
    Route("images.many", "POST", "/v1/images/many", get_many_images, "images:read"),
    Route("images.get", "GET", "/v1/images/{id}", get_image, "images:read"),
    Route("images.representation", "GET", "/v1/images/{id}/representation/{type}", get_representation, "images:read"),
    Route("poses.get", "GET", "/v1/poses/{id}", get_pose, "poses:read"),
    Route("account.self", "GET", "/v1/accounts/self", get_self),
    Route("account.balance", "GET", "/v1/accounts/self/balance", get_balance, "balances:self:read"),
    Route("permissions.list", "GET", "/v1/permissions/available", list_permissions, is_open=True),
)  # fmt: skip
