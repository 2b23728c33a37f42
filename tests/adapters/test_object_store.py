"""The promises of the ObjectStore port, kept by every adapter."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.adapters.clients import clients_for
from tests.support.aws import DeployedAws
from worker.adapters.aws.s3 import S3ObjectStore
from worker.adapters.memory import MemoryObjectStore
from worker.contracts.s3_uri import S3Uri
from worker.errors import (
    ImageMissingError,
    NotThereError,
    ObjectChangedError,
    OutputDamagedError,
    OutputForbiddenError,
)
from worker.ports.objects import AS_USUAL, ObjectStore, Precondition, StoringOptions

DATA = bytes(range(256)) * 700
SHA256 = hashlib.sha256(DATA).hexdigest()
KEY = "generated/sku 1/größe+x=1?.png"


@dataclass(frozen=True)
class Bucket:
    """A store, the name of a bucket in it, and what other people do to the objects there."""

    store: ObjectStore
    name: str
    add: Callable[[S3Uri, bytes], str | None]
    remove: Callable[[S3Uri], None]
    tags: Callable[[S3Uri], dict[str, str]]

    def uri(self, key: str = KEY, version_id: str | None = None) -> S3Uri:
        return S3Uri(self.name, key, version_id)

    def put(
        self,
        data: bytes = DATA,
        key: str = KEY,
        *,
        only_if: Precondition | None = None,
        options: StoringOptions = AS_USUAL,
    ) -> S3Uri:
        self.store.put(
            self.uri(key),
            data,
            size_bytes=len(data),
            content_type="image/png",
            sha256=hashlib.sha256(data).hexdigest(),
            metadata={"request-id": "sku-1"},
            only_if=only_if,
            options=options,
        )
        return self.uri(key)


def bucket_on(adapter: str, request: pytest.FixtureRequest) -> Bucket:
    if adapter == "memory":
        memory = MemoryObjectStore(["shop"])

        def tags_of(uri: S3Uri) -> dict[str, str]:
            stored = memory.stored(uri)
            return dict(stored.options.tags) if stored else {}

        return Bucket(memory, "shop", memory.add, memory.remove, tags_of)
    aws: DeployedAws = request.getfixturevalue(f"{adapter}_aws")
    s3 = clients_for(aws).s3
    # moto leaves this out of the stack's template.
    s3.put_bucket_versioning(
        Bucket=aws.outputs.output_bucket_name, VersioningConfiguration={"Status": "Enabled"}
    )

    def add(uri: S3Uri, data: bytes) -> str | None:
        return s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=data).get("VersionId")

    def remove(uri: S3Uri) -> None:
        s3.delete_object(Bucket=uri.bucket, Key=uri.key)

    def tags(uri: S3Uri) -> dict[str, str]:
        answer = s3.get_object_tagging(Bucket=uri.bucket, Key=uri.key)
        return {one["Key"]: one["Value"] for one in answer["TagSet"]}

    return Bucket(S3ObjectStore(s3), aws.outputs.output_bucket_name, add, remove, tags)


@pytest.fixture(params=["memory", "ministack", "moto"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return bucket_on(request.param, request)


@pytest.fixture(params=["memory", "ministack"])
def verifying_bucket(request: pytest.FixtureRequest) -> Bucket:
    """Without moto, which stores a checksum without comparing it."""
    return bucket_on(request.param, request)


def test_object_is_read_as_it_was_written(bucket: Bucket) -> None:
    found = bucket.store.open(bucket.put())
    assert found.size_bytes == len(DATA)
    assert found.body.read() == DATA
    assert found.body.read() == b""
    assert found.etag


def test_body_is_read_in_pieces_of_the_asked_size(bucket: Bucket) -> None:
    body = bucket.store.open(bucket.put()).body
    pieces = list(iter(lambda: body.read(70_000), b""))
    assert [len(piece) for piece in pieces] == [70_000, 70_000, 39_200]
    assert b"".join(pieces) == DATA
    assert body.read(1) == b""


def test_body_can_be_closed_before_its_end(bucket: Bucket) -> None:
    body = bucket.store.open(bucket.put()).body
    assert body.read(10) == DATA[:10]
    body.close()
    assert bucket.store.open(bucket.uri()).body.read() == DATA


def test_empty_object_is_read(bucket: Bucket) -> None:
    found = bucket.store.open(bucket.put(b""))
    assert found.size_bytes == 0
    assert found.body.read(100) == b""


def test_head_says_what_was_written(bucket: Bucket) -> None:
    info = bucket.store.head(bucket.put())
    assert info is not None
    assert info.size_bytes == len(DATA)
    assert info.content_type == "image/png"
    assert info.sha256 == SHA256
    assert info.metadata == {"request-id": "sku-1", "sha256": SHA256}
    assert info.etag == bucket.store.open(bucket.uri()).etag


def test_head_of_nothing_is_none(bucket: Bucket) -> None:
    assert bucket.store.head(bucket.uri("nothing.png")) is None


def test_head_of_somebody_elses_object_has_no_sha256(bucket: Bucket) -> None:
    bucket.add(bucket.uri(), DATA)
    info = bucket.store.head(bucket.uri())
    assert info is not None
    assert info.sha256 is None
    assert info.metadata == {}


def test_file_is_written_from_its_beginning(bucket: Bucket) -> None:
    file = io.BytesIO(DATA)
    file.seek(0, io.SEEK_END)
    bucket.store.put(
        bucket.uri(),
        file,
        size_bytes=len(DATA),
        content_type="image/png",
        sha256=SHA256,
        metadata={"request-id": "sku-1"},
    )
    assert bucket.store.open(bucket.uri()).body.read() == DATA


def test_second_write_replaces_the_first(bucket: Bucket) -> None:
    bucket.put(b"first")
    assert bucket.store.open(bucket.put(b"second")).body.read() == b"second"


def test_a_write_that_expects_nothing_leaves_alone_what_stands_there(bucket: Bucket) -> None:
    bucket.put(b"first", only_if=Precondition(etag=None))
    with pytest.raises(ObjectChangedError, match=r"s3://.*png"):
        bucket.put(b"second", only_if=Precondition(etag=None))
    assert bucket.store.open(bucket.uri()).body.read() == b"first"


def test_a_write_replaces_what_it_was_told_stands_there(bucket: Bucket) -> None:
    found = bucket.store.head(bucket.put(b"first"))
    assert found is not None
    bucket.put(b"second", only_if=Precondition(etag=found.etag))
    assert bucket.store.open(bucket.uri()).body.read() == b"second"
    with pytest.raises(ObjectChangedError):
        bucket.put(b"third", only_if=Precondition(etag=found.etag))
    assert bucket.store.open(bucket.uri()).body.read() == b"second"


def test_a_write_that_expects_something_does_not_begin_anew(bucket: Bucket) -> None:
    found = bucket.store.head(bucket.put(b"first"))
    assert found is not None
    with pytest.raises(ObjectChangedError):
        bucket.put(b"second", key="nothing.json", only_if=Precondition(etag=found.etag))
    assert bucket.store.head(bucket.uri("nothing.json")) is None


def test_a_place_whose_object_was_deleted_is_empty(bucket: Bucket) -> None:
    bucket.remove(bucket.put(b"first"))
    bucket.put(b"second", only_if=Precondition(etag=None))
    assert bucket.store.open(bucket.uri()).body.read() == b"second"


def test_an_object_is_stored_as_it_was_asked_for(bucket: Bucket) -> None:
    options = StoringOptions(
        cache_control="public, max-age=60",
        tags={"Season of sale": "spring/summer +20@x:y=z"},
        kms_key_id="alias/aws/s3",
        storage_class="STANDARD_IA",
    )
    place = bucket.put(options=options)
    info = bucket.store.head(place)
    assert info is not None
    assert info.cache_control == options.cache_control
    assert info.storage_class == options.storage_class
    assert info.kms_key_id is not None
    assert bucket.tags(place) == options.tags
    assert bucket.store.open(place).body.read() == DATA


def test_an_object_is_stored_as_usual_where_nothing_is_asked_for(bucket: Bucket) -> None:
    place = bucket.put()
    info = bucket.store.head(place)
    assert info is not None
    assert (info.cache_control, info.kms_key_id) == (None, None)
    assert info.storage_class in {None, "STANDARD"}
    assert bucket.tags(place) == {}


def test_what_is_replaced_has_none_of_the_former_options(bucket: Bucket) -> None:
    found = bucket.store.head(
        bucket.put(options=StoringOptions(cache_control="no-store", tags={"a": "b"}))
    )
    assert found is not None
    place = bucket.put(b"second", only_if=Precondition(etag=found.etag))
    info = bucket.store.head(place)
    assert info is not None
    assert info.cache_control is None
    assert bucket.tags(place) == {}


def test_each_version_can_be_read(bucket: Bucket) -> None:
    first = bucket.add(bucket.uri(), b"first")
    second = bucket.add(bucket.uri(), b"second")
    assert bucket.store.open(bucket.uri(version_id=first)).body.read() == b"first"
    newest = bucket.store.open(bucket.uri())
    assert newest.body.read() == b"second"
    assert newest.version_id == second


def test_missing_object_is_named_with_the_fix(bucket: Bucket) -> None:
    with pytest.raises(ImageMissingError, match=r"s3://.*/nothing\.png"):
        bucket.store.open(bucket.uri("nothing.png"))


def test_missing_version_is_named(bucket: Bucket) -> None:
    bucket.put()
    with pytest.raises(ImageMissingError, match="no-such-version"):
        bucket.store.open(bucket.uri(version_id="no-such-version"))


def test_missing_bucket_has_no_image(bucket: Bucket) -> None:
    with pytest.raises(ImageMissingError, match="no-such-bucket-here"):
        bucket.store.open(S3Uri("no-such-bucket-here", "a.png"))


def test_missing_bucket_cannot_be_written(bucket: Bucket) -> None:
    with pytest.raises(OutputForbiddenError, match="no-such-bucket-here"):
        bucket.store.put(
            S3Uri("no-such-bucket-here", "a.png"),
            DATA,
            size_bytes=len(DATA),
            content_type="image/png",
            sha256=SHA256,
        )


def test_bytes_that_have_another_sha256_are_not_stored(verifying_bucket: Bucket) -> None:
    bucket = verifying_bucket
    with pytest.raises(OutputDamagedError):
        bucket.store.put(
            bucket.uri(),
            b"damaged" + DATA[7:],
            size_bytes=len(DATA),
            content_type="image/png",
            sha256=SHA256,
        )
    assert bucket.store.head(bucket.uri()) is None


def test_an_object_in_parts_is_whole_and_a_part_may_be_written_twice(bucket: Bucket) -> None:
    parts = [b"a" * 5 * 1024 * 1024, b"b" * 5 * 1024 * 1024, b"c"]
    uri = bucket.uri("results.jsonl")
    upload_id = bucket.store.begin_upload(
        uri, content_type="application/x-ndjson", metadata={"batch-id": "b1"}
    )
    bucket.store.upload_part(uri, upload_id, 2, b"z" * 5 * 1024 * 1024)
    etags = [
        bucket.store.upload_part(uri, upload_id, number, data)
        for number, data in enumerate(parts, start=1)
    ]
    assert bucket.store.head(uri) is None
    bucket.store.end_upload(uri, upload_id, etags, only_if=Precondition(etag=None))
    stored = bucket.store.open(uri)
    assert stored.body.read() == b"".join(parts)
    info = bucket.store.head(uri)
    assert info is not None
    assert info.content_type == "application/x-ndjson"
    assert info.metadata == {"batch-id": "b1"}


def test_parts_that_expect_nothing_leave_alone_what_stands_there(bucket: Bucket) -> None:
    uri, upload_id, etags = begun(bucket)
    bucket.put(b"theirs", key=uri.key)
    with pytest.raises(ObjectChangedError, match=r"s3://.*results\.jsonl"):
        bucket.store.end_upload(uri, upload_id, etags, only_if=Precondition(etag=None))
    assert bucket.store.open(uri).body.read() == b"theirs"


def begun(bucket: Bucket) -> tuple[S3Uri, str, list[str]]:
    """An upload that has only to be ended: the place, its id, and the ETags of its parts."""
    uri = bucket.uri("results.jsonl")
    upload_id = bucket.store.begin_upload(uri, content_type="text/plain", metadata={})
    return uri, upload_id, [bucket.store.upload_part(uri, upload_id, 1, b"a part")]


def test_an_object_in_parts_has_its_metadata_and_replaces_only_what_was_expected(
    verifying_bucket: Bucket,
) -> None:
    bucket = verifying_bucket
    uri = bucket.uri("results.jsonl")

    def write(data: bytes, only_if: Precondition) -> None:
        upload_id = bucket.store.begin_upload(
            uri, content_type="text/plain", metadata={"batch-id": "spring-24"}
        )
        etag = bucket.store.upload_part(uri, upload_id, 1, data)
        bucket.store.end_upload(uri, upload_id, [etag], only_if=only_if)

    write(b"first", Precondition(etag=None))
    info = bucket.store.head(uri)
    assert info is not None
    assert info.metadata["batch-id"] == "spring-24"
    with pytest.raises(ObjectChangedError):
        write(b"second", Precondition(etag=None))
    write(b"third", Precondition(etag=info.etag))
    assert bucket.store.open(uri).body.read() == b"third"


def test_an_upload_that_was_ended_is_not_there_any_more(verifying_bucket: Bucket) -> None:
    bucket = verifying_bucket  # moto answers 500
    uri, upload_id, etags = begun(bucket)
    bucket.store.end_upload(uri, upload_id, etags, only_if=Precondition(etag=None))
    with pytest.raises(NotThereError):
        bucket.store.upload_part(uri, upload_id, 1, b"a")


def test_an_object_in_parts_needs_a_bucket(bucket: Bucket) -> None:
    with pytest.raises(OutputForbiddenError):
        bucket.store.begin_upload(
            S3Uri("no-such-bucket-here", "x"), content_type="text/plain", metadata={}
        )


def test_head_names_the_version_that_stands_there(bucket: Bucket) -> None:
    version = bucket.add(bucket.uri(), DATA)
    info = bucket.store.head(bucket.uri())
    assert info is not None
    assert info.version_id == version
    assert version is not None


def test_keys_that_begin_alike_are_listed_in_order_and_no_more_than_asked_for(
    bucket: Bucket,
) -> None:
    for key in ("in/sku 1_b+.jpg", "in/sku 1_a&.jpg", "in/sku 1_é%20.jpg", "in/sku 2.jpg", "out/x"):
        bucket.add(bucket.uri(key), b"x")
    bucket.remove(bucket.uri("in/sku 2.jpg"))
    found = ["in/sku 1_a&.jpg", "in/sku 1_b+.jpg", "in/sku 1_é%20.jpg"]
    assert bucket.store.list_keys(bucket.name, "in/sku 1_", limit=1000) == found
    assert bucket.store.list_keys(bucket.name, "in/", limit=2) == found[:2]
    assert bucket.store.list_keys(bucket.name, "nothing/", limit=10) == []


def test_a_copy_has_the_bytes_and_what_it_was_told(bucket: Bucket) -> None:
    bucket.add(bucket.uri("in/a+b c.jpg"), DATA)
    target = bucket.uri("processed/a+b c.jpg")
    bucket.store.copy(
        bucket.uri("in/a+b c.jpg"), target, content_type="image/jpeg", metadata={"mark": "drop"}
    )
    info = bucket.store.head(target)
    assert info is not None
    assert (info.size_bytes, info.content_type) == (len(DATA), "image/jpeg")
    assert info.metadata == {"mark": "drop"}
    assert bucket.store.open(target).body.read() == DATA


def test_a_copy_leaves_alone_what_stands_there(bucket: Bucket) -> None:
    bucket.add(bucket.uri("in/a.jpg"), DATA)
    bucket.add(bucket.uri("processed/a.jpg"), b"theirs")
    with pytest.raises(ObjectChangedError, match=r"processed/a\.jpg"):
        bucket.store.copy(
            bucket.uri("in/a.jpg"),
            bucket.uri("processed/a.jpg"),
            content_type="image/jpeg",
            metadata={},
        )
    assert bucket.store.open(bucket.uri("processed/a.jpg")).body.read() == b"theirs"


def test_a_copy_goes_where_what_stood_there_was_deleted(bucket: Bucket) -> None:
    bucket.add(bucket.uri("in/a.jpg"), DATA)
    target = bucket.put(b"first", key="processed/a.jpg")
    bucket.remove(target)
    bucket.store.copy(bucket.uri("in/a.jpg"), target, content_type="image/jpeg", metadata={})
    assert bucket.store.open(target).body.read() == DATA


def test_the_version_that_was_named_is_copied(bucket: Bucket) -> None:
    first = bucket.add(bucket.uri(), b"first")
    bucket.add(bucket.uri(), b"second")
    bucket.store.copy(
        bucket.uri(version_id=first), bucket.uri("copy"), content_type="image/png", metadata={}
    )
    assert bucket.store.open(bucket.uri("copy")).body.read() == b"first"


def test_a_source_that_is_gone_cannot_be_copied(bucket: Bucket) -> None:
    with pytest.raises(ImageMissingError, match=r"nothing\.png"):
        bucket.store.copy(
            bucket.uri("nothing.png"), bucket.uri("copy"), content_type="image/png", metadata={}
        )


def test_a_copy_to_a_bucket_that_does_not_exist_names_the_place(bucket: Bucket) -> None:
    bucket.put()
    with pytest.raises(OutputForbiddenError, match="s3://no-such-bucket-here/copy"):
        bucket.store.copy(
            bucket.uri(), S3Uri("no-such-bucket-here", "copy"), content_type="x/y", metadata={}
        )


def test_only_what_was_seen_is_deleted(bucket: Bucket) -> None:
    bucket.add(bucket.uri(), b"first")
    info = bucket.store.head(bucket.uri())
    assert info is not None
    bucket.add(bucket.uri(), b"second")
    assert not bucket.store.delete(bucket.uri(), etag=info.etag)
    newest = bucket.store.head(bucket.uri())
    assert newest is not None
    assert bucket.store.delete(bucket.uri(), etag=newest.etag)
    assert bucket.store.head(bucket.uri()) is None
    assert not bucket.store.delete(bucket.uri(), etag=newest.etag)


def test_the_same_bytes_are_not_deleted_in_the_place_of_an_earlier_version(bucket: Bucket) -> None:
    first = bucket.add(bucket.uri(), b"same")
    bucket.add(bucket.uri(), b"same")
    info = bucket.store.head(bucket.uri())
    assert info is not None
    assert not bucket.store.delete(bucket.uri(), etag=info.etag, version_id=first)
    assert bucket.store.head(bucket.uri()) is not None
    assert bucket.store.delete(bucket.uri(), etag=info.etag, version_id=info.version_id)
    assert bucket.store.head(bucket.uri()) is None


def test_what_was_deleted_can_still_be_read_by_its_version(bucket: Bucket) -> None:
    version = bucket.add(bucket.uri(), b"first")
    info = bucket.store.head(bucket.uri())
    assert info is not None
    bucket.store.delete(bucket.uri(), etag=info.etag)
    assert bucket.store.open(bucket.uri(version_id=version)).body.read() == b"first"
