"""Checks the topic, the job table and the buckets: that they exist and may be used as needed.

Nothing stays behind: the probe object in an output bucket is deleted, and the probe write to
the table carries a condition that is never true.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final

from botocore.exceptions import ClientError

from worker.adapters.aws.errors import AwsCall, aws_errors, error_code
from worker.adapters.aws.index import INDEX
from worker.bootstrap import Application
from worker.contracts.text import shorten
from worker.errors import WorkerError
from worker.jobs.job import JobState
from worker.runtime.commands.findings import (
    Finding,
    Level,
    findings_of,
    skipped,
    unless_forbidden,
)
from worker.runtime.commands.wording import count

TOPIC: Final = "Topic"
TABLE: Final = "Job table"
BUCKETS: Final = "Buckets"

PROBE_FOLDER: Final = ".hautech-worker-doctor/"
_PROBE_KEY: Final = "doctor#probe"
_TTL_ATTRIBUTE: Final = "expiresAtEpochS"

_TOPIC_ATTRIBUTES = AwsCall("SNS", "GetTopicAttributes", "sns:GetTopicAttributes")
_SUBSCRIPTIONS = AwsCall("SNS", "ListSubscriptionsByTopic", "sns:ListSubscriptionsByTopic")
_SUBSCRIPTION = AwsCall("SNS", "GetSubscriptionAttributes", "sns:GetSubscriptionAttributes")
_DESCRIBE = AwsCall("DynamoDB", "DescribeTable", "dynamodb:DescribeTable")
_DESCRIBE_TTL = AwsCall("DynamoDB", "DescribeTimeToLive", "dynamodb:DescribeTimeToLive")
_WRITE = AwsCall("DynamoDB", "PutItem", "dynamodb:PutItem")
_LIST = AwsCall("S3", "ListObjectsV2", "s3:ListBucket")
_READ = AwsCall("S3", "HeadObject", "s3:GetObject")
_PUT = AwsCall("S3", "PutObject", "s3:PutObject")
_DELETE = AwsCall("S3", "DeleteObject", "s3:DeleteObject")


def check_topic(application: Application) -> Iterator[Finding]:
    """The result topic, whether anybody listens, and whether they get every event."""
    arn = application.settings.result_topic_arn
    if not arn:
        yield skipped(TOPIC, "topic", "WORKER_RESULT_TOPIC_ARN")
        return

    def look() -> Iterator[Finding]:
        with aws_errors(_TOPIC_ATTRIBUTES, arn):
            answer = application.clients.sns.get_topic_attributes(TopicArn=arn)
        listeners = int(answer["Attributes"].get("SubscriptionsConfirmed") or 0)
        if listeners:
            yield Finding(
                TOPIC, "topic", "ok", f"exists, {count(listeners, 'confirmed subscription')}"
            )
        else:
            fix = "subscribe a queue or function, if somebody is to hear of the results"
            yield Finding(TOPIC, "topic", "warning", "exists, but nobody has subscribed", fix)

    is_there = True
    for finding in unless_forbidden(TOPIC, "topic", look, "the topic"):
        is_there = is_there and finding.level != "failed"
        yield finding
    if not is_there:
        return
    raw = partial(_raw_delivery, application, arn)
    yield from unless_forbidden(TOPIC, "raw delivery", raw, "the subscriptions")


def check_table(application: Application) -> Iterator[Finding]:
    """Keys, index, expiry, and the reads and writes that the worker makes."""
    table = application.settings.job_table
    if not table:
        yield skipped(TABLE, "table", "WORKER_JOB_TABLE")
        return
    yield from unless_forbidden(TABLE, "shape", lambda: _shape(application, table), "its shape")
    yield from unless_forbidden(TABLE, "expiry", lambda: _expiry(application, table), "its expiry")
    yield from findings_of(TABLE, "reads", lambda: _reads(application))
    yield from findings_of(TABLE, "writes", lambda: _writes(application, table))


def check_buckets(application: Application) -> Iterator[Finding]:
    """Reading from input buckets; writing to output buckets."""
    settings = application.settings
    if not settings.input_buckets:
        yield skipped(BUCKETS, "input", "WORKER_INPUT_BUCKETS")
    for bucket in settings.input_buckets:
        name = f"input {bucket}"
        yield from findings_of(BUCKETS, name, partial(_input, application, bucket, name))
    if not settings.output_buckets:
        yield skipped(BUCKETS, "output", "WORKER_OUTPUT_BUCKETS")
    for bucket in settings.output_buckets:
        name = f"output {bucket}"
        yield from findings_of(BUCKETS, name, partial(_output, application, bucket, name))


def _raw_delivery(application: Application, arn: str) -> Iterator[Finding]:
    """Queues that would miss events with many metadata texts.

    With raw delivery, SNS discards a message of more than ten attributes for an SQS subscription
    (Source: SNS developer guide, message attributes). An event has up to eleven.
    """
    sns = application.clients.sns
    with aws_errors(_SUBSCRIPTIONS, arn):
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        listed = [one for page in islice(pages, 1) for one in page["Subscriptions"]]
    raw: list[str] = []
    for one in listed:
        subscription = one["SubscriptionArn"]
        # One that is not confirmed yet has a word in place of its ARN.
        if one["Protocol"] == "sqs" and subscription.startswith("arn:"):
            with aws_errors(_SUBSCRIPTION, subscription):
                answer = sns.get_subscription_attributes(SubscriptionArn=subscription)
            if answer["Attributes"].get("RawMessageDelivery") == "true":
                raw.append(one["Endpoint"])
    if raw:
        said = (
            f"on for {shorten(', '.join(raw), 300)}: SNS discards an event with more than ten "
            "attributes there, and seven text values in a request's metadata make eleven"
        )
        fix = "put six text values into metadata at most, or turn RawMessageDelivery off"
        yield Finding(TOPIC, "raw delivery", "warning", said, fix)


def _shape(application: Application, table: str) -> Iterator[Finding]:
    with aws_errors(_DESCRIBE, table):
        described = application.clients.dynamodb.describe_table(TableName=table)["Table"]
    fix = "create it from infra/resources.yml"
    keys: Mapping[str, str] = {
        key["AttributeName"]: key["KeyType"] for key in described["KeySchema"]
    }
    if keys != {"pk": "HASH"}:
        said = f"its key is {_keys(keys)}, and must be pk (HASH) alone"
        yield Finding(TABLE, "shape", "failed", said, fix)
        return
    indexes = {index["IndexName"]: index for index in described.get("GlobalSecondaryIndexes", ())}
    if INDEX not in indexes:
        said = f"there is no index {INDEX}: jobs cannot be listed, nor lost ones found"
        yield Finding(TABLE, "shape", "failed", said, fix)
        return
    keys = {key["AttributeName"]: key["KeyType"] for key in indexes[INDEX]["KeySchema"]}
    if keys != {"state": "HASH", "updatedAt": "RANGE"}:
        said = f"the key of {INDEX} is {_keys(keys)}, and must be state (HASH), updatedAt (RANGE)"
        yield Finding(TABLE, "shape", "failed", said, fix)
        return
    status = described.get("TableStatus", "ACTIVE")
    level: Level = "ok" if status in {"ACTIVE", "UPDATING"} else "failed"
    yield Finding(TABLE, "shape", level, f"{status}, key pk, index {INDEX}")


def _expiry(application: Application, table: str) -> Iterator[Finding]:
    with aws_errors(_DESCRIBE_TTL, table):
        answer = application.clients.dynamodb.describe_time_to_live(TableName=table)
    expiry = answer.get("TimeToLiveDescription", {})
    is_on = expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    if is_on and expiry.get("AttributeName") == _TTL_ATTRIBUTE:
        yield Finding(TABLE, "expiry", "ok", f"by {_TTL_ATTRIBUTE}")
        return
    fix = f"turn time to live on for {_TTL_ATTRIBUTE}"
    yield Finding(TABLE, "expiry", "warning", "off: records of old jobs are never removed", fix)


def _reads(application: Application) -> Iterator[Finding]:
    application.store.load("hautech-worker-doctor")
    application.store.list_by_state(JobState.RUNNING, limit=1)
    yield Finding(TABLE, "reads", "ok", "jobs can be read and listed")


def _writes(application: Application, table: str) -> Iterator[Finding]:
    with aws_errors(_WRITE, table):
        try:
            application.clients.dynamodb.put_item(
                TableName=table,
                Item={"pk": {"S": _PROBE_KEY}},
                ConditionExpression="attribute_exists(pk) AND attribute_not_exists(pk)",
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
    yield Finding(TABLE, "writes", "ok", "jobs can be written (tried without writing)")


def _input(application: Application, bucket: str, name: str) -> Iterator[Finding]:
    s3 = application.clients.s3
    with aws_errors(_LIST, bucket):
        listed = s3.list_objects_v2(Bucket=bucket, MaxKeys=10)
    files = [one["Key"] for one in listed.get("Contents", ()) if not one["Key"].endswith("/")]
    if not files:
        yield Finding(BUCKETS, name, "ok", "can be listed; empty, so reading was not tried")
        return
    with aws_errors(_READ, f"s3://{bucket}/{files[0]}"):
        s3.head_object(Bucket=bucket, Key=files[0])
    yield Finding(BUCKETS, name, "ok", "can be listed and read")


def _output(application: Application, bucket: str, name: str) -> Iterator[Finding]:
    s3 = application.clients.s3
    key = f"{PROBE_FOLDER}{uuid.uuid4()}"
    place = f"s3://{bucket}/{key}"
    with aws_errors(_PUT, place):
        version = s3.put_object(Bucket=bucket, Key=key, Body=b"probe").get("VersionId")
    try:
        with aws_errors(_READ, place):
            s3.head_object(Bucket=bucket, Key=key)
        yield Finding(BUCKETS, name, "ok", "can be written and looked at")
    finally:
        removed = _removed(application, bucket, key, version)
    if removed is not None:
        fix = f"delete {place} by hand, if you like"
        yield Finding(BUCKETS, name, "warning", f"the probe stays there: {removed}", fix)


def _removed(application: Application, bucket: str, key: str, version: str | None) -> str | None:
    """Deletes the probe, and its version where the bucket keeps versions; else says why not."""
    place = {"Bucket": bucket, "Key": key}
    if version and version != "null":
        place["VersionId"] = version
    try:
        with aws_errors(_DELETE, f"s3://{bucket}/{key}"):
            application.clients.s3.delete_object(**place)  # type: ignore[arg-type]  # two or three texts
    except WorkerError as error:
        return error.message
    return None


def _keys(keys: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in keys.items())
