"""The media host: receives uploads and hands out the bytes of images, by signed links only."""

from __future__ import annotations

from aiohttp import BodyPartReader, web

from sandbox.hautech.errors import ApiError, not_found
from sandbox.hautech.pictures.studio import Upload
from sandbox.hautech.state import State

_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_READ_BYTES = 256 * 1024


class MediaRoutes:
    """Handlers of the media host."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def upload(self, request: web.Request) -> web.Response:
        """Step 2 of an upload; strict, because the real service is a form upload."""
        state = self._state
        _refuse_bearer(request)
        ticket = request.match_info["ticket"]
        state.uploads.check(ticket, request.query, now=state.clock.now())
        content, filename = await self._read_file(request)
        token = state.uploads.receive(ticket, content, filename)
        return web.json_response({"fileToken": token})

    async def download(self, request: web.Request) -> web.Response:
        """The bytes of an image."""
        state, now = self._state, self._state.clock.now()
        _refuse_bearer(request)
        state.signer.check(request.path, request.query, now=now)
        record = state.images.find(request.match_info["id"], now=now)
        if record is None:
            raise not_found("File")
        body = await state.studio.picture(
            record.source,
            flat=state.options.drawing == "flat",
            pad_bytes=state.options.flat_pad_bytes,
        )
        kind = record.format if isinstance(record.source, Upload) else "png"
        return web.Response(body=body, content_type=_TYPES.get(kind, f"image/{kind}"))

    async def _read_file(self, request: web.Request) -> tuple[bytes, str]:
        if request.content_type != "multipart/form-data":
            raise ApiError(400, "Multipart form data is expected")
        try:
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                if isinstance(part, BodyPartReader) and part.name == "file":
                    if not part.filename:
                        raise ApiError(400, "Part `file` must have a filename")
                    return await self._read_part(part), part.filename
        except ValueError as error:
            raise ApiError(400, f"Malformed multipart body: {error}") from None
        raise ApiError(400, "Part `file` is required")

    async def _read_part(self, part: BodyPartReader) -> bytes:
        limit = self._state.options.upload_limit_bytes
        content = bytearray()
        while chunk := await part.read_chunk(_READ_BYTES):
            content += chunk
            if len(content) > limit:
                raise ApiError(413, f"File is larger than {limit} bytes")
        return bytes(content)


def _refuse_bearer(request: web.Request) -> None:
    # A bearer token on a signed link is a leak of the token to another host.
    if "Authorization" in request.headers:
        raise ApiError(400, "Only one auth mechanism is allowed: send no Authorization header")
