"""Fetches one image, all of it or not at all: an error rather than a cut, slow or foreign body.

What is checked, and why each check is needed::

    host and https      links come from answers; they must not lead elsewhere
    no bearer token     the link is the credential, the host need not be Hautech's
    clock               a slow drip never trips a read timeout, so the whole has a deadline
    announced length    a body shorter than Content-Length is cut
    end of the file     without a length, only the format tells whether the end is the end
    first bytes         an HTML error page with status 200 is not a picture
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urljoin

from worker.hautech.answers import Answer
from worker.hautech.api import ApiCaller
from worker.hautech.errors import (
    AuthenticationError,
    CutBodyError,
    DeadlineExceededError,
    HautechError,
    InvalidAnswerError,
    NotFoundError,
    PermissionDeniedError,
    TooLargeError,
)
from worker.hautech.image_kinds import HEAD_BYTES, TAIL_BYTES, ImageKind, sniff_image
from worker.hautech.models import Image
from worker.hautech.transport import Call, OpenAnswer, Request
from worker.hautech.urls import Link, UrlGuard

DOWNLOAD: Final = Call("download", "GET", "<download link>")

_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_STALE_LINK: Final = (AuthenticationError, PermissionDeniedError, NotFoundError)


class Sink(Protocol):
    """Where the bytes go: an open file, `io.BytesIO`, a hasher. On an error, throw it away."""

    def write(self, data: bytes, /) -> object:
        """Takes the next bytes."""


@dataclass(frozen=True, slots=True)
class Download:
    """A complete image that was written to a sink.

    Attributes:
        size_bytes: Length.
        sha256: Of the bytes, lower-case hexadecimal.
        content_type: By the bytes, not by the header.
        extension: File name extension that fits, without dot.
    """

    size_bytes: int
    sha256: str
    content_type: str
    extension: str


class Downloader:
    """Fetches images by id or by link. Thread-safe."""

    def __init__(self, api: ApiCaller, guard: UrlGuard, get_image: Callable[[str], Image]) -> None:
        self._api = api
        self._guard = guard
        self._get_image = get_image

    def download(
        self, image_id_or_url: str, sink: Sink, *, max_bytes: int, deadline_s: float | None
    ) -> Download:
        """See `HautechClient.download_image`."""
        allowed_s = self._api.config.transfer_timeout_s if deadline_s is None else deadline_s
        deadline = self._api.transport.monotonic() + allowed_s
        if image_id_or_url.lower().startswith(("https://", "http://")):
            return self._fetch(image_id_or_url, sink, max_bytes, deadline, allowed_s)
        try:
            url = self._link_of(image_id_or_url)
            return self._fetch(url, sink, max_bytes, deadline, allowed_s)
        except _STALE_LINK as stale:
            # Links expire. These answers come before the first byte, so the sink is untouched.
            if stale.target.startswith("/"):
                raise  # it was the API that refused, not the link
        url = self._link_of(image_id_or_url)
        return self._fetch(url, sink, max_bytes, deadline, allowed_s)

    def _link_of(self, image_id: str) -> str:
        image = self._get_image(image_id)
        if image.url is None:
            raise InvalidAnswerError(
                f"image {image_id} has no download link", method="GET", target="/v1/images/{id}"
            )
        return image.url

    def _fetch(
        self, url: str, sink: Sink, max_bytes: int, deadline: float, allowed_s: float
    ) -> Download:
        for _ in range(_MAX_REDIRECTS + 1):
            link = self._guard.check(url, purpose="download link")
            with self._api.transport.stream(self._request(link, deadline, allowed_s)) as opened:
                if opened.status == 200:
                    return _Transfer(
                        opened,
                        sink,
                        host=link.host,
                        max_bytes=max_bytes,
                        deadline=deadline,
                        allowed_s=allowed_s,
                        monotonic=self._api.transport.monotonic,
                    ).run()
                location = opened.headers.get("location")
                if opened.status not in _REDIRECTS or not location:
                    raise self._refusal(opened, link)
            url = urljoin(link.url, location)
        raise InvalidAnswerError(
            f"more than {_MAX_REDIRECTS} redirects", method="GET", target=link.host
        )

    def _request(self, link: Link, deadline: float, allowed_s: float) -> Request:
        config = self._api.config
        left_s = deadline - self._api.transport.monotonic()
        if left_s <= 0:
            raise _too_slow(allowed_s, 0, link.host)
        return Request(
            DOWNLOAD,
            link.url,
            link.host,
            {"User-Agent": config.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"},
            timeout_s=(
                min(config.connect_timeout_s, left_s),
                min(config.read_timeout_s, left_s),
            ),
            is_signed_link=True,
        )

    def _refusal(self, opened: OpenAnswer, link: Link) -> Exception:
        if 200 <= opened.status < 300:
            return InvalidAnswerError(
                "a picture is answered with 200 only",
                method="GET",
                target=link.host,
                status=opened.status,
            )
        try:
            said = opened.read()
        except HautechError:
            said = b""  # the status says enough
        answer = Answer(opened.status, opened.headers, said)
        return self._api.refusal(answer, method="GET", target=link.host)


class _Transfer:
    """One body on its way from an open answer to a sink."""

    def __init__(
        self,
        opened: OpenAnswer,
        sink: Sink,
        *,
        host: str,
        max_bytes: int,
        deadline: float,
        allowed_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._opened = opened
        self._sink = sink
        self._host = host
        self._max_bytes = max_bytes
        self._deadline = deadline
        self._allowed_s = allowed_s
        self._monotonic = monotonic
        self._size_bytes = 0

    def run(self) -> Download:
        announced_bytes = self._announced_bytes()
        head = b""
        while len(head) < HEAD_BYTES and (piece := self._next()):
            head += piece
        kind = sniff_image(head)
        if kind is None and len(head) < HEAD_BYTES:
            raise self._cut(f"it ends after {len(head)} bytes")
        if kind is None and head.lstrip()[:1] in {b"<", b"{", b"["}:
            # An error page or document under status 200 says nothing about the picture.
            raise self._cut(f"a page instead of a picture: {_looks_like(head)}")
        if kind is None:
            raise self._invalid(f"not an image: {_looks_like(head)}")
        digest = hashlib.sha256()
        piece, tail = head, b""
        while piece:
            digest.update(piece)
            # Outside of any translation of errors: what the sink raises is the caller's own.
            self._sink.write(piece)
            tail = (tail + piece)[-TAIL_BYTES:] if len(piece) < TAIL_BYTES else piece[-TAIL_BYTES:]
            piece = self._next()
        self._check_end(kind, head, tail, announced_bytes)
        return Download(self._size_bytes, digest.hexdigest(), kind.content_type, kind.extension)

    def _announced_bytes(self) -> int | None:
        if self._opened.is_encoded:
            raise self._invalid("compressed, although only the plain bytes were asked for")
        length = (self._opened.headers.get("content-length") or "").strip()
        # A length beside chunks means nothing (RFC 9112, section 6.3).
        if not length.isdigit() or self._opened.headers.get("transfer-encoding"):
            return None
        if int(length) > self._max_bytes:
            raise self._too_large(f"{length} bytes")
        return int(length)

    def _next(self) -> bytes:
        piece = self._opened.read()
        self._size_bytes += len(piece)
        if self._size_bytes > self._max_bytes:
            raise self._too_large("more")
        if self._monotonic() > self._deadline:
            raise _too_slow(self._allowed_s, self._size_bytes, self._host)
        return piece

    def _check_end(
        self, kind: ImageKind, head: bytes, tail: bytes, announced_bytes: int | None
    ) -> None:
        if announced_bytes is not None:
            if self._size_bytes == announced_bytes:
                return
            found = f"{self._size_bytes} of {announced_bytes} bytes came"
        elif kind.is_whole is not None and kind.is_whole(head, tail, self._size_bytes):
            return
        else:
            found = (
                f"{self._size_bytes} bytes of {kind.content_type} came without a length, "
                "and they do not end as such a file ends"
            )
        raise self._cut(found)

    def _cut(self, found: str) -> CutBodyError:
        return CutBodyError(f"the picture is cut: {found}", method="GET", target=self._host)

    def _invalid(self, detail: str) -> InvalidAnswerError:
        return InvalidAnswerError(
            detail, method="GET", target=self._host, status=self._opened.status
        )

    def _too_large(self, found: str) -> TooLargeError:
        return TooLargeError(
            f"the picture is too large: {found}, {self._max_bytes} bytes are allowed",
            method="GET",
            target=self._host,
        )


def _too_slow(allowed_s: float, size_bytes: int, host: str) -> DeadlineExceededError:
    return DeadlineExceededError(
        f"the download was not complete after {allowed_s:g} s ({size_bytes} bytes came)",
        method="GET",
        target=host,
    )


def _looks_like(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head.lstrip().startswith((b"<", b"{")):
        return "it begins like HTML or JSON"
    return f"it begins with {head[:8].hex(' ')}"
