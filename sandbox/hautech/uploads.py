"""The three steps of an upload: a signed URL used once, a file token used once, an image."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PIL import Image, UnidentifiedImageError

from sandbox.hautech.contents import ContentStore
from sandbox.hautech.errors import ApiError
from sandbox.hautech.images import ImageRecord, ImageStore
from sandbox.hautech.pictures.studio import Studio, Upload
from sandbox.hautech.signing import LinkSigner

_FORMATS = {"JPEG": "jpg"}
_REMEMBERED_FACTS = 4096


@dataclass(frozen=True, slots=True)
class _File:
    digest: str
    filename: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """What decoding an upload showed; kept per content, since benches repeat their files."""

    size: tuple[int, int]
    image_format: str


class Uploads:
    """Open upload URLs and unused file tokens."""

    def __init__(
        self, *, images: ImageStore, contents: ContentStore, signer: LinkSigner, studio: Studio
    ) -> None:
        self._images = images
        self._contents = contents
        self._signer = signer
        self._studio = studio
        self._open: OrderedDict[str, datetime] = OrderedDict()
        self._files: dict[str, _File] = {}
        self._facts: dict[str, _Facts] = {}

    def initialize(self, *, now: datetime, life_s: float) -> str:
        """Path and query of a new upload URL, which works once within `life_s` seconds."""
        while self._open and next(iter(self._open.values())) <= now:
            self._open.popitem(last=False)
        ticket = secrets.token_urlsafe(12)
        self._open[ticket] = now + timedelta(seconds=life_s)
        return self._signer.sign(f"/uploads/{ticket}", now=now, life_s=life_s)

    def check(self, ticket: str, query: Mapping[str, str], *, now: datetime) -> None:
        """Accepts an upload URL that is genuine, in time and unused.

        Raises:
            ApiError: 403 otherwise.
        """
        self._signer.check(f"/uploads/{ticket}", query, now=now)
        if ticket not in self._open:
            raise ApiError(403, "Upload URL has already been used")

    def receive(self, ticket: str, content: bytes, filename: str) -> str:
        """Stores the bytes, uses the URL up and returns the file token."""
        if self._open.pop(ticket, None) is None:
            raise ApiError(403, "Upload URL has already been used")
        token = secrets.token_urlsafe(24)
        self._files[token] = _File(self._contents.put(content), filename)
        return token

    async def finalize(self, body: Mapping[str, Any], *, now: datetime) -> ImageRecord:
        """Makes an image of an uploaded file and uses its token up.

        Raises:
            ApiError: 400 if the token is missing, unknown or used, `ttlSeconds` is not a whole
                number from 1, or the bytes are no image.
        """
        token, ttl_s = body.get("fileToken"), body.get("ttlSeconds")
        problems = []
        if token is not None and not isinstance(token, str):
            problems.append("fileToken must be a string")
        if ttl_s is not None:
            if isinstance(ttl_s, bool) or not isinstance(ttl_s, int):
                problems.append("ttlSeconds must be an integer number")
            elif ttl_s < 1:
                problems.append("ttlSeconds must not be less than 1")
        if problems:
            raise ApiError(400, problems)
        # Taken before the first await: two finalize calls cannot share a token.
        file = self._files.pop(str(token), None)
        if file is None:
            raise ApiError(400, "Invalid file token")
        facts = self._facts.get(file.digest)
        if facts is None:
            loop = asyncio.get_running_loop()
            content = self._contents.get(file.digest)
            facts = await loop.run_in_executor(self._studio.pool, _decode, content)
            if len(self._facts) >= _REMEMBERED_FACTS:
                self._facts.clear()
            self._facts[file.digest] = facts
        return self._images.add(
            Upload(file.digest),
            size=facts.size,
            image_format=facts.image_format,
            now=now,
            expires_at=None if ttl_s is None else now + timedelta(seconds=ttl_s),
            filename=file.filename,
        )


def _decode(content: bytes) -> _Facts:
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()  # the header alone would accept a file that was cut off
            name = str(image.format)
            return _Facts(image.size, _FORMATS.get(name, name.lower()))
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,  # Pillow's word for a broken PNG chunk
        ValueError,
    ):
        raise ApiError(400, "Unsupported or corrupt image") from None
