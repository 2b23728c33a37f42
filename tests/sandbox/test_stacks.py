"""Templates deploy with what people may choose: their own bucket and topic, a key, notifications."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import (
    RESOURCES_TEMPLATE,
    DeployError,
    LocalAws,
    MiniStack,
    MotoServer,
    StackOutputs,
    create_stack,
    deploy,
    subscribe_queue,
)
from sandbox.aws.ministack import EmulatorMissingError
from tests.support.aws import missing_need
from tests.support.templates import INFRA
from worker.runtime.metric_names import DIMENSION, HAUTECH_BALANCE, NAMESPACE
from worker.settings import load_settings

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MONITORING = INFRA / "monitoring.yml"
CONTAINER = INFRA / "container.yml"

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hautech-AbCdEf"


@pytest.fixture(scope="module")
def strict() -> Iterator[LocalAws]:
    """MiniStack with permissions enforced. It speaks plain HTTP, so stacks need RequireTls=false."""
    try:
        emulator = MiniStack(enforce_iam=True)
    except EmulatorMissingError as missing:
        missing_need(missing)
    with emulator:
        yield emulator.aws


@pytest.fixture(scope="module")
def moto() -> Iterator[LocalAws]:
    with MotoServer() as emulator:
        yield emulator.aws


def deploy_open(aws: LocalAws, name: str, **parameters: str) -> StackOutputs:
    return deploy(aws, name, parameters={"RequireTls": "false", **parameters})


def outputs_of(aws: LocalAws, name: str) -> dict[str, str]:
    (stack,) = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def receive(aws: LocalAws, queue_url: str) -> "list[MessageTypeDef]":
    answer = aws.client("sqs").receive_message(
        QueueUrl=queue_url,
        WaitTimeSeconds=10,  # an upper bound: it returns with the first message
        MaxNumberOfMessages=10,
    )
    return list(answer.get("Messages", []))


# ── Resources ────────────────────────────────────────────────────────────────────────────────────


def test_a_key_made_by_the_stack_encrypts_queues_and_buckets(moto: LocalAws) -> None:
    outputs = deploy(moto, "with-key", parameters={"EncryptionKey": "create"})
    key = outputs_of(moto, "with-key")["EncryptionKeyArn"]
    assert ":key/" in key
    assert not key.endswith("/none")

    for url in (outputs.request_queue_url, outputs.poll_queue_url, outputs.dead_letter_queue_url):
        answer = moto.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        assert answer["Attributes"]["KmsMasterKeyId"] == key
    for bucket in (outputs.input_bucket_name, outputs.output_bucket_name):
        encryption = moto.client("s3").get_bucket_encryption(Bucket=bucket)
        (rule,) = encryption["ServerSideEncryptionConfiguration"]["Rules"]
        default = rule["ApplyServerSideEncryptionByDefault"]
        assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == ("aws:kms", key)


def test_messages_and_files_pass_through_a_stack_with_a_key(strict: LocalAws) -> None:
    outputs = deploy_open(strict, "key-at-work", EncryptionKey="create")

    strict.client("sqs").send_message(QueueUrl=outputs.request_queue_url, MessageBody="{}")
    strict.client("s3").put_object(Bucket=outputs.input_bucket_name, Key="photo", Body=b"x")

    assert [message["Body"] for message in receive(strict, outputs.request_queue_url)] == ["{}"]
    photo = strict.client("s3").get_object(Bucket=outputs.input_bucket_name, Key="photo")
    assert photo["Body"].read() == b"x"


@pytest.mark.parametrize("emulator", ["strict", "moto"])
def test_own_buckets_and_topic_are_used_as_they_are(
    emulator: str, request: pytest.FixtureRequest
) -> None:
    aws: LocalAws = request.getfixturevalue(emulator)
    aws.client("s3").create_bucket(
        Bucket="my-pictures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    topic = aws.client("sns").create_topic(Name="my-results")["TopicArn"]
    before = len(aws.client("s3").list_buckets()["Buckets"])

    outputs = deploy_open(
        aws,
        "own-things",
        ExistingInputBucket="my-pictures",
        ExistingOutputBucket="my-pictures",
        ExistingResultTopicArn=topic,
    )

    assert outputs.input_bucket_name == outputs.output_bucket_name == "my-pictures"
    assert outputs.result_topic_arn == topic
    assert outputs_of(aws, "own-things")["InputBucketArn"] == "arn:aws:s3:::my-pictures"
    assert len(aws.client("s3").list_buckets()["Buckets"]) == before


def test_the_input_bucket_tells_the_requests_queue_of_the_uploads_that_are_meant(
    strict: LocalAws,
) -> None:
    outputs = deploy_open(strict, "notifying", NotifyOfUploads="true")
    for key in ("elsewhere/photo.png", "inbox/photo.png", "inbox/photo.json"):
        strict.client("s3").put_object(Bucket=outputs.input_bucket_name, Key=key, Body=b"{}")

    told = [
        record["s3"]["object"]["key"]
        for message in receive(strict, outputs.request_queue_url)
        for record in json.loads(message["Body"]).get("Records", ())  # S3's own test has none
    ]
    assert sorted(told) == ["inbox/photo.json", "inbox/photo.png"]


def test_only_named_topics_may_send_requests(strict: LocalAws) -> None:
    sns = strict.client("sns")
    orders, strangers = (
        sns.create_topic(Name=name)["TopicArn"] for name in ("orders", "strangers")
    )
    outputs = deploy_open(strict, "with-source", RequestSourceArns=orders)
    queue_arn = outputs_of(strict, "with-source")["RequestQueueArn"]

    for topic in (strangers, orders):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
        sns.publish(TopicArn=topic, Message=f"from {topic}")

    bodies = [json.loads(message["Body"]) for message in receive(strict, outputs.request_queue_url)]
    assert [body["Message"] for body in bodies] == [f"from {orders}"]


def test_only_named_buckets_may_tell_of_uploads(strict: LocalAws) -> None:
    s3: Any = strict.client("s3")
    for name in ("my-photos", "strange-photos"):
        s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": strict.region}
        )
    outputs = deploy_open(strict, "with-bucket", RequestSourceArns="arn:aws:s3:::my-photos")
    queue = {
        "QueueArn": outputs_of(strict, "with-bucket")["RequestQueueArn"],
        "Events": ["s3:ObjectCreated:*"],
    }

    def notify(bucket: str) -> None:
        told = {"QueueConfigurations": [queue]}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)

    with pytest.raises(ClientError, match="validate the following destination"):
        notify("strange-photos")
    notify("my-photos")
    s3.put_object(Bucket="my-photos", Key="coat.png", Body=b"x")

    bodies = [message["Body"] for message in receive(strict, outputs.request_queue_url)]
    assert any("coat.png" in body for body in bodies)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"EncryptionKey": "alias/mine"}, "not an alias"),
        ({"ExistingInputBucket": "s3://photos"}, "the name of a bucket"),
        ({"ExistingResultTopicArn": "results"}, "the ARN of a standard SNS topic"),
        (
            {"ExistingInputBucket": "photos", "NotifyOfUploads": "true"},
            "put its ARN into RequestSourceArns",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_parameter_is_refused_with_the_remedy_and_nothing_is_made(
    strict: LocalAws, parameters: dict[str, str], says: str
) -> None:
    with pytest.raises(DeployError, match=says):
        create_stack(strict, "refused", template=RESOURCES_TEMPLATE, parameters=parameters)
    with pytest.raises(ClientError, match="does not exist"):
        strict.client("cloudformation").describe_stacks(StackName="refused")


# ── Monitoring ───────────────────────────────────────────────────────────────────────────────────


def test_an_alarm_reaches_whoever_listens_to_its_topic(strict: LocalAws) -> None:
    deploy_open(strict, "watched")
    outputs = create_stack(
        strict,
        "watching",
        template=MONITORING,
        parameters={
            "ResourcesStackName": "watched",
            "LeastBalance": "100",
            "UseMetricMath": "false",
        },
    )
    queue_url = subscribe_queue(strict, outputs["AlarmTopicArn"])
    cloudwatch = strict.client("cloudwatch")

    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": HAUTECH_BALANCE.name,
                "Dimensions": [{"Name": DIMENSION, "Value": "watched"}],
                "Timestamp": datetime.now(UTC),
                "Value": 99,
            }
        ],
    )
    wait_until(partial(is_ringing, cloudwatch, "watching-BalanceLow"))

    (message,) = receive(strict, queue_url)
    assert json.loads(message["Body"])["NewStateValue"] == "ALARM"


def is_ringing(cloudwatch: Any, prefix: str) -> bool:
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=prefix, StateValue="ALARM")
    return bool(alarms["MetricAlarms"])


def wait_until(holds: Callable[[], bool], *, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_monitoring_without_its_resources_stack_says_what_is_missing(strict: LocalAws) -> None:
    with pytest.raises(DeployError, match="misspelt-"):
        create_stack(
            strict,
            "watching-nothing",
            template=MONITORING,
            parameters={"ResourcesStackName": "misspelt", "UseMetricMath": "false"},
        )


# ── Containers ───────────────────────────────────────────────────────────────────────────────────


def in_a_network(aws: LocalAws) -> dict[str, str]:
    """The parameters that have no default, with a network made for them."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    return {
        "ResourcesStackName": "beneath",
        "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hautech-worker:0.1.0",
        "HautechSecretArn": SECRET_ARN,
        "VpcId": vpc,
        "SubnetIds": ",".join(subnets),
    }


