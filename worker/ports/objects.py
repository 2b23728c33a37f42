"""Objects in buckets: images in, pictures and result documents out (S3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from worker.contracts.s3_uri import S3Uri


class Reader(Protocol):
    """A stream of bytes that is read once."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes (all that is left when negative); b"" at the end."""

    def close(self) -> None:
        """Give the connection back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object being read. `size_bytes` is the whole object's size."""

    body: Reader
    size_bytes: int
    etag: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What the store says about an object, without its bytes."""

    size_bytes: int
    content_type: str
    sha256: str | None
    """Hex digest, as `put` recorded it; None for objects of others."""
    etag: str
    """Changes with the bytes."""
    metadata: Mapping[str, str]
    """What it was `put` with, and `sha256`."""
    cache_control: str | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None
    """None: the usual one."""
    version_id: str | None = None
    """None in a bucket without versions, and for what was put while there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoringOptions:
    """How an object is stored, besides its bytes; None: as the bucket says."""

    cache_control: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    kms_key_id: str | None = None
    storage_class: str | None = None


AS_USUAL = StoringOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What has to stand at a place for something to be written there."""

    etag: str | None
    """Of `ObjectInfo`; None: nothing at all."""


class ObjectStore(Protocol):
    """Images in, pictures and result documents out (S3)."""

    def open(self, uri: S3Uri) -> StoredObject:
        """Begin to read an object.

        Raises ImageMissingError (no such object, version or bucket), ImageForbiddenError, or a
        transient or systemic error. A body that ends early raises UnavailableError from `read`.
        """

    def put(
        self,
        uri: S3Uri,
        body: BinaryIO | bytes,
        *,
        size_bytes: int,
        content_type: str,
        sha256: str,
        metadata: dict[str, str] | None = None,
        only_if: Precondition | None = None,
        options: StoringOptions = AS_USUAL,
    ) -> None:
        """Write an object whole, with its SHA-256 (hex), replacing what was there.

        A seekable `body` is read from its beginning. Raises ObjectChangedError, and writes nothing,
        when `only_if` does not hold at the moment of the write. Raises OutputForbiddenError when the
        bucket does not exist or may not be written, or a transient or systemic error.
        """

    def head(self, uri: S3Uri) -> ObjectInfo | None:
        """What is stored there, or None. Raises OutputForbiddenError or a transient error."""

    def begin_upload(
        self, uri: S3Uri, *, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """Begin to write an object in parts; the id of the upload. Raises as `put` does."""

    def upload_part(self, uri: S3Uri, upload_id: str, number: int, data: bytes) -> str:
        """Write part `number` (from 1) of 5 MiB or more, the last one excepted; returns its ETag.

        A part that is written twice counts as it was last. Raises NotThereError when nobody knows
        the upload (any more).
        """

    def end_upload(
        self,
        uri: S3Uri,
        upload_id: str,
        etags: Sequence[str],
        *,
        only_if: Precondition | None = None,
    ) -> None:
        """Make the object of its parts. Raises NotThereError as `upload_part` does, and
        ObjectChangedError as `put` does.

        Stores differ in whether it may be repeated; who does not know whether it took effect has to
        be content with either.
        """

    def list_keys(self, bucket: str, prefix: str, *, limit: int) -> list[str]:
        """The keys that begin like that, in their order as UTF-8, at most `limit`.

        Raises OutputForbiddenError or a transient error.
        """

    def copy(
        self, source: S3Uri, target: S3Uri, *, content_type: str, metadata: dict[str, str]
    ) -> None:
        """Write an object of the same bytes where nothing stands; they do not come through here.

        Raises ImageMissingError when the source is gone, ObjectChangedError when something stands
        there at the moment of the write, and else as `put` does.
        """

    def delete(self, uri: S3Uri, *, etag: str, version_id: str | None = None) -> bool:
        """Delete what stands there if that is its ETag, and its version if one is named. False:
        something else does, or nothing.

        Versions of it stay, where the bucket keeps versions. Raises OutputForbiddenError or a
        transient error.
        """
