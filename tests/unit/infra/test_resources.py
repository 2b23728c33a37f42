"""What must stay true of infra/resources.yml, read without deploying it."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sandbox.aws.stack import OUTPUT_NAMES
from tests.support.templates import Stack, Template, read_template

PINNED_OUTPUTS = {
    "RequestQueueUrl",
    "PollQueueUrl",
    "DeadLetterQueueUrl",
    "JobTableName",
    "ResultTopicArn",
    "InputBucketName",
    "OutputBucketName",
}


OWN_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_KEY = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/none"

POLICIES = {
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::S3::BucketPolicy": "Bucket",
}
"""Type of a policy, and the property that says what it is for."""


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template("resources.yml")


@pytest.fixture(scope="module")
def stacks(template: Template) -> Callable[..., Stack]:
    """Makes the stack that comes out of some parameters."""
    return partial(Stack, template)


def test_the_pinned_outputs_are_all_there_and_the_others_say_what_they_are(
    template: Template,
) -> None:
    outputs = set(template["Outputs"])
    assert outputs >= PINNED_OUTPUTS
    assert all(name.endswith(("Arn", "Name")) for name in outputs - PINNED_OUTPUTS)


def test_the_sandbox_reads_exactly_the_pinned_outputs() -> None:
    assert set(OUTPUT_NAMES.values()) == PINNED_OUTPUTS


def test_dead_letters_outlive_the_messages_of_the_other_queues(
    stacks: Callable[..., Stack],
) -> None:
    queues = stacks().of_type("AWS::SQS::Queue")
    retention_s = {
        name: queue["Properties"]["MessageRetentionPeriod"] for name, queue in queues.items()
    }
    dead_letters_s = retention_s.pop("DeadLetterQueue")
    assert dead_letters_s == 14 * 24 * 3600  # the most that SQS keeps
    assert all(source_s < dead_letters_s for source_s in retention_s.values())


@pytest.mark.parametrize(("queue_name", "receives"), [("RequestQueue", 100), ("PollQueue", 1000)])
def test_a_message_that_kills_its_worker_is_dead_lettered_before_it_expires(
    template: Template, stacks: Callable[..., Stack], queue_name: str, receives: int
) -> None:
    queue = stacks().resources[queue_name]["Properties"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "maxReceiveCount": receives,
    }
    visibility = template["Parameters"][queue["VisibilityTimeout"]["Ref"]]
    assert visibility["Default"] <= visibility["MaxValue"]
    assert receives * visibility["MaxValue"] < queue["MessageRetentionPeriod"]


def test_every_queue_topic_and_bucket_made_here_refuses_requests_without_tls(
    stacks: Callable[..., Stack],
) -> None:
    stack = stacks()
    covered = set()
    for policy_type, targets_in in POLICIES.items():
        for policy in stack.of_type(policy_type).values():
            (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
            assert statement["Sid"] == "RefuseWithoutTls"
            assert statement["Effect"] == "Deny"
            assert statement["Principal"] == "*"
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            targets = policy["Properties"][targets_in]
            (target,) = targets if isinstance(targets, list) else [targets]
            assert target["Ref"] in str(statement["Resource"])
            covered.add(target["Ref"])
    kinds = ("AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket")
    assert covered == {name for kind in kinds for name in stack.of_type(kind)}


def test_without_tls_no_policy_is_left(stacks: Callable[..., Stack]) -> None:
    stack = stacks(RequireTls="false")
    assert not [kind for kind in POLICIES if stack.of_type(kind)]


def test_tls_is_required_unless_somebody_says_otherwise(template: Template) -> None:
    assert template["Parameters"]["RequireTls"]["Default"] == "true"


def test_queues_hold_long_polls(stacks: Callable[..., Stack]) -> None:
    for name, queue in stacks().of_type("AWS::SQS::Queue").items():
        assert queue["Properties"]["ReceiveMessageWaitTimeSeconds"] == 20, name


def test_no_queue_outside_may_drop_its_dead_letters_among_requests_or_polls(
    stacks: Callable[..., Stack],
) -> None:
    queues = stacks().of_type("AWS::SQS::Queue")
    for name in ("RequestQueue", "PollQueue"):
        allowed = queues[name]["Properties"]["RedriveAllowPolicy"]
        assert allowed == {"redrivePermission": "denyAll"}, name


@pytest.mark.parametrize(
    ("parameter", "key"),
    [
        ("none", None),
        ("create", {"Fn::GetAtt": ["Key", "Arn"]}),
        (OWN_KEY, {"Ref": "EncryptionKey"}),
    ],
    ids=["none", "create", "own"],
)
def test_one_parameter_says_which_key_encrypts_everything(
    stacks: Callable[..., Stack], parameter: str, key: Any
) -> None:
    stack = stacks(EncryptionKey=parameter)

    for name, queue in stack.of_type("AWS::SQS::Queue").items():
        assert queue["Properties"].get("KmsMasterKeyId") == key, name
        assert queue["Properties"].get("SqsManagedSseEnabled", False) is (key is None), name
    (topic,) = stack.of_type("AWS::SNS::Topic").values()
    assert topic["Properties"].get("KmsMasterKeyId") == key
    (table,) = stack.of_type("AWS::DynamoDB::Table").values()
    encryption = table["Properties"].get("SSESpecification", {})
    assert encryption.get("KMSMasterKeyId") == key
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        assert default["SSEAlgorithm"] == ("aws:kms" if key else "AES256"), name
        assert default.get("KMSMasterKeyID") == key, name
        assert rule.get("BucketKeyEnabled", False) is bool(key), name
    assert bool(stack.of_type("AWS::KMS::Key")) is (parameter == "create")
    exported = stack.output("EncryptionKeyArn")
    assert exported == (key or {"Fn::Sub": NO_KEY})


def test_a_key_made_here_outlives_the_stack_as_the_buckets_do(stacks: Callable[..., Stack]) -> None:
    (key,) = stacks(EncryptionKey="create").of_type("AWS::KMS::Key").values()
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"
    assert key["UpdateReplacePolicy"] == "Retain"
    assert key["Properties"]["EnableKeyRotation"] is True


def test_buckets_are_private_tidy_and_kept(stacks: Callable[..., Stack]) -> None:
    buckets = stacks().of_type("AWS::S3::Bucket")
    assert set(buckets) == {"InputBucket", "OutputBucket"}
    for name, bucket in buckets.items():
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert bucket["UpdateReplacePolicy"] == "Retain", name
        blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
        assert set(blocked.values()) == {True}, name
        assert len(blocked) == 4, name
        rules = {
            rule["Id"]: rule for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        }
        assert set(rules) == {"DropUnfinishedUploads", "DropOldVersions"}, name


def test_both_buckets_are_configured_alike(stacks: Callable[..., Stack]) -> None:
    # CloudFormation refuses YAML aliases, so the text stands there twice.
    buckets = stacks().of_type("AWS::S3::Bucket")
    assert {**buckets["InputBucket"], "Condition": ""} == {
        **buckets["OutputBucket"],
        "Condition": "",
    }


def test_photos_and_pictures_expire_only_where_somebody_says_so(
    stacks: Callable[..., Stack],
) -> None:
    buckets = stacks(OutputExpirationDays="90").of_type("AWS::S3::Bucket")

    def expiring(name: str) -> list[Any]:
        rules = buckets[name]["Properties"]["LifecycleConfiguration"]["Rules"]
        return [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule]

    assert expiring("InputBucket") == []
    assert expiring("OutputBucket") == [{"Ref": "OutputExpirationDays"}]


def test_what_somebody_has_already_is_named_and_not_made(stacks: Callable[..., Stack]) -> None:
    stack = stacks(
        ExistingInputBucket="photos",
        ExistingOutputBucket="pictures",
        ExistingResultTopicArn="arn:aws:sns:eu-west-1:123456789012:results",
    )
    for kind in ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"):
        assert not stack.of_type(kind)
    for kind in ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy"):
        assert not stack.of_type(kind)
    assert stack.output("InputBucketName") == {"Ref": "ExistingInputBucket"}
    assert stack.output("OutputBucketName") == {"Ref": "ExistingOutputBucket"}
    assert stack.output("ResultTopicArn") == {"Ref": "ExistingResultTopicArn"}
    for name in ("Input", "Output"):
        arn = stack.output(f"{name}BucketArn")
        assert arn == {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::${{Existing{name}Bucket}}"}


def test_uploads_are_told_only_on_request_and_only_of_a_bucket_made_here(
    stacks: Callable[..., Stack], template: Template
) -> None:
    def notifies(stack: Stack) -> bool:
        buckets = stack.of_type("AWS::S3::Bucket").values()
        return any("NotificationConfiguration" in bucket["Properties"] for bucket in buckets)

    assert not notifies(stacks())
    assert notifies(stacks(NotifyOfUploads="true"))
    rule = template["Rules"]["NotificationsNeedABucketMadeHere"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "NotifyOfUploads"}, "true"]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "ExistingInputBucket"}, ""]}


def who_may_send(stack: Stack) -> dict[str, tuple[Any, Any]]:
    """Services that the queue's policy lets send requests, and under which condition."""
    policy = stack.of_type("AWS::SQS::QueuePolicy")["RequestQueuePolicy"]["Properties"]
    allowed = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert {one["Action"] for one in allowed} <= {"sqs:SendMessage"}
    return {one["Sid"]: (one["Principal"]["Service"], one["Condition"]) for one in allowed}