def test_a_service_without_its_resources_stack_says_what_is_missing(moto: LocalAws) -> None:
    parameters = {**in_a_network(moto), "ResourcesStackName": "misspelt"}
    with pytest.raises(DeployError, match="No export named misspelt-"):
        create_stack(moto, "standing-on-nothing", template=CONTAINER, parameters=parameters)


def main_route_table(aws: LocalAws) -> str:
    tables = aws.client("ec2").describe_route_tables()["RouteTables"]
    return str(tables[-1]["RouteTableId"])


def test_the_service_gets_settings_with_which_a_worker_starts(moto: LocalAws) -> None:
    resources = deploy(moto, "beneath")
    outputs = create_stack(
        moto,
        "serving",
        template=CONTAINER,
        parameters={**in_a_network(moto), "Capacity": "spot-after-first", "MinTasks": "0"},
    )

    ecs = moto.client("ecs")
    (service,) = ecs.describe_services(
        cluster=outputs["ClusterName"], services=[outputs["ServiceName"]]
    )["services"]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    (container,) = task["containerDefinitions"]
    environment = {one["name"]: one["value"] for one in container["environment"]}
    settings = load_settings(environment)
    assert settings.request_queue_url == resources.request_queue_url
    assert settings.job_table == resources.job_table_name
    assert settings.result_topic_arn == resources.result_topic_arn


def test_nothing_can_connect_to_the_tasks(moto: LocalAws) -> None:
    deploy(moto, "beneath-sealed")
    outputs = create_stack(
        moto,
        "sealed",
        template=CONTAINER,
        parameters={
            **in_a_network(moto),
            "ResourcesStackName": "beneath-sealed",
            "VpcEndpoints": "all",
            "RouteTableIds": main_route_table(moto),
        },
    )
    ec2 = moto.client("ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[outputs["SecurityGroupId"]])["SecurityGroups"]
    assert group["IpPermissions"] == []
