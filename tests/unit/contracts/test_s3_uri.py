from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.s3_uri import S3Uri


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://catalog/raw/a.png", S3Uri("catalog", "raw/a.png")),
        ("s3://catalog/", S3Uri("catalog", "")),
        ("s3://catalog/generated/", S3Uri("catalog", "generated/")),
        ("s3://catalog/a b+c%20d/ü.png", S3Uri("catalog", "a b+c%20d/ü.png")),
        ("s3://catalog/a.png?versionId=nULL.1", S3Uri("catalog", "a.png", "nULL.1")),
        ("s3://catalog/what?.png", S3Uri("catalog", "what?.png")),
        ("s3://catalog/a?versionId=1/b.png", S3Uri("catalog", "a?versionId=1/b.png")),
        ("s3://catalog/a?versionId=1?versionId=2", S3Uri("catalog", "a?versionId=1", "2")),
        ("s3://catalog/a?versionid=1", S3Uri("catalog", "a?versionid=1")),
        ("s3://catalog/a#b", S3Uri("catalog", "a#b")),
        ("s3://catalog//a", S3Uri("catalog", "/a")),
        ("s3://catalog/...", S3Uri("catalog", "...")),
        ("s3://my.shop-2026/a", S3Uri("my.shop-2026", "a")),
    ],
)
def test_uri_is_taken_apart_literally_and_written_back(text: Any, expected: Any) -> None:
    assert S3Uri.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("https://catalog/a.png", "must begin with s3://"),
        ("S3://catalog/a.png", "must begin with s3://"),
        ("s3:/catalog/a.png", "must begin with s3://"),
        ("s3://catalog", "names only a bucket"),
        ("s3:///a.png", "bucket name"),
        ("s3://ab/a.png", "bucket name"),
        ("s3://" + "a" * 64 + "/a.png", "bucket name"),
        ("s3://Catalog/a.png", "bucket name"),
        ("s3://cata_log/a.png", "bucket name"),
        ("s3://cata..log/a.png", "bucket name"),
        ("s3://-catalog/a.png", "bucket name"),
        ("s3://catalog./a.png", "bucket name"),
        ("s3://192.168.0.1/a.png", "bucket name"),
        ("s3://user:pass@catalog/a.png", "bucket name"),
        ("s3://catalog\n/a.png", "bucket name"),
        ("s3://catalog/" + "ü" * 513, "1,026 bytes"),
        ("s3://catalog/a\nb", "control characters"),
        ("s3://catalog/a\x7fb", "control characters"),
        ("s3://catalog/../other/a", 'a ".." segment'),
        ("s3://catalog/a/..", 'a ".." segment'),
        ("s3://catalog/a\\..\\b", 'a ".." segment'),
        ("s3://catalog/a/..\\b", 'a ".." segment'),
        ("s3://catalog/\ud800", "half a character"),
        ("s3://catalog/a?versionId=", "a version of 1 to 1024"),
        ("s3://catalog/a?versionId=" + "v" * 1025, "a version of 1 to 1024"),
    ],
)
def test_broken_uri_is_refused_with_the_rule(text: Any, rule: Any) -> None:
    with pytest.raises(ValueError, match=rule):
        S3Uri.parse(text)


def test_longest_key_is_allowed() -> None:
    assert S3Uri.parse("s3://catalog/" + "ü" * 512).key == "ü" * 512


@given(st.text())
def test_any_text_is_refused_or_written_back_as_it_was(text: Any) -> None:
    for candidate in (text, f"s3://catalog/{text}", f"s3://catalog/{text}?versionId={text}"):
        try:
            uri = S3Uri.parse(candidate)
        except ValueError:
            continue
        assert str(uri) == candidate
        assert S3Uri.parse(str(uri)) == uri
