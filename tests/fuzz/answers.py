"""What Hautech may answer: documents of every kind, errors, headers, links."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPHeaderDict
from urllib3.util import parse_url

from tests.fuzz.target import Target, text_of
from worker.hautech.answers import Answer, error_of, json_of, read_error_body, retry_after_s
from worker.hautech.client import _read_balance, _read_names
from worker.hautech.config import ClientConfig
from worker.hautech.errors import ForbiddenUrlError, HautechError, InvalidAnswerError
from worker.hautech.fields import ShapeError
from worker.hautech.models import (
    Account,
    Image,
    Pipeline,
    PipelinePage,
    PipelinePreview,
    Pose,
    Workflow,
)
from worker.hautech.outputs import find_images, read_pose_id, read_prepared_image_id
from worker.hautech.upload import _file_token
from worker.hautech.urls import UrlGuard
from worker.jobs.outputs import without_secrets

_READERS = (
    Account.from_json,
    Image.from_json,
    Pipeline.from_json,
    PipelinePage.from_json,
    PipelinePreview.from_json,
    Pose.from_json,
    Workflow.from_json,
    _read_balance,
    _read_names,
    _file_token,
)
_GUARD = UrlGuard(ClientConfig(allowed_hosts=("cdn.example.com",)))
_LOCAL = UrlGuard(ClientConfig(api_url="http://127.0.0.1:8080"))


def check_document(data: bytes) -> None:
    """Every reader takes a document, or says what is wrong with its shape."""
    answer = Answer(200, {}, data)
    for options in ({}, {"parse_float": Decimal}):
        try:
            document = json_of(answer, method="GET", target="/x", **options)
        except InvalidAnswerError as error:
            str(error).encode()
            return
        for read in _READERS:
            try:
                found = read(document)
            except ShapeError as wrong:
                str(wrong).encode()
                continue
            if isinstance(found, Pipeline) and found.consumed_credits is not None:
                assert len(f"{found.consumed_credits:f}") < 1_000
    _check_output(json.loads(data))


def _check_output(output: Any) -> None:
    for image in find_images(output, sent_ids=("sent",)):
        assert bool(image.image_id) != bool(image.url)
        assert "://" not in repr(image)
    for found in (read_pose_id(output), read_prepared_image_id(output)):
        assert found is None or found
    kept = without_secrets(output)
    json.dumps(kept).encode()
    for text in _texts(kept):
        text.encode()
        if text.lower().startswith(("https://", "http://")):
            parts = urlsplit(text)
            assert not parts.query
            assert "@" not in parts.netloc


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for member in value.values() for text in _texts(member))]
    if isinstance(value, list):
        return [text for member in value for text in _texts(member)]
    return []


def check_error(data: bytes) -> None:
    """Any status, header and body give one error whose text is short, whole and on one line."""
    status = 300 + int.from_bytes(data[:2], "big") % 300
    header, _, body = data[2:].partition(b"\n")
    headers = HTTPHeaderDict({"Retry-After": text_of(header), "Location": text_of(header)})
    error = error_of(Answer(status, headers, body), method="GET", target="/x", now_s=1.7e9)
    assert isinstance(error, HautechError)
    assert len(str(error)) < 1_500
    assert "\n" not in str(error)
    assert error.retry_after_s is None or 0 <= error.retry_after_s < math.inf
    assert read_error_body(body) == read_error_body(body)


def check_retry_after(data: bytes) -> None:
    """Any header gives seconds or nothing."""
    waited = retry_after_s({"retry-after": text_of(data)}, now_s=1.7e9)
    assert waited is None or 0 <= waited < math.inf


def check_link(data: bytes) -> None:
    """Refused, or https to a known host for every reader of URLs; on loopback, loopback."""
    url = text_of(data)
    for candidate in (url, f"https://{url}", f"https://api.hautech.ai{url}"):
        for guard, is_local in ((_GUARD, False), (_LOCAL, True)):
            try:
                link = guard.check(candidate, purpose="link")
            except ForbiddenUrlError as error:
                str(error).encode()
                continue
            for read in (parse_url, urlsplit):
                parts = read(link.url)
                assert (parts.hostname or "").strip("[]").rstrip(".").lower() == link.host
                assert "@" not in (parts.netloc or "")
            assert link.url.isascii()
            assert link.url.isprintable()
            if is_local:
                assert (
                    link.host.startswith(("127.", "::1", "0"))
                    or "localhost" in link.host
                    or (link.host == "hautech.ai" or link.host.endswith(".hautech.ai"))
                )
            else:
                assert link.url.startswith("https://")
                assert link.host in {"hautech.ai", "cdn.example.com"} or link.host.endswith(
                    ".hautech.ai"
                )


_IMAGE = {
    "id": "5b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a",
    "kind": "image",
    "width": 832.0,
    "height": 1200,
    "url": "https://cdn.hautech.ai/a.png?sig=x",
    "expiresAt": "2026-03-01T12:00:00.000Z",
}
_PIPELINE = {
    "id": "5b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a",
    "kind": "pipeline",
    "status": "completed",
    "metadata": {"hautech-worker": {"key": "k"}},
    "output": {"imageId": "6b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a", "images": [_IMAGE]},
    "consumedCredits": "0.04375",
    "state": {"a": {"status": "failed", "output": "no garment found"}},
    "createdAt": "2026-03-01T12:00:00.000Z",
}
_ACCOUNT = {"id": "a", "type": "root", "permissions": ["*"], "balance": {"balance": "-1.5"}}

TARGETS = (
    Target(
        "document",
        check_document,
        share=60,
        seeds=tuple(
            json.dumps(one).encode()
            for one in (
                _IMAGE,
                _PIPELINE,
                {"data": [_PIPELINE], "pageInfo": {"nextCursor": "c"}},
                _ACCOUNT,
                {"fileToken": "t"},
                ["images:create"],
                {"poseId": "7b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a"},
                {"output": {"result": {"imageUrl": "https://user:p@h/x?y"}}},
                "6b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a",
                {"balance": "1E+30", "consumedCredits": 1e300},
            )
        ),
    ),
    Target(
        "error",
        check_error,
        share=40,
        seeds=(
            b"\0\x640\n" + b'{"statusCode":400,"message":["ttlSeconds must be"],"error":"Bad"}',
            b"\0\xc83\n" + b"<html><title>502 Bad Gateway</title></html>",
            b"\0\x81" + b"Wed, 21 Oct 2026 07:28:00 GMT\n" + b'{"error":{"message":"slow"}}',
        ),
    ),
    Target(
        "retry-after",
        check_retry_after,
        share=30,
        seeds=(b"120", b"Wed, 21 Oct 2026 07:28:00 GMT"),
        max_bytes=80,
    ),
    Target(
        "link",
        check_link,
        share=25,
        seeds=(
            b"https://cdn.hautech.ai/a.png?sig=x#f",
            b"http://127.0.0.1:8080/a",
            b"https://[::1]/a",
            b"https://api.hautech.ai@evil.example/",
            b"https://evil.example\\@api.hautech.ai/",
        ),
        max_bytes=300,
    ),
)
