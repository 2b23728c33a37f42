"""A network made of plain functions, and a clock that moves when told to."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import HealthCheck, settings
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from worker.hautech import ClientConfig, HautechClient, Observer, StaticToken, TokenProvider

TOKEN = "made-up-token"

# A loaded machine is no failure: examples have no time limit.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Seen:
    """One request as it would have gone out."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None

    @property
    def path(self) -> str:
        return "/" + self.url.split("://", 1)[1].split("/", 1)[1]

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass
class Reply:
    """One answer; `body` is JSON unless it is bytes already."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    is_length_checked: bool = True  # by urllib3, below us

    def to_response(self) -> Response:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        raw = HTTPResponse(
            body=io.BytesIO(content),
            status=self.status,
            headers=self.headers,
            preload_content=False,
            enforce_content_length=self.is_length_checked,
        )
        response = Response()
        response.status_code = self.status
        response.raw = raw
        return response


Step = Reply | Exception | Callable[[Seen], Reply]


class FakeNetwork(BaseAdapter):
    """Answers requests from a script, in order, and remembers what was asked."""

    def __init__(self, *script: Step) -> None:
        super().__init__()
        self.script = list(script)
        self.seen: list[Seen] = []
        self.timeouts: list[Any] = []

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 part of the signature
        timeout: Any = None,
        verify: Any = True,  # noqa: ARG002 part of the signature
        cert: Any = None,  # noqa: ARG002 part of the signature
        proxies: Any = None,  # noqa: ARG002 part of the signature
    ) -> Response:
        body = request.body
        if body is not None and not isinstance(body, bytes):
            body = b"".join(cast("Iterable[bytes]", body))
        assert request.url is not None
        seen = Seen(str(request.method), request.url, dict(request.headers), body)
        self.seen.append(seen)
        self.timeouts.append(timeout)
        assert self.script, f"unexpected call: {seen.method} {seen.path}"
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return (step if isinstance(step, Reply) else step(seen)).to_response()

    def close(self) -> None:
        pass

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.seen]


class Clock:
    """Moves by a fixed step at every look."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s = 1000.0
        self.step_s = step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def client_of(
    network: FakeNetwork,
    *,
    tokens: TokenProvider | None = None,
    observer: Observer | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> HautechClient:
    """A client on a fake network."""
    return HautechClient(
        ClientConfig(**settings),
        tokens or StaticToken(TOKEN),
        adapter=network,
        observer=observer,
        monotonic=clock or Clock(),
        now=lambda: 0.0,
    )
