"""A Hautech that repeats every secret it was told, on a network that quotes every link it is given.

It answers the real client as the API would, until it is told to fail one of its routes: then it
says all that it knows, in every form in which an error can come.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any, cast

import requests
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.exceptions import (
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from worker.adapters.memory.pictures import draw_png

MARK = "C4N4RY"
"""In every secret, so that one look finds each of them."""

TOKEN = f"opaque-{MARK}-token"
PROXY_PASSWORD = f"{MARK}proxy"
_SIGNED = f"X-Amz-Signature={MARK}5f2a&sig={MARK}"
_UPLOAD_LINK = f"https://upload.hautech.ai/{MARK}path/put?{_SIGNED}"
_PICTURE_LINK = f"https://cdn.hautech.ai/pictures/a.png?{_SIGNED}"
_FOREIGN_LINK = f"https://user:{MARK}@evil.example/pictures/b.png?{_SIGNED}"
_JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ{MARK}.{MARK}sig"
_PEM = f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----"

SAID = (
    f"refused Bearer {TOKEN} ({TOKEN}) at {_PICTURE_LINK} and {_UPLOAD_LINK}, {_JWT}, {_PEM}, "
    f'token={MARK}x {{"fileToken": "{MARK}file", "secret": "{MARK}"}} {_FOREIGN_LINK}'
)

ROUTES = ("initialize", "put", "finalize", "run", "status", "list", "image", "picture")
RUN_ID = str(uuid.UUID(int=1, version=4))
IMAGE_ID = str(uuid.UUID(int=2, version=4))

Fault = Callable[[PreparedRequest], Response]


def _answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Response()
    response.status_code = status
    response.raw = HTTPResponse(
        io.BytesIO(content), status=status, headers=headers or {}, preload_content=False
    )
    return response


def _status(status: int, body: Any, **headers: str) -> Fault:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request: PreparedRequest) -> Response:
        # The hosts of signed links are not given the token, so they cannot repeat it.
        knows_token = "Authorization" in request.headers
        said = content if knows_token else content.replace(TOKEN.encode(), b"-")
        return _answer(status, said, headers)

    return answer


def _raises(make: Callable[[HTTPConnectionPool, str], Exception]) -> Fault:
    def fail(request: PreparedRequest) -> Response:
        pool = HTTPConnectionPool(f"user:{PROXY_PASSWORD}@proxy")
        raise make(pool, str(request.url))

    return fail


_PIPELINE = {"id": RUN_ID, "kind": "pipeline", "createdAt": "2026-03-01T12:00:00.000Z"}

FAULTS: dict[str, Fault] = {
    **{
        str(status): _status(status, {"message": SAID, "errorCode": f"token={MARK}"})
        for status in (400, 401, 402, 403, 404, 429, 503)
    },
    "many messages": _status(422, {"message": [SAID, SAID], "statusCode": 422}),
    "text": _status(500, SAID.encode()),
    "page": _status(502, f"<html><title>{SAID}</title></html>".encode()),
    "redirect": _status(302, b"", Location=_PICTURE_LINK),
    "redirect away": _status(307, b"", Location=_FOREIGN_LINK),
    "no json": _status(200, SAID.encode()),
    "other json": _status(200, {"detail": SAID, "status": SAID, "url": SAID, "uploadUrl": SAID}),
    "foreign link": _status(
        200, {"id": IMAGE_ID, "url": _FOREIGN_LINK, "uploadUrl": _FOREIGN_LINK}
    ),
    "failed": _status(
        200,
        {"status": "failed", "pipeline": {**_PIPELINE, "status": "failed", "errorMessage": SAID}},
    ),
    "failed task": _status(
        200,
        {
            "status": "failed",
            "pipeline": {
                **_PIPELINE,
                "status": "failed",
                "state": {"naomi": {"status": "failed", "output": {"message": SAID}}},
            },
        },
    ),
    "links as output": _status(
        200,
        {
            "status": "completed",
            "pipeline": {**_PIPELINE, "status": "completed", "output": {"x": _PICTURE_LINK}},
        },
    ),
    "foreign output": _status(
        200,
        {
            "status": "completed",
            "pipeline": {**_PIPELINE, "status": "completed", "output": {"url": _FOREIGN_LINK}},
        },
    ),
    "refused": _raises(
        lambda pool, url: requests.ConnectionError(
            MaxRetryError(pool, url, NewConnectionError(pool, f"refused {url}"))  # type: ignore[arg-type] # a connection in life
        )
    ),
    "proxy": _raises(
        lambda pool, url: requests.exceptions.ProxyError(
            MaxRetryError(pool, url, ProxyError(f"407 for {url}", OSError(SAID)))
        )
    ),
    "tls": _raises(
        lambda pool, url: requests.exceptions.SSLError(MaxRetryError(pool, url, SSLError(SAID)))
    ),
    "timeout": _raises(
        lambda pool, url: requests.ReadTimeout(ReadTimeoutError(pool, url, f"timed out {url}"))
    ),
    "cut": _raises(lambda _, url: requests.ConnectionError(ProtocolError(SAID, OSError(url)))),
}


class LeakyHautech(BaseAdapter):
    """The network of a client. `faults` are used up one by one, on the route that they are for."""

    def __init__(self, route: str = "", faults: Iterable[Fault] = ()) -> None:
        super().__init__()
        self._route = route
        self._faults = list(faults)
        self.failed = 0

    def send(
        self,
        request: PreparedRequest,
        *_: Any,
        **__: Any,
    ) -> Response:
        """See `BaseAdapter.send`."""
        if request.body is not None and not isinstance(request.body, bytes):
            b"".join(cast("Iterable[bytes]", request.body))
        route = _route_of(request)
        if route == self._route and self._faults:
            self.failed += 1
            return self._faults.pop(0)(request)
        return _answer(200, _USUAL[route])

    def close(self) -> None:
        """Nothing is open."""


def _route_of(request: PreparedRequest) -> str:
    url = str(request.url)
    if url.startswith("https://upload."):
        return "put"
    if url.startswith("https://cdn."):
        return "picture"
    path = url.split("?", maxsplit=1)[0].removeprefix("https://api.hautech.ai/v1/")
    return {
        "images/upload/initialize": "initialize",
        "images/upload/finalize": "finalize",
        "pipelines": "list",
        "accounts/self": "account",
    }.get(path) or ("run" if "run" in path else "image" if path.startswith("images/") else "status")


_USUAL: dict[str, Any] = {
    "initialize": {"uploadUrl": _UPLOAD_LINK},
    "put": {"fileToken": f"{MARK}file"},
    "finalize": {"id": IMAGE_ID, "url": _PICTURE_LINK},
    "run": {"pipelineId": RUN_ID},
    "status": {
        "status": "completed",
        "pipeline": {
            **_PIPELINE,
            "status": "completed",
            "output": {"imageId": str(uuid.UUID(int=3, version=4)), "preview": _PICTURE_LINK},
        },
    },
    "list": {"data": [], "pageInfo": {}},
    "image": {"id": IMAGE_ID, "url": _PICTURE_LINK},
    "account": {"id": "a", "permissions": ["*"], "balance": "1"},
    "picture": draw_png("finished"),
}
