"""What must stay true of infra/resources.yml, read without deploying it."""

from collections.abc import Callable
from typing import Any

import pytest
from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]  # ships no types

from sandbox.aws.stack import OUTPUT_NAMES, RESOURCES_TEMPLATE

PINNED_OUTPUTS = {
    "RequestQueueUrl",
    "PollQueueUrl",
    "DeadLetterQueueUrl",
    "JobTableName",
    "ResultTopicArn",
    "InputBucketName",
    "OutputBucketName",
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(load(str(RESOURCES_TEMPLATE)))


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return dict(template["Resources"])


def of_type(resources: dict[str, Any], resource_type: str) -> dict[str, Any]:
    found = {name: item for name, item in resources.items() if item["Type"] == resource_type}
    assert found, f"no {resource_type} in the template"
    return found


def test_every_parameter_has_a_description_a_default_and_bounds(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        assert "Default" in parameter, name
        is_bounded = "AllowedValues" in parameter or {"MinValue", "MaxValue"} <= set(parameter)
        assert is_bounded, name


def test_every_parameter_stands_in_one_group_of_the_console(template: dict[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    listed = [name for group in groups for name in group["Parameters"]]
    assert sorted(listed) == sorted(template["Parameters"])


def test_every_output_has_a_description(template: dict[str, Any]) -> None:
    for name, output in template["Outputs"].items():
        assert output["Description"], name


def test_the_pinned_outputs_are_all_there_and_the_others_say_what_they_are(
    template: dict[str, Any],
) -> None:
    outputs = set(template["Outputs"])
    assert outputs >= PINNED_OUTPUTS
    assert all(name.endswith(("Arn", "Name")) for name in outputs - PINNED_OUTPUTS)


def test_every_output_is_exported_under_the_name_of_its_stack(template: dict[str, Any]) -> None:
    for name, output in template["Outputs"].items():
        assert output["Export"] == {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}


def test_the_sandbox_reads_exactly_the_pinned_outputs() -> None:
    assert set(OUTPUT_NAMES.values()) == PINNED_OUTPUTS


def test_dead_letters_outlive_the_messages_of_the_other_queues(resources: dict[str, Any]) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    retention_s = {
        name: queue["Properties"]["MessageRetentionPeriod"] for name, queue in queues.items()
    }
    dead_letters_s = retention_s.pop("DeadLetterQueue")
    assert dead_letters_s == 14 * 24 * 3600  # the most that SQS keeps
    assert all(source_s < dead_letters_s for source_s in retention_s.values())


@pytest.mark.parametrize(("queue_name", "receives"), [("RequestQueue", 100), ("PollQueue", 1000)])
def test_a_message_that_kills_its_worker_is_dead_lettered_before_it_expires(
    template: dict[str, Any], resources: dict[str, Any], queue_name: str, receives: int
) -> None:
    queue = resources[queue_name]["Properties"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "maxReceiveCount": receives,
    }
    visibility = template["Parameters"][queue["VisibilityTimeout"]["Ref"]]
    assert visibility["Default"] <= visibility["MaxValue"]
    assert receives * visibility["MaxValue"] < queue["MessageRetentionPeriod"]


@pytest.mark.parametrize(
    ("resource_type", "policy_type", "targets_of"),
    [
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", lambda policy: policy["Queues"]),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", lambda policy: policy["Topics"]),
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", lambda policy: [policy["Bucket"]]),
    ],
)
def test_everything_with_a_policy_refuses_requests_without_tls(
    resources: dict[str, Any],
    resource_type: str,
    policy_type: str,
    targets_of: Callable[[dict[str, Any]], list[dict[str, str]]],
) -> None:
    covered = set()
    for policy in of_type(resources, policy_type).values():
        assert policy["Condition"] == "TlsRequired"
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for target in targets_of(policy["Properties"]):
            covered.add(target["Ref"])
            assert f"'{target['Ref']}" in str(statement["Resource"]) or target["Ref"] in str(
                statement["Resource"]
            )
    assert covered == set(of_type(resources, resource_type))


def test_tls_is_required_unless_somebody_says_otherwise(template: dict[str, Any]) -> None:
    assert template["Parameters"]["RequireTls"]["Default"] == "true"


def test_queues_hold_long_polls_and_are_encrypted(resources: dict[str, Any]) -> None:
    for name, queue in of_type(resources, "AWS::SQS::Queue").items():
        assert queue["Properties"]["ReceiveMessageWaitTimeSeconds"] == 20, name
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, name


def test_buckets_are_private_encrypted_tidy_and_kept(resources: dict[str, Any]) -> None:
    for name, bucket in of_type(resources, "AWS::S3::Bucket").items():
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert bucket["UpdateReplacePolicy"] == "Retain", name
        properties = bucket["Properties"]
        blocked = properties["PublicAccessBlockConfiguration"]
        assert set(blocked.values()) == {True}, name
        assert len(blocked) == 4, name
        (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}, name
        rules = properties["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), name


def test_both_buckets_are_configured_alike(resources: dict[str, Any]) -> None:
    # CloudFormation refuses YAML aliases, so the text stands there twice.
    assert resources["InputBucket"] == resources["OutputBucket"]


def test_the_job_table_can_be_restored_and_outlives_a_replacement(
    resources: dict[str, Any],
) -> None:
    table = resources["JobTable"]
    assert table["UpdateReplacePolicy"] == "Retain"
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] == {"Ref": "ProtectJobTable"}


def test_the_job_table_has_one_item_per_job_and_lists_them_by_state(
    resources: dict[str, Any],
) -> None:
    properties = resources["JobTable"]["Properties"]
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
    resources: dict[str, Any],
) -> None:
    fixed_names = {"QueueName", "TopicName", "TableName", "BucketName"}
    for name, resource in resources.items():
        assert not fixed_names & set(resource["Properties"]), name
