"""An answer of AWS that was damaged on its way says nothing, least of all "there is nothing"."""

import os
from unittest.mock import patch

import pytest
from botocore.session import Session

from tests.unit.hautech.raw_server import Wire, raw_server
from worker.adapters.aws.clients import AwsClients
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.secrets_manager import SecretsManager
from worker.adapters.aws.sqs import SqsQueue
from worker.errors import UnavailableError

_SESSION = Session()
ITEM = b'{"Item":{"pk":{"S":"job#sku-1"},"document":{"S":"'


def clients_of(url: str) -> AwsClients:
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    clients = AwsClients(1)
    clients._session = _SESSION  # reading the service models again takes long
    with patch.dict(os.environ, environment):
        _ = clients.dynamodb, clients.secretsmanager, clients.sqs
    return clients


def cut(wire: Wire) -> None:
    """Announces more than it sends."""
    wire.read_request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n" + ITEM)


def rubbish(wire: Wire) -> None:
    """The right length, and no text at all."""
    wire.read_request()
    wire.answer(bytes(range(128, 200)))


def prose(wire: Wire) -> None:
    """Text, and no JSON: what a box in between may say with status 200."""
    wire.read_request()
    wire.answer(b"<html>please sign in</html>")


@pytest.mark.parametrize("behave", [cut, rubbish, prose])
def test_a_damaged_answer_does_not_say_that_there_is_no_job(behave) -> None:
    with raw_server(behave) as server:
        store = DynamoJobStore(clients_of(server.url).dynamodb, "jobs")
        with pytest.raises(UnavailableError, match="GetItem"):
            store.load("sku-1")


@pytest.mark.parametrize("behave", [cut, rubbish, prose])
def test_a_damaged_answer_does_not_say_that_a_queue_is_empty(behave) -> None:
    with raw_server(behave) as server:
        queue = SqsQueue(clients_of(server.url).sqs, f"{server.url}/1/requests")
        with pytest.raises(UnavailableError, match="ReceiveMessage"):
            queue.receive(wait_s=0, visibility_s=60)


@pytest.mark.parametrize("behave", [cut, rubbish, prose])
def test_a_damaged_answer_does_not_say_that_a_secret_is_unusable(behave) -> None:
    with raw_server(behave) as server:
        vault = SecretsManager(clients_of(server.url).secretsmanager)
        with pytest.raises(UnavailableError, match="GetSecretValue"):
            vault.read_secret("arn:aws:secretsmanager:eu-west-1:1:secret:x")


def test_an_empty_answer_is_whole() -> None:
    def nothing(wire: Wire) -> None:
        wire.read_request()
        wire.answer(b"{}")

    with raw_server(nothing) as server:
        assert DynamoJobStore(clients_of(server.url).dynamodb, "jobs").load("sku-1") is None
