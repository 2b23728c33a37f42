"""What the answers of AWS say about the time reaches the worker's clock, refusals included."""

import os
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from sandbox.aws import worker_environment
from tests.support.aws import DeployedAws
from worker.adapters.aws.clients import AwsClients
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.server_clock import ServerClock


class TenMinutesBehind:
    """A machine whose clock is wrong; signatures go by the real one, as botocore makes them."""

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=10)


@pytest.fixture
def clock(aws: DeployedAws) -> ServerClock:
    clock = ServerClock(TenMinutesBehind())
    clients = AwsClients(2, clock=clock)
    with patch.dict(os.environ, worker_environment(aws.outputs, aws)):
        DynamoJobStore(clients.dynamodb, aws.outputs.job_table_name).load("nobody")
    clients.close()
    return clock


def test_one_read_of_the_job_table_tells_the_time(clock: ServerClock) -> None:
    assert 599 <= clock.offset_s <= 601


def test_a_refusal_tells_the_time_too(ministack_aws: DeployedAws) -> None:
    clock = ServerClock(TenMinutesBehind())
    clients = AwsClients(2, clock=clock)
    with patch.dict(os.environ, worker_environment(ministack_aws.outputs, ministack_aws)):
        client = clients.dynamodb
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_item(TableName="no-such-table", Key={"pk": {"S": "job#1"}})
    clients.close()
    assert 599 <= clock.offset_s <= 601
