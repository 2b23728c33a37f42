"""What the worker's own objects say of themselves, and which of them are no drops."""

import pytest

from worker.contracts.s3_uri import S3Uri
from worker.jobs.object_marks import (
    MARKER,
    PHOTO,
    copy_marks,
    is_copy,
    is_ours,
    source_mark,
    upload_marks,
)

PLACE = S3Uri("catalog", "failed/größe.jpg")
ELSEWHERE = S3Uri("catalog", "inbox/größe.jpg")
SOURCE = S3Uri("catalog", "inbox/größe.jpg", "v1")


@pytest.mark.parametrize(
    "metadata",
    [
        {"request-id": "sku-1"},
        {"batch-id": "spring-24"},
        {MARKER: "error"},
        {MARKER: "results"},
        {MARKER: "what a later release writes"},
    ],
)
def test_what_the_worker_wrote_is_its_own_wherever_it_lies(metadata: dict[str, str]) -> None:
    assert is_ours(metadata, PLACE)


@pytest.mark.parametrize("metadata", [{}, {"sha256": "0"}, {"photographer": "Ann"}])
def test_what_others_wrote_is_theirs(metadata: dict[str, str]) -> None:
    assert not is_ours(metadata, PLACE)


@pytest.mark.parametrize("marks", [copy_marks({}, "m", PLACE), upload_marks(PLACE)])
def test_somebodys_photo_is_the_workers_own_only_where_the_worker_put_it(
    marks: dict[str, str],
) -> None:
    assert is_ours(marks, PLACE)
    assert not is_ours(marks, ELSEWHERE)
    assert not is_ours(marks, S3Uri("shop", PLACE.key))


def test_a_photo_of_the_first_release_which_did_not_write_down_its_place_is_somebodys() -> None:
    assert not is_ours({MARKER: PHOTO}, PLACE)


def test_a_copy_is_known_by_bucket_key_and_version_or_etag_of_its_photo() -> None:
    marks = {
        source_mark(SOURCE, version_id="v1", etag="e"),
        source_mark(SOURCE, version_id="v2", etag="e"),
        source_mark(SOURCE, version_id=None, etag="e"),
        source_mark(SOURCE, version_id=None, etag="f"),
        source_mark(S3Uri("shop", SOURCE.key), version_id="v1", etag="e"),
        source_mark(PLACE, version_id="v1", etag="e"),
    }
    assert len(marks) == 6
    mark = source_mark(SOURCE, version_id="v1", etag="e")
    # Asked for with its version or without: the same photo.
    assert mark == source_mark(ELSEWHERE, version_id="v1", etag="other")
    assert is_copy(copy_marks({}, mark, PLACE), mark)
    assert not is_copy(copy_marks({}, mark, PLACE), "another")
    assert not is_copy({MARKER: PHOTO}, mark)


def test_a_copy_keeps_what_s3_takes_again_and_nothing_that_says_it_is_a_picture() -> None:
    metadata = {"a": "b", "name": "größe", "request-id": "r", "accepted-at": "t", "batch-id": "b"}
    kept = copy_marks(metadata, "m", PLACE)
    assert set(kept) == {"a", "hautech-worker", "hautech-source", "hautech-place"}
    assert all((name + value).isascii() for name, value in kept.items())


def test_a_copy_of_a_photo_with_all_the_metadata_that_s3_takes_stays_within_it() -> None:
    for many in (1_700, 2_000):
        kept = copy_marks({"a": "x" * many}, "0" * 40, PLACE)
        assert sum(len(name + value) for name, value in kept.items()) <= 2_048
        assert is_copy(kept, "0" * 40)
