"""Images in and pictures out: objects in S3, streamed, their SHA-256 verified by S3 itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlencode

from botocore import exceptions as sdk
from botocore.exceptions import ClientError
from urllib3.exceptions import HTTPError

from worker.adapters.aws.errors import AwsCall, aws_errors, error_code
from worker.adapters.aws.s3_refusals import (
    MISSING_CODES,
    input_error,
    is_no_version,
    output_error,
)
from worker.contracts.s3_uri import S3Uri
from worker.errors import (
    ImageMissingError,
    NotThereError,
    ObjectChangedError,
    OutputDamagedError,
    UnavailableError,
)
from worker.ports.objects import (
    AS_USUAL,
    ObjectInfo,
    Precondition,
    Reader,
    StoredObject,
    StoringOptions,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHA256_METADATA = "sha256"

_GET = AwsCall("S3", "GetObject", "s3:GetObject")
_PUT = AwsCall("S3", "PutObject", "s3:PutObject")
_PUT_TAGGED = AwsCall("S3", "PutObject", "s3:PutObject and s3:PutObjectTagging")
_HEAD = AwsCall("S3", "HeadObject", "s3:GetObject")
_LIST = AwsCall("S3", "ListObjectsV2", "s3:ListBucket")
_COPY = AwsCall("S3", "CopyObject", "s3:PutObject")
_DELETE = AwsCall("S3", "DeleteObject", "s3:DeleteObject")

_BEGIN = AwsCall("S3", "CreateMultipartUpload", "s3:PutObject")
_PART = AwsCall("S3", "UploadPart", "s3:PutObject")
_END = AwsCall("S3", "CompleteMultipartUpload", "s3:PutObject")

_NO_UPLOAD_CODES = frozenset({"NoSuchUpload", "InvalidPart"})
"""The upload was ended or given up, or a part is not the one that it has."""

_DAMAGED_CODES = frozenset({"BadDigest", "XAmzContentChecksumMismatch"})

_CHANGED_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
"""The answers to a write whose condition does not hold, or may not, since another one is under way
(Source: S3 guide, "How to prevent object overwrites with conditional writes")."""


class S3ObjectStore:
    """The ObjectStore port on S3."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def open(self, uri: S3Uri) -> StoredObject:
        """See `ObjectStore.open`."""
        with aws_errors(_GET, str(uri)):
            try:
                # The SDK then compares the body with the checksum that S3 keeps for most objects.
                answer = self._client.get_object(**_place(uri), ChecksumMode="ENABLED")
            except ClientError as error:
                about_image = input_error(error, uri)
                if about_image is None:
                    raise
                raise about_image from error
        size_bytes, etag = answer["ContentLength"], answer.get("ETag")
        if etag is None:  # its header was cut off behind the length
            answer["Body"].close()
            raise UnavailableError(f"{_GET} on {uri}: the answer has no ETag")
        return StoredObject(
            body=_Body(answer["Body"], uri, size_bytes),
            size_bytes=size_bytes,
            etag=etag.strip('"'),
            version_id=_version(answer),
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
        if not isinstance(body, bytes):
            body.seek(0)
        with aws_errors(_PUT, str(uri)), _under(only_if, _PUT, uri):
            try:
                self._client.put_object(
                    Bucket=uri.bucket,
                    Key=uri.key,
                    Body=body,
                    ContentLength=size_bytes,
                    ContentType=content_type,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                    Metadata={**(metadata or {}), SHA256_METADATA: sha256},
                    **_condition(only_if),
                    **_options(options),
                )
            except ClientError as error:
                if error_code(error) in _DAMAGED_CODES or "x-amz-checksum" in str(error):
                    message = f"{_PUT} on {uri}: the bytes do not have the SHA-256 {sha256}"
                    raise OutputDamagedError(message) from error
                call = _PUT_TAGGED if options.tags else _PUT
                about_place = output_error(error, uri, call)
                if about_place is None:
                    raise
                raise about_place from error

    def head(self, uri: S3Uri) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        with aws_errors(_HEAD, str(uri)):
            try:
                answer = self._client.head_object(**_place(uri))
            except ClientError as error:
                # HEAD answers have no body, so a missing bucket looks like a missing key.
                if error_code(error) in MISSING_CODES:
                    return None
                about_place = output_error(error, uri, _HEAD)
                if about_place is None:
                    raise
                raise about_place from error
        metadata, etag = answer.get("Metadata", {}), answer.get("ETag")
        if etag is None:  # its header was cut off behind the length
            raise UnavailableError(f"{_HEAD} on {uri}: the answer has no ETag")
        return ObjectInfo(
            size_bytes=answer["ContentLength"],
            content_type=answer.get("ContentType", "binary/octet-stream"),
            sha256=metadata.get(SHA256_METADATA),
            etag=etag.strip('"'),
            metadata=metadata,
            cache_control=answer.get("CacheControl"),
            kms_key_id=answer.get("SSEKMSKeyId"),
            storage_class=answer.get("StorageClass"),
            version_id=_version(answer),
        )

    def begin_upload(
        self, uri: S3Uri, *, content_type: str, metadata: dict[str, str] | None = None
    ) -> str:
        """See `ObjectStore.begin_upload`."""
        with _writing(_BEGIN, uri):
            answer = self._client.create_multipart_upload(
                Bucket=uri.bucket, Key=uri.key, ContentType=content_type, Metadata=metadata or {}
            )
        return answer["UploadId"]

    def upload_part(self, uri: S3Uri, upload_id: str, number: int, data: bytes) -> str:
        """See `ObjectStore.upload_part`. The SDK sends a checksum along, which S3 compares."""
        with _writing(_PART, uri):
            answer = self._client.upload_part(
                Bucket=uri.bucket, Key=uri.key, UploadId=upload_id, PartNumber=number, Body=data
            )
        return answer["ETag"]

    def end_upload(
        self,
        uri: S3Uri,
        upload_id: str,
        etags: Sequence[str],
        *,
        only_if: Precondition | None = None,
    ) -> None:
        """See `ObjectStore.end_upload`."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        with _writing(_END, uri), _under(only_if, _END, uri):
            self._client.complete_multipart_upload(
                Bucket=uri.bucket,
                Key=uri.key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]  # as it says
                **_condition(only_if),
            )

    def list_keys(self, bucket: str, prefix: str, *, limit: int) -> list[str]:
        """See `ObjectStore.list_keys`."""
        with _writing(_LIST, S3Uri(bucket, prefix)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, PaginationConfig={"MaxItems": limit}
            )
            return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def copy(
        self, source: S3Uri, target: S3Uri, *, content_type: str, metadata: dict[str, str]
    ) -> None:
        """See `ObjectStore.copy`. Up to 5 GB (Source: S3 API, CopyObject); tags are left behind,
        for which a role would need two more permissions.

        S3 looks itself at what stands there, at the moment of the write (since October 2025; Source:
        "Amazon S3 adds conditional write functionality to copy operations"); looking first is for
        other stores.
        """
        if self.head(target) is not None:
            raise ObjectChangedError(f"{_COPY} on {target}: something stands there")
        nothing = Precondition(etag=None)
        with _writing(_COPY, target), _under(nothing, _COPY, target):
            try:
                self._client.copy_object(
                    CopySource=_place(source),  # type: ignore[arg-type]  # two or three texts
                    Bucket=target.bucket,
                    Key=target.key,
                    ContentType=content_type,
                    Metadata=metadata,
                    MetadataDirective="REPLACE",
                    TaggingDirective="REPLACE",
                    **_condition(nothing),
                )
            except ClientError as error:
                if error_code(error) in MISSING_CODES or is_no_version(error, source):
                    raise ImageMissingError(f"{source}: is not there any more") from error
                raise

    def delete(self, uri: S3Uri, *, etag: str, version_id: str | None = None) -> bool:
        """See `ObjectStore.delete`. S3 compares the ETag, too, at the moment of the deletion; the
        same bytes that are put there between our look and that moment are deleted with their version
        kept.
        """
        found = self.head(uri)
        if found is None or found.etag != etag or version_id not in {None, found.version_id}:
            return False
        with _writing(_DELETE, uri):
            try:
                self._client.delete_object(Bucket=uri.bucket, Key=uri.key, IfMatch=f'"{etag}"')
            except ClientError as error:
                if error_code(error) in _CHANGED_CODES:
                    return False
                raise
        return True


@contextmanager
def _writing(call: AwsCall, uri: S3Uri) -> Iterator[None]:
    """Says in our words what S3 refuses about a place that is written to, or looked into."""
    with aws_errors(call, str(uri)):
        try:
            yield
        except ClientError as error:
            if error_code(error) in _NO_UPLOAD_CODES:
                raise NotThereError(f"{call} on {uri}: S3 does not know the upload") from error
            about_place = output_error(error, uri, call)
            if about_place is None:
                raise
            raise about_place from error


@contextmanager
def _under(only_if: Precondition | None, call: AwsCall, uri: S3Uri) -> Iterator[None]:
    """Raises ObjectChangedError for a write that S3 refuses because its condition does not hold."""
    try:
        yield
    except ClientError as error:
        if only_if is None or error_code(error) not in _CHANGED_CODES:
            raise
        expected = only_if.etag or "nothing"
        message = f"{call} on {uri}: {expected} was to be replaced and is not there"
        raise ObjectChangedError(message) from error


class _Body(Reader):
    """An object's bytes: all of them or an error. A short read is only ever the end."""

    def __init__(self, body: Any, uri: S3Uri, size_bytes: int) -> None:
        self._body = body
        self._uri = uri
        self._missing_bytes = size_bytes
        self._is_checked = False

    def read(self, size: int = -1, /) -> bytes:
        pieces: list[bytes] = []
        wanted = self._missing_bytes if size < 0 else min(size, self._missing_bytes)
        while wanted > 0:
            piece = self._read_piece(wanted)
            pieces.append(piece)
            wanted -= len(piece)
            self._missing_bytes -= len(piece)
        if not self._missing_bytes and not self._is_checked:
            self._check_end()
            self.close()  # all read: the connection is free for others now, not when we are deleted
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        self._body.close()

    def _read_piece(self, wanted: int) -> bytes:
        try:
            piece: bytes = self._body.read(wanted)
        except (sdk.BotoCoreError, HTTPError, OSError) as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise UnavailableError(self._cut_short(reason)) from error
        if not piece:
            raise UnavailableError(self._cut_short("the connection ended"))
        return piece

    def _check_end(self) -> None:
        """Lets the SDK compare checksums, which it does when it is asked for more than there is."""
        self._is_checked = True
        try:
            self._body.read(1)
        except (sdk.BotoCoreError, HTTPError, OSError) as error:
            message = f"{_GET} on {self._uri}: the bytes are not those that were stored ({error})"
            raise UnavailableError(message) from error

    def _cut_short(self, reason: str) -> str:
        return f"{_GET} on {self._uri}: {self._missing_bytes} bytes are missing ({reason})"


def _place(uri: S3Uri) -> dict[str, Any]:
    place = {"Bucket": uri.bucket, "Key": uri.key}
    return place if uri.version_id is None else {**place, "VersionId": uri.version_id}


def _version(answer: Any) -> str | None:
    version_id: str | None = answer.get("VersionId")
    return None if version_id == "null" else version_id


def _condition(only_if: Precondition | None) -> dict[str, Any]:
    if only_if is None:
        return {}
    return {"IfNoneMatch": "*"} if only_if.etag is None else {"IfMatch": f'"{only_if.etag}"'}


def _options(options: StoringOptions) -> dict[str, Any]:
    """As S3 names them; what is not asked for is left to the bucket."""
    asked = {
        "CacheControl": options.cache_control,
        "StorageClass": options.storage_class,
        "Tagging": urlencode(options.tags) or None,
        "ServerSideEncryption": "aws:kms" if options.kms_key_id else None,
        "SSEKMSKeyId": options.kms_key_id,
    }
    return {name: value for name, value in asked.items() if value is not None}
