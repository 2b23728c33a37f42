"""How the token gets into a secret: from stdin or a prompt, and never out again."""

import io
import json
import sys
from dataclasses import dataclass
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from infra.deployment import secret
from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from infra.deployment.stage import Stage

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hautech-worker-dev-abcdef"
ALIAS_ARN = "arn:aws:kms:eu-west-1:111122223333:alias/ours"
KEY_ARN = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def answers(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    left = list(texts)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda _: left.pop(0))


def test_a_bare_token_on_stdin_becomes_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "the-token\n")

    assert json.loads(secret.ask()) == {"HAUTECH_API_TOKEN": "the-token"}


def test_an_object_on_stdin_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"HAUTECH_APP_ID": "a", "HAUTECH_APP_KEY_ID": "b", "HAUTECH_APP_KEY_SECRET": "c"}
    given(monkeypatch, json.dumps(wanted))

    assert json.loads(secret.ask()) == wanted


@pytest.mark.parametrize("text", ["", '{"HAUTECH_APP_ID": "canary"}', '{"canary"', '{"a": 1}'])
def test_what_is_no_secret_is_refused_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    given(monkeypatch, text)

    with pytest.raises(DeploymentError) as caught:
        secret.ask()

    assert "HAUTECH_API_TOKEN" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_person_is_asked_for_the_token_and_does_not_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, " the-token ")

    assert json.loads(secret.ask()) == {"HAUTECH_API_TOKEN": "the-token"}
    shown = capsys.readouterr()
    assert "the-token" not in shown.out + shown.err


def test_a_person_without_a_token_is_asked_for_the_application_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "", "app", "key", "pem")

    assert json.loads(secret.ask()) == {
        "HAUTECH_APP_ID": "app",
        "HAUTECH_APP_KEY_ID": "key",
        "HAUTECH_APP_KEY_SECRET": "pem",
    }


@dataclass(frozen=True, slots=True)
class Session:
    """Stands for a boto3 session with these clients."""

    clients: dict[str, Any]

    def client(self, service: str) -> Any:
        return self.clients[service]


@pytest.mark.parametrize("told", [ALIAS_ARN, KEY_ARN, KEY_ARN.rpartition("/")[2]])
def test_the_key_of_a_secret_is_named_as_policies_name_it(told: str) -> None:
    clients = {
        service: boto3.client(
            service,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for service in ("secretsmanager", "kms")
    }
    account = Account(cast("Any", Session(clients)), "111122223333", "test", "eu-west-1")
    text = json.dumps({"HAUTECH_API_TOKEN": "the-token"})
    with Stubber(clients["secretsmanager"]) as secrets, Stubber(clients["kms"]) as kms:
        secrets.add_response("describe_secret", {"ARN": SECRET_ARN, "KmsKeyId": told})
        secrets.add_response("get_secret_value", {"SecretString": text})
        kms.add_response("describe_key", {"KeyMetadata": {"KeyId": "1", "Arn": KEY_ARN}})

        assert secret.find_secret(account, Stage("dev"), "").key_arn == KEY_ARN
