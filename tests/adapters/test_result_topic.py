"""The promises of the ResultTopic port, kept by every adapter."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.aws import subscribe_queue
from tests.adapters.clients import clients_for
from tests.support.aws import DeployedAws
from worker.adapters.aws.sns import SnsResultTopic
from worker.adapters.aws.sqs import SqsQueue
from worker.adapters.memory import MemoryResultTopic
from worker.errors import SystemicError
from worker.ports.topic import ResultTopic

EVENT = json.dumps({"id": "1", "subject": "größe <&>"}, ensure_ascii=False)


@dataclass(frozen=True)
class Topic:
    topic: ResultTopic
    received: Callable[[], list[tuple[str, dict[str, str]]]]


@pytest.fixture(params=["memory", "ministack", "moto"])
def topic(request: pytest.FixtureRequest) -> Topic:
    if request.param == "memory":
        memory = MemoryResultTopic()
        return Topic(memory, lambda: [(one.text, dict(one.attributes)) for one in memory.events])
    aws: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
    clients = clients_for(aws)
    subscriber = SqsQueue(clients.sqs, subscribe_queue(aws, aws.outputs.result_topic_arn))

    def received() -> list[tuple[str, dict[str, str]]]:
        messages = subscriber.receive(wait_s=5, visibility_s=60)
        return [(one.body, dict(one.attributes)) for one in messages]

    return Topic(SnsResultTopic(clients.sns, aws.outputs.result_topic_arn), received)


def test_event_arrives_as_it_was_published(topic: Topic) -> None:
    topic.topic.publish(EVENT, {"status": "succeeded", "requestId": "sku-1"})
    assert topic.received() == [(EVENT, {"status": "succeeded", "requestId": "sku-1"})]


def test_empty_attributes_are_left_out(topic: Topic) -> None:
    topic.topic.publish(EVENT, {"status": "failed", "note": ""})
    assert topic.received() == [(EVENT, {"status": "failed"})]


def test_missing_topic_is_nobodys_job(aws: DeployedAws) -> None:
    arn = aws.outputs.result_topic_arn + "-gone"
    with pytest.raises(SystemicError, match="-gone"):
        SnsResultTopic(clients_for(aws).sns, arn).publish(EVENT, {})


@pytest.mark.parametrize(
    ("trace", "sent"),
    [
        ("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",) * 2,
        (None, "Root=1-11111111-111111111111111111111111"),
    ],
    ids=["of the job", "of the invocation"],
)
def test_the_trace_of_the_job_wins_over_that_of_the_invocation(
    moto_aws: DeployedAws, monkeypatch: pytest.MonkeyPatch, trace: str | None, sent: str
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "polls")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-11111111-111111111111111111111111")
    client = clients_for(moto_aws).sns
    headers: list[str] = []

    def note(request: Any, **_: object) -> None:
        headers.append(request.headers["X-Amzn-Trace-Id"].decode())

    client.meta.events.register("before-send.sns.Publish", note)
    SnsResultTopic(client, moto_aws.outputs.result_topic_arn).publish(EVENT, {}, trace=trace)
    assert headers == [sent]
