import json
import subprocess
import sys
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.envelopes import unwrap
from worker.contracts.messages import MessageKind, kind_of
from worker.drops.s3_events import IgnoredBecause, Upload, read_s3_event

AT = datetime(2026, 11, 26, 12, 0, 0, 123_000, tzinfo=UTC)
UPLOAD = Upload(bucket="catalog", key="inbox/a b+c.jpg", event_time=AT)
SEQUENCER = "0055AED6DCD90281E5"


def record(key="inbox/a+b%2Bc.jpg", name="ObjectCreated:Put", **changes):
    """A record as S3 writes it."""
    entity = {"key": key, "size": 7, "eTag": "e1", "versionId": "v1", "sequencer": SEQUENCER}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-11-26T12:00:00.123Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDA"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "drops",
            "bucket": {
                "name": "catalog",
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": "arn:aws:s3:::catalog",
            },
            "object": {**entity, **changes},
        },
    }


def bridge(kind="Object Created", key="inbox/a b+c.jpg", **changes):
    """An event as S3 gives it to EventBridge."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-26T12:00:00.123Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::catalog"],
        "detail": {
            "version": "0",
            "bucket": {"name": "catalog"},
            "object": {
                "key": key,
                "size": 7,
                "etag": "e1",
                "version-id": "v1",
                "sequencer": SEQUENCER,
                **changes,
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "reason": "PutObject",
        },
    }


def sns(body):
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": body}


def read(body):
    document = unwrap(json.dumps(body))
    assert kind_of(document) is MessageKind.S3_EVENT
    return read_s3_event(document)


@pytest.mark.parametrize(
    "body",
    [
        {"Records": [record()]},
        sns(json.dumps({"Records": [record()]})),
        bridge(),
        sns(json.dumps(bridge())),
    ],
    ids=["direct", "through SNS", "through EventBridge", "EventBridge through SNS"],
)
def test_upload_is_the_same_whichever_way_its_notification_came(body):
    event = read(body)
    assert event.uploads == (UPLOAD,)
    assert event.ignored == ()


@pytest.mark.parametrize("how", ["Put", "Post", "Copy", "CompleteMultipartUpload"])
def test_every_way_to_put_an_object_is_an_upload(how):
    assert read({"Records": [record(name=f"ObjectCreated:{how}")]}).uploads == (UPLOAD,)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: key[-1] != "/")
)
def test_any_key_is_read_as_it_is_in_s3(key):
    assert read({"Records": [record(key=quote_plus(key))]}).uploads[0].key == key
    assert read({"Records": [record(key=quote_plus(key, safe="/"))]}).uploads[0].key == key
    assert read(bridge(key=key)).uploads[0].key == key


def test_key_that_looks_encoded_is_not_decoded_when_it_comes_through_event_bridge():
    assert read(bridge(key="a%2Bb+c%20.jpg")).uploads[0].key == "a%2Bb+c%20.jpg"


def test_several_records_of_one_message_are_read_one_by_one():
    event = read({"Records": [record(), record(name="ObjectRemoved:Delete"), record(key="b.jpg")]})
    assert [upload.key for upload in event.uploads] == [UPLOAD.key, "b.jpg"]
    assert [one.because for one in event.ignored] == [IgnoredBecause.NOT_CREATED]


@pytest.mark.parametrize(
    ("body", "because"),
    [
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "catalog"}, "TEST"),
        ({"Records": [record(name="ObjectRemoved:Delete")]}, "NOT_CREATED"),
        ({"Records": [record(name="ObjectRemoved:DeleteMarkerCreated")]}, "NOT_CREATED"),
        ({"Records": [record(name="ObjectRestore:Completed")]}, "NOT_CREATED"),
        ({"Records": [record(name="LifecycleExpiration:Delete")]}, "NOT_CREATED"),
        ({"Records": [record(name="LifecycleTransition")]}, "NOT_CREATED"),
        ({"Records": [record(name="ObjectTagging:Put")]}, "NOT_CREATED"),
        ({"Records": [record(key="inbox/", size=0)]}, "FOLDER"),
        ({"Records": [record(key="inbox/", size=4)]}, "FOLDER"),
        ({"Records": [record(size=0)]}, "EMPTY"),
        ({"Records": [record(key="%ff.jpg")]}, "UNREADABLE"),
        ({"Records": [record(key="")]}, "UNREADABLE"),
        ({"Records": [{"eventSource": "aws:s3"}]}, "UNREADABLE"),
        ({"Records": [{**record(), "s3": None}]}, "UNREADABLE"),
        ({"Records": [{**record(), "eventName": 7}]}, "UNREADABLE"),
        ({"Records": [{**record(), "eventTime": "yesterday"}]}, "UNREADABLE"),
        ({"Records": [record(size="much")]}, "UNREADABLE"),
        (bridge("Object Deleted"), "NOT_CREATED"),
        (bridge("Object Restore Completed"), "NOT_CREATED"),
        (bridge("Object Storage Class Changed"), "NOT_CREATED"),
        (bridge(key="inbox/"), "FOLDER"),
        (bridge(size=0), "EMPTY"),
        (bridge() | {"detail": "text"}, "UNREADABLE"),
        (bridge("AWS API Call via CloudTrail") | {"detail": {}}, "NOT_CREATED"),
    ],
)
def test_what_is_no_upload_is_ignored_with_a_reason(body, because):
    event = read(body)
    assert event.uploads == ()
    assert [one.because for one in event.ignored] == [IgnoredBecause[because]]
    assert str(event.ignored[0]).endswith(IgnoredBecause[because].value)


def test_records_of_moto_and_minio_lack_fields_that_the_strict_models_want():
    bare = record()
    for field in ("userIdentity", "requestParameters", "responseElements"):
        del bare[field]
    del bare["s3"]["bucket"]["ownerIdentity"]
    del bare["s3"]["object"]["sequencer"], bare["s3"]["object"]["versionId"]
    minio = json.loads(json.dumps(bare)) | {
        "eventSource": "minio:s3",
        "eventName": "s3:ObjectCreated:Put",
    }
    for one in (bare, minio):
        (upload,) = read({"Records": [one]}).uploads
        assert upload == UPLOAD


def test_event_of_moto_through_event_bridge_is_read():
    event = bridge(eTag="e2") | {"time": AT.timestamp()}
    del event["detail"]["object"]["etag"]
    (upload,) = read(event).uploads
    assert upload == UPLOAD


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from(
        ["eventName", "eventTime", "s3", "object", "bucket", "key", "size", "versionId"]
    ),
)
def test_no_record_makes_the_reader_fail(value, field):
    strange = record()
    inside = strange["s3"]
    if field in strange:
        strange[field] = value
    elif field in inside:
        inside[field] = value
    else:
        inside["object"][field] = value
    event = read_s3_event({"Records": [strange, record()]})
    assert UPLOAD in event.uploads
    assert len(event.uploads) + len(event.ignored) == 2


def test_models_of_the_events_are_imported_with_the_first_event():
    code = (
        "import sys, worker.drops.s3_events as e\n"
        "assert not any('data_classes' in name for name in sys.modules)\n"
        "e.read_s3_event({'Records': [{'eventSource': 'aws:s3'}]})\n"
        "assert any('data_classes' in name for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
