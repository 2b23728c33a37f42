"""What appears in the output bucket comes into the folder, whole and once, and nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.drop.results import Results, Words, local_place


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
    return Results(bucket, "shop", folder / "results")  # type: ignore[arg-type] # as much of it as is needed


def test_an_object_comes_once_and_again_when_it_changed(tmp_path: Path) -> None:
    bucket = Bucket(**{"spring/coat.png": b"one"})
    brought = results(bucket, tmp_path)

    assert brought.fetch() == [Path("spring/coat.png")]
    assert brought.fetch() == []
    bucket.objects["spring/coat.png"] = b"two"
    assert brought.fetch() == [Path("spring/coat.png")]

    assert (tmp_path / "results/spring/coat.png").read_bytes() == b"two"
    assert bucket.reads == ["spring/coat.png"] * 2
    assert [file.name for file in (tmp_path / "results").rglob("*") if file.is_file()] == [
        "coat.png"
    ]


def test_the_file_of_an_object_is_known_once_it_is_there(tmp_path: Path) -> None:
    brought = results(Bucket(**{"a b.png": b"one"}), tmp_path)
    assert brought.file_of("s3://shop/a b.png") is None

    brought.fetch()

    assert brought.file_of("s3://shop/a b.png") == Path("a b.png")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"whatHappened": "It is no photo.", "whatToDo": "Save it again."}',
            Words("It is no photo.", "Save it again."),
        ),
        ('{"whatHappened": "It is no photo."}', None),
        ("half a f", None),
        ("[]", None),
    ],
)
def test_the_words_of_an_error_document_are_read_if_there_are_any(
    tmp_path: Path, text: str, words: Words | None
) -> None:
    brought = results(Bucket(**{"coat.error.json": text.encode()}), tmp_path)
    assert brought.words_of("s3://shop/coat.error.json") is None

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
    assert list((tmp_path / "results").rglob("*")) == []


def test_what_the_run_before_brought_goes_and_what_a_person_has_stays(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    results(
        Bucket(**{"spring/coat-1.png": b"one", "a.png": b"one", "b.png": b"one"}), folder.parent
    ).fetch()
    (folder / "a.png").write_bytes(b"painted over")
    (folder / "mine.png").write_bytes(b"mine")

    results(Bucket(**{"spring/coat-2.png": b"two"}), folder.parent).fetch()

    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {"spring/coat-2.png", "a.png", "mine.png"}


def test_a_list_of_brought_files_leads_to_no_other_folder(tmp_path: Path) -> None:
    own = tmp_path / "own.png"
    own.write_bytes(b"mine")
    told = own.stat()
    state = [told.st_size, told.st_mtime_ns]
    (tmp_path / ".results.json").write_text(json.dumps({"../own.png": state, str(own): state}))

    results(Bucket(), tmp_path).fetch()

    assert own.exists()
