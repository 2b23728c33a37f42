"""Uploads one image in three calls, and starts over where that is the way to a sure result.

Orphans are harmless and free, and upload links may be single-use. So a failed second step
restarts at the first; an unclear third step is asked once more with the same token, and then
the whole is restarted. Two rounds in all: what fails twice is worth a pause, which is the
caller's to take.
"""

from collections.abc import Callable
from typing import Any, Final

from worker.hautech.answers import Answer
from worker.hautech.api import ApiCaller
from worker.hautech.errors import (
    AnswerUnknownError,
    AuthenticationError,
    BadRequestError,
    ForbiddenUrlError,
    HautechError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    UnusableAnswerError,
)
from worker.hautech.fields import as_object, required_text
from worker.hautech.models import Image
from worker.hautech.multipart import BodyReader, MultipartBody, SourceFailedError
from worker.hautech.transport import Call, Request
from worker.hautech.urls import Link, UrlGuard

UPLOAD_INITIALIZE: Final = Call(
    "upload_initialize", "POST", "/v1/images/upload/initialize", is_repeatable=True
)
UPLOAD_PUT: Final = Call("upload_put", "PUT", "<upload link>")
UPLOAD_FINALIZE: Final = Call("upload_finalize", "POST", "/v1/images/upload/finalize")

_ROUNDS: Final = 2
_UNCLEAR: Final = (NotSentError, AnswerUnknownError, UnusableAnswerError)
_LINK_GONE: Final = (AuthenticationError, PermissionDeniedError, NotFoundError)


class Uploader:
    """The upload routes. Thread-safe."""

    def __init__(self, api: ApiCaller, guard: UrlGuard) -> None:
        self._api = api
        self._guard = guard

    def upload(
        self,
        open_body: Callable[[], BodyReader],
        *,
        filename: str,
        content_type: str,
        size_bytes: int,
        ttl_s: int | None,
    ) -> Image:
        """See `HautechClient.upload_image`."""
        if not filename or size_bytes < 1 or (ttl_s is not None and ttl_s < 1):
            raise ValueError(
                f"upload: filename must not be empty ({filename!r}), size_bytes ({size_bytes}) "
                f"and ttl_s ({ttl_s}) must be at least 1"
            )
        if not content_type.isprintable() or not content_type.isascii():
            raise ValueError("upload: content_type must be one line of ASCII text")
        for last_round in (False,) * (_ROUNDS - 1) + (True,):
            url = self._initialize()
            try:
                file_token = self._put(url, open_body, filename, content_type, size_bytes)
            except ForbiddenUrlError:
                raise
            except (*_UNCLEAR, *_LINK_GONE):
                if last_round:
                    raise
                continue
            try:
                return self._finalize_surely(file_token, ttl_s)
            except _UNCLEAR:
                if last_round:
                    raise
        raise AssertionError("unreachable: the last round returns or raises")

    def _initialize(self) -> str:
        return self._api.read(
            UPLOAD_INITIALIZE,
            UPLOAD_INITIALIZE.path_template,
            lambda document: required_text(as_object(document, "upload"), "uploadUrl"),
        )

    def _put(
        self,
        url: str,
        open_body: Callable[[], BodyReader],
        filename: str,
        content_type: str,
        size_bytes: int,
    ) -> str:
        link = self._guard.check(url, purpose="upload link")
        transport, config = self._api.transport, self._api.config
        source = open_body()
        try:
            body = MultipartBody(
                source,
                filename=filename,
                content_type=content_type,
                size_bytes=size_bytes,
                deadline=transport.monotonic() + config.transfer_timeout_s,
                monotonic=transport.monotonic,
            )
            answer = self._send(link, body)
        finally:
            source.close()
        if not answer.is_success:
            raise self._api.refusal(answer, method="PUT", target=link.host)
        return self._api.parse(answer, _file_token, method="PUT", target=link.host)

    def _send(self, link: Link, body: MultipartBody) -> Answer:
        config = self._api.config
        request = Request(
            UPLOAD_PUT,
            link.url,
            link.host,
            {
                # No Authorization: the link is the credential, and its host need not be ours.
                "User-Agent": config.user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": body.content_type,
                "Content-Length": str(body.length_bytes),
            },
            body,
            (config.connect_timeout_s, config.transfer_timeout_s),
            is_signed_link=True,
        )
        try:
            return self._api.transport.exchange(request)
        except SourceFailedError as envelope:
            failure = envelope.failure
        # Outside of the except block, so that our envelope is no part of the source's own story.
        if isinstance(failure, HautechError):
            failure.method, failure.target = "PUT", link.host
        raise failure

    def _finalize_surely(self, file_token: str, ttl_s: int | None) -> Image:
        try:
            return self._finalize(file_token, ttl_s)
        except _UNCLEAR as unclear:
            try:
                return self._finalize(file_token, ttl_s)
            except (BadRequestError, NotFoundError):
                # The token is spent: the first try was heard, and its image id is lost to us.
                raise unclear from None

    def _finalize(self, file_token: str, ttl_s: int | None) -> Image:
        body: dict[str, Any] = {"fileToken": file_token}
        if ttl_s is not None:
            body["ttlSeconds"] = ttl_s
        return self._api.read(
            UPLOAD_FINALIZE, UPLOAD_FINALIZE.path_template, Image.from_json, body=body
        )


def _file_token(document: Any) -> str:
    return required_text(as_object(document, "upload answer"), "fileToken")
