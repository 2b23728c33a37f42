"""`s3://bucket/key[?versionId=…]` as a value: parsed strictly, written back exactly as it came."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEME = "s3://"
MAX_KEY_BYTES = 1024
"""Source: S3 user guide, "Naming Amazon S3 objects": 1,024 bytes of UTF-8."""

_VERSION = re.compile(r"(?P<key>.*)\?versionId=(?P<version>[^?&/\s]*)", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IP_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_SLASH = re.compile(r"[/\\]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class S3Uri:
    """A place in S3. `key` is literal, not URL-encoded; "" is the root of the bucket.

    `version_id` names one version of the object; None means the current one. Make values with
    `parse`, which checks them; the constructor trusts its caller.
    """

    bucket: str
    key: str
    version_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> S3Uri:
        """The place that `text` names. `str()` of the answer is `text` again.

        A `?` in a key is part of the key, except in a `?versionId=` at the very end.

        Raises:
            ValueError: with the rule that is broken, without repeating `text`.
        """
        if not text.startswith(SCHEME):
            raise ValueError("must begin with s3:// in lower case")
        bucket, slash, rest = text.removeprefix(SCHEME).partition("/")
        _check_bucket(bucket)
        if not slash:
            raise ValueError("names only a bucket; write s3://bucket/key")
        match = _VERSION.fullmatch(rest)
        key, version_id = (match["key"], match["version"]) if match else (rest, None)
        if version_id is not None and not 1 <= len(version_id) <= 1024:
            # Source: S3 user guide, "Using versioning": opaque, at most 1,024 bytes long.
            raise ValueError("?versionId= at the end needs a version of 1 to 1024 characters")
        _check_key(key)
        return cls(bucket, key, version_id)

    def __str__(self) -> str:
        version = "" if self.version_id is None else f"?versionId={self.version_id}"
        return f"{SCHEME}{self.bucket}/{self.key}{version}"


def _check_bucket(bucket: str) -> None:
    # Source: S3 user guide, "General purpose bucket naming rules". Reserved prefixes and suffixes
    # are left to S3: a bucket must be on the worker's lists anyway.
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _IP_ADDRESS.fullmatch(bucket):
        raise ValueError(
            "the bucket name must be 3 to 63 of a-z 0-9 . -, begin and end with a letter or "
            "digit, have no two dots together and be no IP address"
        )


def _check_key(key: str) -> None:
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        raise ValueError("the key has half a character (a lone surrogate)") from None
    if size_bytes > MAX_KEY_BYTES:
        raise ValueError(f"the key has {size_bytes:,} bytes, S3 allows {MAX_KEY_BYTES:,}")
    if _CONTROL.search(key):
        raise ValueError("the key has control characters")
    if ".." in _SLASH.split(key):
        # HTTP stacks resolve such segments, so /bucket/../other could leave the allowed bucket;
        # so do tools that copy a bucket to a disk, on Windows at backslashes, too.
        raise ValueError('the key has a ".." segment')
