"""A stand-in of the Hautech API on a clock that tests move, and the few calls they share."""

from __future__ import annotations

import functools
import io
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from PIL import Image, ImageDraw

from sandbox.hautech import Credentials, Options, StandIn
from sandbox.hautech.catalog import WORKFLOWS

IDS = {workflow.name: workflow.id for workflow in WORKFLOWS}
TIMEOUT_S = (5, 20)
MISSING_ID = str(uuid.UUID(int=7, version=4))


class ManualClock:
    """Time that moves only when told to; safe to read from the server's thread."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)


@functools.cache
def credentials() -> Credentials:
    """One key for all tests of a process; making one takes a moment."""
    return Credentials.generate()


def png(colour: str = "navy", size: tuple[int, int] = (120, 180)) -> bytes:
    """A small product photo: a coloured shape on a white backdrop."""
    image = Image.new("RGB", size, "white")
    width, height = size
    ImageDraw.Draw(image).rectangle(
        (width // 4, height // 5, width * 3 // 4, height * 4 // 5), fill=colour
    )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


class Lab:
    """A running stand-in with the calls of a correct client."""

    def __init__(self, stand_in: StandIn, clock: ManualClock) -> None:
        self.stand_in = stand_in
        self.clock = clock
        self.session = requests.Session()
        self.session.trust_env = False
        self.token = stand_in.token(life_s=30 * 24 * 3600)

    def fresh(self, **options: Any) -> Lab:
        """As newly started, with these options changed."""
        self.stand_in.reset()
        if options:
            self.stand_in.set_options(**options)
        return self

    def call(self, method: str, path: str, *, token: str | None = "own", **more: Any) -> Any:
        """A call of the API; `token` None sends none."""
        headers = dict(more.pop("headers", {}))
        bearer = self.token if token == "own" else token
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        more.setdefault("timeout", TIMEOUT_S)
        return self.session.request(method, self.stand_in.api_url + path, headers=headers, **more)

    def media(self, method: str, url: str, **more: Any) -> requests.Response:
        """A call of the media host, without a token."""
        more.setdefault("timeout", TIMEOUT_S)
        return self.session.request(method, url, **more)

    def upload_url(self) -> str:
        answer = self.call("POST", "/v1/images/upload/initialize")
        assert answer.status_code == 200
        return str(answer.json()["uploadUrl"])

    def file_token(self, content: bytes, filename: str = "photo.png") -> str:
        answer = self.media("PUT", self.upload_url(), files={"file": (filename, content)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["fileToken"])

    def finalize(self, token: str, **more: Any) -> requests.Response:
        answer: requests.Response = self.call(
            "POST", "/v1/images/upload/finalize", json={"fileToken": token, **more}
        )
        return answer

    def upload(self, content: bytes | None = None, **more: Any) -> dict[str, Any]:
        """All three steps; the ImageEntity."""
        answer = self.finalize(self.file_token(content or png()), **more)
        assert answer.status_code == 201, answer.text
        entity: dict[str, Any] = answer.json()
        return entity

    def post_run(self, workflow: str, document: Any, **more: Any) -> requests.Response:
        path = f"/v1/workflows/run/{IDS.get(workflow, workflow)}"
        answer: requests.Response = self.call("POST", path, json={"input": document, **more})
        return answer

    def run(self, workflow: str, document: dict[str, Any], **more: Any) -> str:
        answer = self.post_run(workflow, document, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["pipelineId"])

    def pipeline(self, pipeline_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/pipelines/{pipeline_id}")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def image(self, image_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/images/{image_id}")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def full_naomi_input(self, **changes: Any) -> dict[str, Any]:
        """Valid input of a full-naomi run, on freshly uploaded photos."""
        document = {
            "poseImageId": self.upload(png("black"))["id"],
            "imageId": self.upload(png("red"))["id"],
            "aspectRatio": "7:10",
            "prompt": "a model in a red coat",
            "seed": 42,
            **changes,
        }
        return {key: value for key, value in document.items() if value is not ...}


@contextmanager
def running_lab(**options: Any) -> Iterator[Lab]:
    """A stand-in on a manual clock; runs take no time unless the options say so."""
    clock = ManualClock()
    chosen = Options().changed({"durationSeconds": 0, **options})
    with StandIn(options=chosen, credentials=credentials(), clock=clock) as stand_in:
        lab = Lab(stand_in, clock)
        try:
            yield lab
        finally:
            lab.session.close()
