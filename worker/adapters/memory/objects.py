"""Objects in memory, with versions, like S3: buckets must exist and may be closed to us."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO

from worker.contracts.s3_uri import S3Uri
from worker.errors import (
    ImageForbiddenError,
    ImageMissingError,
    NotThereError,
    ObjectChangedError,
    OutputDamagedError,
    OutputForbiddenError,
    UnavailableError,
)
from worker.ports.objects import AS_USUAL, ObjectInfo, Precondition, StoredObject, StoringOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """One version of an object."""

    data: bytes
    content_type: str
    metadata: dict[str, str]
    sha256: str | None
    version_id: str
    options: StoringOptions = AS_USUAL

    @property
    def etag(self) -> str:
        """S3's own for an object that was put in one piece."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


class MemoryObjectStore:
    """The ObjectStore port in memory, safe for threads.

    Args:
        buckets: those that exist.
        forbidden: those of them that we may neither read nor write.
    """

    def __init__(self, buckets: Iterable[str], *, forbidden: Iterable[str] = ()) -> None:
        self.buckets = set(buckets)
        self.forbidden = set(forbidden)
        self.unversioned: set[str] = set()
        """Buckets that keep one version of an object only."""
        self.puts: list[S3Uri] = []
        """Every object that was written by `put`, in order, repetitions included."""
        self.cut_after_bytes: int | None = None
        """Bodies end early after that many bytes, as over a connection that breaks."""
        self._lock = Lock()
        self._objects: dict[tuple[str, str], list[StoredBytes]] = {}
        self._uploads: dict[str, tuple[S3Uri, str, dict[str, str], dict[int, bytes]]] = {}
        self._begun = 0
        self._deleted: set[tuple[str, str]] = set()
        """Places whose newest version is covered by a delete marker."""

    def add(self, uri: S3Uri, data: bytes, *, content_type: str = "image/png") -> str:
        """Puts an object of somebody else there; returns its version id."""
        return self._store(uri, data, content_type, {}, None)

    def remove(self, uri: S3Uri) -> None:
        """Deletes an object with all its versions."""
        with self._lock:
            self._objects.pop((uri.bucket, uri.key), None)
            self._deleted.discard((uri.bucket, uri.key))

    def stored(self, uri: S3Uri) -> StoredBytes | None:
        """What is there, or None."""
        with self._lock:
            versions = self._objects.get((uri.bucket, uri.key), [])
            is_deleted = (uri.bucket, uri.key) in self._deleted
        if uri.version_id is None:
            return versions[-1] if versions and not is_deleted else None
        return next((one for one in versions if one.version_id == uri.version_id), None)

    def keys(self, bucket: str) -> list[str]:
        """The keys in a bucket, sorted."""
        with self._lock:
            there = self._objects.keys() - self._deleted
        return sorted(key for owner, key in there if owner == bucket)

    def open(self, uri: S3Uri) -> StoredObject:
        """See `ObjectStore.open`."""
        if uri.bucket in self.forbidden:
            raise ImageForbiddenError(f"{uri}: the bucket {uri.bucket} may not be read")
        if uri.bucket not in self.buckets:
            raise ImageMissingError(f"{uri}: there is no bucket {uri.bucket}")
        stored = self.stored(uri)
        if stored is None:
            raise ImageMissingError(f"{uri}: there is no such object or version")
        return StoredObject(
            body=_Body(uri, stored.data, self.cut_after_bytes),
            size_bytes=len(stored.data),
            etag=stored.etag,
            version_id=None if uri.bucket in self.unversioned else stored.version_id,
        )

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
        """See `ObjectStore.put`. Raises OutputDamagedError when the bytes have another SHA-256."""
        if isinstance(body, bytes):
            data = body
        else:
            body.seek(0)
            data = body.read()
        self._check_writable(uri)
        if len(data) != size_bytes or hashlib.sha256(data).hexdigest() != sha256:
            raise OutputDamagedError(f"{uri}: the bytes are not {size_bytes} with SHA-256 {sha256}")
        self._store(uri, data, content_type, dict(metadata or {}), sha256, only_if, options)
        self.puts.append(uri)

    def begin_upload(
        self, uri: S3Uri, *, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """See `ObjectStore.begin_upload`."""
        self._check_writable(uri)
        with self._lock:
            self._begun += 1
            upload_id = f"upload-{self._begun}"
            self._uploads[upload_id] = (uri, content_type, dict(metadata or {}), {})
        return upload_id

    def upload_part(self, uri: S3Uri, upload_id: str, number: int, data: bytes) -> str:
        """See `ObjectStore.upload_part`."""
        with self._lock:
            self._parts_of(uri, upload_id)[number] = data
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def end_upload(
        self,
        uri: S3Uri,
        upload_id: str,
        etags: Sequence[str],
        *,
        only_if: Precondition | None = None,
    ) -> None:
        """See `ObjectStore.end_upload`."""
        with self._lock:
            parts = self._parts_of(uri, upload_id)
            data = b"".join(parts[number] for number in range(1, len(etags) + 1))
            _, content_type, metadata, _ = self._uploads[upload_id]
        self._store(uri, data, content_type, metadata, None, only_if)
        with self._lock:
            self._uploads.pop(upload_id, None)
        self.puts.append(uri)

    def _parts_of(self, uri: S3Uri, upload_id: str) -> dict[int, bytes]:
        if upload_id not in self._uploads or self._uploads[upload_id][0] != uri:
            raise NotThereError(f"{uri}: there is no upload {upload_id}")
        return self._uploads[upload_id][3]

    def head(self, uri: S3Uri) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        if uri.bucket in self.forbidden:
            raise OutputForbiddenError(f"{uri}: the bucket {uri.bucket} may not be read")
        stored = self.stored(uri)
        if stored is None:
            return None
        return ObjectInfo(
            size_bytes=len(stored.data),
            content_type=stored.content_type,
            sha256=stored.sha256,
            etag=stored.etag,
            metadata={**stored.metadata, **({"sha256": stored.sha256} if stored.sha256 else {})},
            cache_control=stored.options.cache_control,
            kms_key_id=stored.options.kms_key_id,
            storage_class=stored.options.storage_class,
            version_id=None if uri.bucket in self.unversioned else stored.version_id,
        )

    def list_keys(self, bucket: str, prefix: str, *, limit: int) -> list[str]:
        """See `ObjectStore.list_keys`."""
        if bucket in self.forbidden or bucket not in self.buckets:
            raise OutputForbiddenError(f"s3://{bucket}: may not be listed, or does not exist")
        found = [key for key in self.keys(bucket) if key.startswith(prefix)]
        return sorted(found, key=lambda key: key.encode())[:limit]

    def copy(
        self, source: S3Uri, target: S3Uri, *, content_type: str, metadata: dict[str, str]
    ) -> None:
        """See `ObjectStore.copy`."""
        found = self.stored(source)
        if found is None:
            raise ImageMissingError(f"{source}: there is no such object or version")
        self._check_writable(target)
        self._store(target, found.data, content_type, dict(metadata), None, Precondition(etag=None))
        self.puts.append(target)

    def delete(self, uri: S3Uri, *, etag: str, version_id: str | None = None) -> bool:
        """See `ObjectStore.delete`."""
        self._check_writable(uri)
        found = self.stored(uri)
        if found is None or found.etag != etag or version_id not in {None, found.version_id}:
            return False
        if uri.bucket in self.unversioned:
            self.remove(uri)
            return True
        with self._lock:
            self._deleted.add((uri.bucket, uri.key))
        return True

    def _check_writable(self, uri: S3Uri) -> None:
        if uri.bucket not in self.buckets:
            raise OutputForbiddenError(f"{uri}: there is no bucket {uri.bucket}")
        if uri.bucket in self.forbidden:
            raise OutputForbiddenError(f"{uri}: the bucket {uri.bucket} may not be written")

    def _store(
        self,
        uri: S3Uri,
        data: bytes,
        content_type: str,
        metadata: dict[str, str],
        sha256: str | None,
        only_if: Precondition | None = None,
        options: StoringOptions = AS_USUAL,
    ) -> str:
        with self._lock:
            versions = self._objects.setdefault((uri.bucket, uri.key), [])
            is_there = versions and (uri.bucket, uri.key) not in self._deleted
            etag = versions[-1].etag if is_there else None
            if only_if is not None and only_if.etag != etag:
                raise ObjectChangedError(f"{uri}: {etag or 'nothing'} stands there")
            stored = StoredBytes(
                data=data,
                content_type=content_type,
                metadata=metadata,
                sha256=sha256,
                version_id=f"version-{len(versions) + 1}",
                options=options,
            )
            if uri.bucket in self.unversioned:
                versions.clear()
            versions.append(stored)
            self._deleted.discard((uri.bucket, uri.key))
        return stored.version_id


class _Body:
    """The bytes of an object, which may break off."""

    def __init__(self, uri: S3Uri, data: bytes, cut_after_bytes: int | None) -> None:
        self._uri = uri
        self._missing_bytes = 0
        if cut_after_bytes is not None:
            self._missing_bytes = max(0, len(data) - cut_after_bytes)
            data = data[:cut_after_bytes]
        self._data = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        data = self._data.read(size)
        if self._missing_bytes and (size < 0 or len(data) < size):
            raise UnavailableError(f"{self._uri}: {self._missing_bytes} bytes are missing")
        return data

    def close(self) -> None:
        self._data.close()
