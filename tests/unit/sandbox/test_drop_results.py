"""What appears in the output bucket comes into the folder, whole and once, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.drop.results import Results, local_place


class Bucket:
    """As much of S3 as is asked for: a bucket called shop."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = dict(objects)
        self.reads: list[str] = []

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, Bucket: str) -> list[dict[str, Any]]:  # noqa: N803 - S3's own name
        assert Bucket == "shop"
        pages: list[dict[str, Any]] = [
            {"Contents": [{"Key": key, "ETag": str(hash(data))}]}
            for key, data in self.objects.items()
        ]
        return pages or [{}]

    def download_fileobj(self, bucket: str, key: str, file: Any) -> None:
        assert bucket == "shop"
        self.reads.append(key)
        file.write(self.objects[key])


def results(bucket: Bucket, folder: Path) -> Results:
    return Results(bucket, "shop", folder)  # type: ignore[arg-type] # as much of it as is needed


def test_an_object_comes_once_and_again_when_it_changed(tmp_path: Path) -> None:
    bucket = Bucket(**{"spring/coat.png": b"one"})
    brought = results(bucket, tmp_path)

    assert brought.fetch() == [Path("spring/coat.png")]
    assert brought.fetch() == []
    bucket.objects["spring/coat.png"] = b"two"
    assert brought.fetch() == [Path("spring/coat.png")]

    assert (tmp_path / "spring/coat.png").read_bytes() == b"two"
    assert bucket.reads == ["spring/coat.png"] * 2
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["coat.png"]


def test_the_file_of_an_object_is_known_once_it_is_there(tmp_path: Path) -> None:
    brought = results(Bucket(**{"a b.png": b"one"}), tmp_path)
    assert brought.file_of("s3://shop/a b.png") is None

    brought.fetch()

    assert brought.file_of("s3://shop/a b.png") == Path("a b.png")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"whatHappened": "The file is no photo."}', "The file is no photo."),
        ("half a f", ""),
        ("[]", ""),
    ],
)
def test_the_words_of_an_error_document_are_read_if_there_are_any(
    tmp_path: Path, text: str, words: str
) -> None:
    brought = results(Bucket(**{"coat.error.json": text.encode()}), tmp_path)
    assert brought.words_of("s3://shop/coat.error.json") == ""

    brought.fetch()

    assert brought.words_of("s3://shop/coat.error.json") == words


@pytest.mark.parametrize(
    "key", ["../coat.png", "/etc/coat.png", "a/../../coat.png", "folder/", "."]
)
def test_a_key_that_leads_out_of_the_folder_has_no_place(tmp_path: Path, key: str) -> None:
    assert local_place(key) is None
    assert results(Bucket(**{key: b"one"}), tmp_path).fetch() == []


def test_an_interrupted_picture_leaves_nothing_half_done(tmp_path: Path) -> None:
    class Interrupted(Bucket):
        def download_fileobj(self, bucket: str, key: str, file: Any) -> None:  # noqa: ARG002
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results(Interrupted(**{"a.png": b"whole"}), tmp_path).fetch()
    assert list(tmp_path.rglob("*")) == []
