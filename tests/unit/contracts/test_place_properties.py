"""Whatever a request says, it is refused, or all that follows stays in its buckets and prefix."""

from __future__ import annotations

import json
import posixpath
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.contracts.request import Request, parse_request, s3_references
from worker.contracts.s3_uri import MAX_KEY_BYTES, S3Uri
from worker.errors import InvalidRequestError
from worker.jobs.output_keys import document_key, output_key

INPUT_BUCKETS = frozenset({"catalog", "drafts"})
OUTPUT_BUCKETS = frozenset({"shop"})
TYPES = (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
    "text/html",
    "../../x",
    "",
)

_unhurried = settings(deadline=None, max_examples=100)

_pieces = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "/",
            "\\",
            "//",
            "%2e%2e",
            "%2f",
            "%00",
            "~",
            "a",
            "ü",
            "?",
            "#",
            "*",
            ":",
            "shop",
            "other",
            "?versionId=1",
            " ",
            "&",
            "=",
            "․",
            "．．",
            "\x1b",
            "con",
        ]
    ),
    st.text(max_size=4),
)
keys = st.lists(_pieces, max_size=8).map("".join)
buckets = st.sampled_from(
    [*["shop"] * 8, "catalog", "drafts", "other", "shop.", "shop@other", "SHOP", ""]
)
places = st.builds("s3://{}/{}".format, buckets, keys) | keys
request_ids = st.one_of(
    st.sampled_from(["..", ".", "...", "a:b", "-", "..json", ":", "a..b", "x" * 128, "CON"]),
    st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True),
)


def parse(**changes: Any) -> Request | None:
    """The request with these changes, or None where it is refused."""
    document = {
        "requestId": "r-1",
        "workflow": "5b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a",
        "input": {},
        "output": "s3://shop/out/",
        **changes,
    }
    try:
        return parse_request(
            json.dumps(document), input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS
        )
    except InvalidRequestError:
        return None


def written_keys(request: Request) -> list[str]:
    """Every key that a job of this request can write, with pictures of any number and type."""
    key, request_id = request.output_uri.key, request.request_id
    pictures = [
        output_key(key, request_id, index, count, mime)
        for index, count in ((0, 1), (0, 2), (1, 2), (9_999, 10_000))
        for mime in TYPES
    ]
    return [*pictures, document_key(key, request_id)]


@given(places, request_ids)
@example("s3://shop/", "..")
@example("s3://shop/a/", ".")
@example("s3://shop/..png", "a")
@example("s3://shop/a/...", "..")
@_unhurried
def test_nothing_is_written_outside_of_the_prefix(output: str, request_id: str) -> None:
    request = parse(output=output, requestId=request_id)
    if request is None:
        return
    place = request.output_uri
    assert place.bucket in OUTPUT_BUCKETS
    assert place.version_id is None
    folder = place.key[: place.key.rfind("/") + 1]
    for key in written_keys(request):
        assert key.startswith(folder)
        assert "/" not in key[len(folder) :]
        assert 0 < len(key.encode()) <= MAX_KEY_BYTES
        assert S3Uri.parse(f"s3://shop/{key}").key == key
        # A copy of the bucket on a disk: nothing of it lies outside either.
        assert PurePosixPath(posixpath.normpath(f"/copy/{key}")).is_relative_to("/copy")
        assert ".." not in PureWindowsPath(key).parts


@given(output=places, request_id=request_ids)
@_unhurried
def test_the_document_never_replaces_a_picture(output: str, request_id: str) -> None:
    if request := parse(output=output, requestId=request_id):
        *pictures, document = written_keys(request)
        assert document not in pictures


_names = st.sampled_from(["imageId", "poseId", "imageIds", "x", "Id", "Ids", "note", "imageid"])
_inputs = st.recursive(
    places | st.sampled_from(["S3://other/a", "s3:/other/a", "https://other/a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_names, _inputs, max_size=5))
@_unhurried
def test_nothing_is_read_from_another_bucket(document: dict[str, Any]) -> None:
    request = parse(input=document)
    for reference in s3_references(request) if request else ():
        assert reference.uri.bucket in INPUT_BUCKETS
        assert reference.uri.key


@pytest.fixture(scope="module")
def clients() -> list[Any]:
    """Both styles of S3 addresses: the bucket in the host, and in the path."""
    return [
        boto3.client(
            "s3",
            region_name="eu-central-1",
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",
            config=Config(s3={"addressing_style": style}, signature_version="s3v4"),
        )
        for style in ("virtual", "path")
    ]


@given(keys.filter(bool), st.sampled_from([None, "v1", "a&b=c#d", "../x"]))
@settings(deadline=None, max_examples=60)
def test_the_sdk_asks_for_exactly_the_key_that_was_checked(
    clients: list[Any], key: str, version_id: str | None
) -> None:
    try:
        uri = S3Uri.parse(f"s3://shop/{key}")
    except ValueError:
        return
    if not uri.key:
        return  # the root of a bucket, which is never read or written
    for client in clients:
        parameters = {"Bucket": uri.bucket, "Key": uri.key}
        if version_id is not None:
            parameters["VersionId"] = version_id
        asked = urlsplit(client.generate_presigned_url("get_object", Params=parameters))
        in_host = asked.hostname == "shop.s3.eu-central-1.amazonaws.com"
        assert in_host or asked.hostname == "s3.eu-central-1.amazonaws.com"
        assert unquote(asked.path) == ("/" if in_host else "/shop/") + uri.key
        assert asked.fragment == ""