NAMED = {"aws:SourceArn": {"Ref": "RequestSourceArns"}}
OF_THIS_ACCOUNT = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_only_named_topics_and_rules_and_named_buckets_of_this_account_may_send_without_a_role(
    stacks: Callable[..., Stack],
) -> None:
    allowed = who_may_send(stacks(RequestSourceArns="arn:aws:sns:eu-west-1:123456789012:orders"))

    assert allowed == {
        "LetTopicsAndRulesSend": (
            ["sns.amazonaws.com", "events.amazonaws.com"],
            {"ArnEquals": NAMED},
        ),
        "LetBucketsSend": (
            "s3.amazonaws.com",
            {"ArnEquals": NAMED, "StringEquals": OF_THIS_ACCOUNT},
        ),
    }


def test_uploads_are_told_by_buckets_of_this_account_only(stacks: Callable[..., Stack]) -> None:
    assert who_may_send(stacks(NotifyOfUploads="true")) == {
        "LetBucketsOfThisAccountSend": ("s3.amazonaws.com", {"StringEquals": OF_THIS_ACCOUNT})
    }


def test_nobody_may_send_without_a_role_unless_somebody_says_so(
    stacks: Callable[..., Stack],
) -> None:
    assert who_may_send(stacks()) == {}


def test_no_service_may_send_polls_or_dead_letters(stacks: Callable[..., Stack]) -> None:
    stack = stacks(NotifyOfUploads="true", RequestSourceArns="arn:aws:s3:::photos")
    policies = stack.of_type("AWS::SQS::QueuePolicy")
    assert set(policies) == {"RequestQueuePolicy", "PollQueuePolicy", "DeadLetterQueuePolicy"}
    for name in ("PollQueuePolicy", "DeadLetterQueuePolicy"):
        statements = policies[name]["Properties"]["PolicyDocument"]["Statement"]
        assert {one["Effect"] for one in statements} == {"Deny"}, name


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "EncryptionKey",
            ["none", "create", OWN_KEY],
            ["", "alias/mine", "Create", OWN_KEY + "/x"],
        ),
        (
            "ExistingInputBucket",
            ["", "my-photos.2026"],
            ["s3://photos", "arn:aws:s3:::photos", "A"],
        ),
        ("ExistingOutputBucket", ["", "pictures"], ["pictures/", "a"]),
        (
            "RequestSourceArns",
            [
                "",
                "arn:aws:s3:::photos",
                "arn:aws:sns:eu-west-1:123456789012:orders",
                "arn:aws:events:eu-west-1:123456789012:rule/shop/orders",
            ],
            ["*", "photos", "arn:aws:s3:::*", "arn:aws:sns:eu-west-1:*:orders"],
        ),
        (
            "ExistingResultTopicArn",
            ["", "arn:aws:sns:eu-west-1:123456789012:results"],
            ["results", "arn:aws:sns:eu-west-1:123456789012:results.fifo"],
        ),
        ("NotifyPrefix", ["", "drop/", "a-b/c(1)"], ["a b", "ä"]),
        ("NotifySuffix", ["", ".json"], ["*?"]),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_made(
    template: Template, parameter: str, good: list[str], bad: list[str]
) -> None:
    declared = template["Parameters"][parameter]
    assert declared["ConstraintDescription"]
    pattern = re.compile(declared["AllowedPattern"])
    assert all(pattern.fullmatch(value) for value in good)
    assert not [value for value in bad if pattern.fullmatch(value)]


def test_the_job_table_can_be_restored_and_outlives_a_replacement(
    stacks: Callable[..., Stack],
) -> None:
    (table,) = stacks().of_type("AWS::DynamoDB::Table").values()
    assert table["UpdateReplacePolicy"] == "Retain"
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Ref": "ProtectJobTable"}


def test_the_job_table_has_one_item_per_job_and_lists_them_by_state(
    stacks: Callable[..., Stack],
) -> None:
    (table,) = stacks().of_type("AWS::DynamoDB::Table").values()
    properties = table["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert properties["TimeToLiveSpecification"] == {
        "AttributeName": "expiresAtEpochS",
        "Enabled": True,
    }
    (index,) = properties["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "byState"
    assert index["KeySchema"] == [
        {"AttributeName": "state", "KeyType": "HASH"},
        {"AttributeName": "updatedAt", "KeyType": "RANGE"},
    ]


def test_no_resource_has_a_fixed_name_so_two_stacks_fit_in_one_account(
    template: Template,
) -> None:
    fixed_names = {"QueueName", "TopicName", "TableName", "BucketName"}
    for name, resource in template["Resources"].items():
        assert not fixed_names & set(resource["Properties"]), name
