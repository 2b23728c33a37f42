"""The real template deploys on both emulators, and its parts are what the design says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import (
    DeployError,
    LocalAws,
    MiniStack,
    MotoServer,
    StackOutputs,
    deploy,
    subscribe_queue,
    worker_environment,
)
from sandbox.aws.clients import _session
from sandbox.aws.ministack import EmulatorMissingError
from tests.support.aws import DeployedAws, deploy_fresh, missing_need

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


@pytest.fixture(scope="module", params=["ministack", "moto"])
def emulator(request: pytest.FixtureRequest) -> Iterator[MiniStack | MotoServer]:
    try:
        started = MiniStack() if request.param == "ministack" else MotoServer()
    except EmulatorMissingError as missing:
        missing_need(missing)
    with started:
        yield started


@pytest.fixture(scope="module")
def aws(emulator: MiniStack | MotoServer) -> DeployedAws:
    name = "ministack" if isinstance(emulator, MiniStack) else "moto"
    return deploy_fresh(name, emulator.aws)


def queue_attributes(aws: DeployedAws, url: str) -> dict[str, str]:
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(name): value for name, value in answer["Attributes"].items()}


def test_every_output_names_a_resource_that_exists(aws: DeployedAws) -> None:
    outputs = aws.outputs
    for url in (outputs.request_queue_url, outputs.poll_queue_url, outputs.dead_letter_queue_url):
        assert queue_attributes(aws, url)["QueueArn"].rsplit(":", 1)[1] == url.rsplit("/", 1)[1]
    aws.client("dynamodb").describe_table(TableName=outputs.job_table_name)
    aws.client("sns").get_topic_attributes(TopicArn=outputs.result_topic_arn)
    for bucket in (outputs.input_bucket_name, outputs.output_bucket_name):
        aws.client("s3").head_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("field", "visibility_s", "receives"),
    [("request_queue_url", "360", 100), ("poll_queue_url", "300", 1000)],
)
def test_source_queues_hand_over_to_the_dead_letter_queue(
    aws: DeployedAws, field: str, visibility_s: str, receives: int
) -> None:
    dead_letters = queue_attributes(aws, aws.outputs.dead_letter_queue_url)
    attributes = queue_attributes(aws, getattr(aws.outputs, field))

    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead_letters["QueueArn"],
        "maxReceiveCount": receives,
    }
    assert attributes["VisibilityTimeout"] == visibility_s
    assert attributes["ReceiveMessageWaitTimeSeconds"] == "20"
    assert attributes["MessageRetentionPeriod"] == str(4 * 24 * 3600)
    assert dead_letters["MessageRetentionPeriod"] == str(14 * 24 * 3600)


def test_jobs_can_be_listed_by_state_and_time(aws: DeployedAws) -> None:
    table = aws.outputs.job_table_name
    dynamodb = aws.client("dynamodb")
    for key, state, at in [
        ("job#b", "running", "2026-01-02T00:00:00Z"),
        ("job#a", "running", "2026-01-01T00:00:00Z"),
        ("job#c", "done", "2026-01-01T00:00:00Z"),
    ]:
        dynamodb.put_item(
            TableName=table,
            Item={"pk": {"S": key}, "state": {"S": state}, "updatedAt": {"S": at}},
        )
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "upload#1"}})  # no job: not in the index

    answer = dynamodb.query(
        TableName=table,
        IndexName="byState",
        KeyConditionExpression="#state = :running",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":running": {"S": "running"}},
    )

    assert [item["pk"]["S"] for item in answer["Items"]] == ["job#a", "job#b"]


def test_two_stacks_share_nothing(aws: DeployedAws) -> None:
    second = deploy_fresh(aws.emulator, aws)
    for field in StackOutputs.__slots__:
        assert getattr(second.outputs, field) != getattr(aws.outputs, field)


def test_parameters_reach_the_stack(aws: DeployedAws) -> None:
    outputs = deploy(aws, "quick", parameters={"RequestVisibilityTimeoutSeconds": "5"})
    assert queue_attributes(aws, outputs.request_queue_url)["VisibilityTimeout"] == "5"


def test_a_subscribed_queue_sees_events_raw(aws: DeployedAws) -> None:
    queue_url = subscribe_queue(aws, aws.outputs.result_topic_arn)

    publish(aws, "the event", status="succeeded")

    (message,) = receive(aws, queue_url)
    assert message["Body"] == "the event"
    assert message["MessageAttributes"]["status"]["StringValue"] == "succeeded"


def test_a_subscribed_queue_sees_events_in_the_envelope_on_request(aws: DeployedAws) -> None:
    queue_url = subscribe_queue(aws, aws.outputs.result_topic_arn, raw=False)

    publish(aws, "the event", status="succeeded")

    (message,) = receive(aws, queue_url)
    assert json.loads(message["Body"])["Message"] == "the event"


def test_a_subscribed_queue_sees_only_what_it_asked_for(aws: DeployedAws) -> None:
    policy = {"status": ["failed"]}
    queue_url = subscribe_queue(aws, aws.outputs.result_topic_arn, filter_policy=policy)

    publish(aws, "good", status="succeeded")
    publish(aws, "bad", status="failed")

    assert [message["Body"] for message in receive(aws, queue_url)] == ["bad"]


def publish(aws: DeployedAws, text: str, *, status: str) -> None:
    aws.client("sns").publish(
        TopicArn=aws.outputs.result_topic_arn,
        Message=text,
        MessageAttributes={"status": {"DataType": "String", "StringValue": status}},
    )


def receive(aws: LocalAws, queue_url: str) -> "list[MessageTypeDef]":
    answer = aws.client("sqs").receive_message(
        QueueUrl=queue_url,
        WaitTimeSeconds=10,  # an upper bound: it returns with the first message
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))


def test_a_worker_process_needs_only_the_environment_we_give_it(aws: DeployedAws) -> None:
    script = (
        "import boto3, os; boto3.client('sqs').send_message("
        "QueueUrl=os.environ['WORKER_REQUEST_QUEUE_URL'], MessageBody=os.environ['WORDS'])"
    )
    environment = worker_environment(aws.outputs, aws, {"WORDS": "hello"})

    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)

    (message,) = receive(aws, aws.outputs.request_queue_url)
    assert message["Body"] == "hello"


def test_settings_of_the_machine_do_not_redirect_our_clients(
    aws: DeployedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[unfinished")  # boto3 stops at a file that it cannot read
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    _session.cache_clear()
    # Another key makes another client, built under these settings.
    fresh = LocalAws(aws.endpoint_url, access_key_id="test", secret_access_key="fresh")

    fresh.client("sqs").list_queues()

    _session.cache_clear()


def test_a_template_without_our_outputs_is_refused_by_name(
    aws: DeployedAws, tmp_path: Path
) -> None:
    template = tmp_path / "other.yml"
    template.write_text("Resources:\n  Lonely:\n    Type: AWS::SQS::Queue\n")
    with pytest.raises(DeployError, match="no output RequestQueueUrl, PollQueueUrl"):
        deploy(aws, "other", template=template)


def test_a_failed_resource_is_named_with_the_reason(aws: DeployedAws, tmp_path: Path) -> None:
    template = tmp_path / "clash.yml"
    bucket = "Type: AWS::S3::Bucket\n    Properties: {BucketName: wanted-by-two}"
    template.write_text(
        f"Resources:\n  One:\n    {bucket}\n  Two:\n    DependsOn: One\n    {bucket}\n"
    )
    expected = {
        "ministack": r"stack clash .* Two \(AWS::S3::Bucket\) CREATE_FAILED: .*already exists",
        "moto": r"stack clash .*BucketAlreadyExists",  # it refuses the whole stack at once
    }
    with pytest.raises(DeployError, match=expected[aws.emulator]):
        deploy(aws, "clash", template=template)


def test_an_emulator_that_is_gone_is_a_deploy_error() -> None:
    with MotoServer() as moto:
        pass
    with pytest.raises(DeployError, match="stack late"):
        deploy(moto.aws, "late")


def test_without_tls_nothing_is_sent_or_announced_unless_the_parameter_allows_it() -> None:
    try:
        strict = MiniStack(enforce_iam=True)
    except EmulatorMissingError as missing:
        missing_need(missing)
    with strict:
        closed = deploy(strict.aws, "closed")
        with pytest.raises(ClientError, match="AccessDenied"):
            send(strict.aws, closed)
        with pytest.raises(ClientError, match="not authorized to perform: sns:Publish"):
            strict.aws.client("sns").publish(TopicArn=closed.result_topic_arn, Message="x")

        opened = deploy(strict.aws, "opened", parameters={"RequireTls": "false"})
        send(strict.aws, opened)
        # Policies are enforced here, so this one shows that the topic may send to our queue.
        queue_url = subscribe_queue(strict.aws, opened.result_topic_arn)
        strict.aws.client("sns").publish(TopicArn=opened.result_topic_arn, Message="seen")
        assert [message["Body"] for message in receive(strict.aws, queue_url)] == ["seen"]


def send(aws: LocalAws, outputs: StackOutputs) -> None:
    aws.client("sqs").send_message(QueueUrl=outputs.request_queue_url, MessageBody="x")
