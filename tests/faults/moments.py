"""Moments of a call inside the worker's own process: just before it and just after it.

AWS clients tell them by their events, the Hautech client by its observer, and the rig's own loop
for SQS, whose batches travel in threads of their own. Name look-ups fail here as well: they happen
in the thread that makes the call.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from unittest.mock import patch
from urllib.parse import urlsplit

from tests.faults.strikes import Strikes
from tests.faults.wire import name_of
from worker.adapters.aws.clients import AwsClients
from worker.hautech.transport import CallEvent

T = TypeVar("T")
When = Literal["before", "after"]

_OBSERVED = {
    "upload_initialize": "hautech.initialize",
    "upload_put": "hautech.upload",
    "upload_finalize": "hautech.finalize",
    "run_workflow": "hautech.run",
    "get_pipeline_status": "hautech.status",
    "list_pipelines": "hautech.list",
    "get_pipeline": "hautech.pipeline",
    "get_image": "hautech.image",
    "download": "hautech.download",
}
"""Names of the client's calls, and ours for their exchanges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambush:
    """Something that happens just before or after the `nth` exchange of a call, once."""

    call: str
    when: When
    action: Callable[[], None]
    nth: int = 1


class Moments:
    """Counts moments and springs the ambush; `lookups` says which name look-ups fail."""

    def __init__(self) -> None:
        self.lookups = Strikes()
        self.is_sprung = False
        self._ambush: Ambush | None = None
        self._counts: Counter[str] = Counter()
        self._here = threading.local()

    def arm(self, ambush: Ambush | None) -> None:
        """Starts to count anew."""
        self._ambush, self.is_sprung = ambush, False
        self._counts.clear()

    def around(self, call: str, make: Callable[[], T]) -> T:
        """Makes a call with its two moments."""
        self.reach("before", call)
        answer = make()
        self.reach("after", call)
        return answer

    def reach(self, when: When, call: str) -> None:
        """A moment has come."""
        if when == "before":
            self._counts[call] += 1
        armed = self._ambush
        if armed is None or (armed.call, armed.when) != (call, when):
            return
        if self._counts[call] == armed.nth:
            self._ambush, self.is_sprung = None, True
            armed.action()

    def observe(self, event: CallEvent) -> None:
        """The observer of a Hautech client."""
        call = _OBSERVED.get(event.name, "other")
        if event.phase == "before":
            self._here.call = call
        self.reach(event.phase, call)

    def watch(self, clients: AwsClients, queues: Mapping[str, str]) -> None:
        """Listens to the events of all AWS clients."""

        def before(request: Any, **_: object) -> None:
            parts = urlsplit(request.url)
            headers = {name.lower(): _text(value) for name, value in request.headers.items()}
            body = request.body if isinstance(request.body, bytes) else b""
            if isinstance(request.body, str):
                body = request.body.encode()
            call = name_of(
                "aws", request.method, f"{parts.path}?{parts.query}", headers, body, queues
            )
            self._here.call = call
            if not call.startswith("sqs."):
                self.reach("before", call)

        def after(**_: object) -> None:
            call = getattr(self._here, "call", "other")
            if not call.startswith("sqs."):
                self.reach("after", call)

        for client in (
            clients.dynamodb, clients.s3, clients.secretsmanager, clients.sns, clients.sqs,
        ):  # fmt: skip
            client.meta.events.register("before-send", before)
            client.meta.events.register("response-received", after)

    @contextmanager
    def watching_lookups(self) -> Iterator[None]:
        """Inside, look-ups of host names pass through here."""
        real = socket.getaddrinfo

        def look_up(*args: Any, **kwargs: Any) -> Any:
            call = getattr(self._here, "call", None)
            if call is not None and self.lookups.next_blow(call):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return real(*args, **kwargs)

        with patch.object(socket, "getaddrinfo", look_up):
            yield


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
