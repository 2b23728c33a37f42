"""How the token gets into a secret: from stdin or a prompt, and never out again."""

import io
import json
import sys
from dataclasses import dataclass
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from infra.deployment import __main__ as command_line
from infra.deployment import secret, secret_input
from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError, PreflightError
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

    assert json.loads(secret_input.ask()) == {"HAUTECH_API_TOKEN": "the-token"}


@pytest.mark.parametrize("token", ["12345", "1e5", "eyJh.eyJz.c2ln", "a[0]"])
def test_a_token_is_taken_for_one_whatever_it_is_to_json(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    given(monkeypatch, token)

    assert json.loads(secret_input.ask()) == {"HAUTECH_API_TOKEN": token}


def test_an_object_on_stdin_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"HAUTECH_APP_ID": "a", "HAUTECH_APP_KEY_ID": "b", "HAUTECH_APP_KEY_SECRET": "c"}
    given(monkeypatch, json.dumps(wanted))

    assert json.loads(secret_input.ask()) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"HAUTECH_APP_ID": "canary"}',
        '{"canary"',
        '{"a": 1}',
        "{}",
        '["canary"]',
        '[canary"',
        '"canary"',
        "'canary'",
        "“canary”",
        "null",
        "true",
        "Bearer canary",
        "canary canary",
        '{"HAUTECH_API_TOKEN": "\\"canary\\""}',
        '{"HAUTECH_API_TOKEN": ["canary"]}',
    ],
)
def test_what_is_no_secret_is_refused_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    given(monkeypatch, text)

    with pytest.raises(DeploymentError) as caught:
        secret_input.ask()

    said = str(caught.value)
    assert "nothing was stored" in said
    assert "API token alone" in said
    assert '{"HAUTECH_API_TOKEN": "…"}' in said
    assert "canary" not in said
    assert "HAUTECH_SECRET_ARN" not in said  # nobody has set that


@pytest.mark.parametrize("pasted", ['"canary"', '["canary"]'])
def test_what_is_typed_is_looked_at_as_well(monkeypatch: pytest.MonkeyPatch, pasted: str) -> None:
    answers(monkeypatch, pasted)

    with pytest.raises(DeploymentError, match="nothing was stored"):
        secret_input.ask()


def test_an_object_may_be_pasted_where_the_token_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, '{"HAUTECH_API_TOKEN": "the-token"}')

    assert json.loads(secret_input.ask()) == {"HAUTECH_API_TOKEN": "the-token"}


def test_the_part_of_an_application_key_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "", "app", "", "pem")

    with pytest.raises(DeploymentError, match="HAUTECH_APP_KEY_ID is missing"):
        secret_input.ask()


def test_a_person_is_asked_for_the_token_and_does_not_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, " the-token ")

    assert json.loads(secret_input.ask()) == {"HAUTECH_API_TOKEN": "the-token"}
    shown = capsys.readouterr()
    assert "the-token" not in shown.out + shown.err


def test_a_person_without_a_token_is_asked_for_the_application_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, "", "app", "key", "pem")

    assert json.loads(secret_input.ask()) == {
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


def test_a_stored_secret_that_does_not_do_is_told_by_its_name_and_no_setting_of_ours() -> None:
    client = boto3.client(
        "secretsmanager",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    session = Session({"secretsmanager": client})
    account = Account(cast("Any", session), "111122223333", "test", "eu-west-1")
    with Stubber(client) as secrets:
        secrets.add_response("describe_secret", {"ARN": SECRET_ARN})
        secrets.add_response("get_secret_value", {"SecretString": '["canary"]'})

        with pytest.raises(PreflightError) as caught:
            secret.find_secret(account, Stage("dev"), "")

    (problem,) = caught.value.problems
    assert problem.startswith(f"secret {SECRET_ARN}: is not a JSON object")
    assert "canary" not in problem


def test_whoever_stores_a_token_is_told_both_ways_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account(cast("Any", Session({"cloudformation": None})), "1", "me", "eu-west-1")
    monkeypatch.setattr(command_line, "sign_in", lambda: account)
    monkeypatch.setattr(command_line, "store_secret", lambda *_: (SECRET_ARN, True))
    given(monkeypatch, "the-token")

    assert command_line.main(["secret", "--stage", "dev"]) == 0

    said = capsys.readouterr().out
    assert "make deploy STAGE=dev" in said
    assert "make deploy-container STAGE=dev" in said
    assert "the-token" not in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("HAUTECH_API_TOKEN=canary", "a line of an environment file"),
        ("HAUTECH_API_TOKEN = canary", "a line of an environment file"),
        ("export HAUTECH_API_TOKEN=canary", "a line of an environment file"),
        ('{"HAUTECH_APP_ID": "HAUTECH_APP_ID=canary"}', "a line of an environment file"),
        ("canary\u2013token", "characters that no token has"),
        ("canary\u00a0", "characters that no token has"),
        ('{"HAUTECH_APP_ID": "canary"}', "HAUTECH_APP_KEY_ID, HAUTECH_APP_KEY_SECRET are missing"),
    ],
)
def test_what_hautech_would_refuse_is_not_stored(
    monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    given(monkeypatch, f"{text}x" if text.endswith("\u00a0") else text)

    with pytest.raises(DeploymentError) as caught:
        secret_input.ask()

    assert reason in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_token_may_end_in_the_signs_of_its_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "ABC_DEF=")

    assert json.loads(secret_input.ask()) == {"HAUTECH_API_TOKEN": "ABC_DEF="}


@pytest.mark.parametrize("arn", ["hautech-worker-dev", "arn:aws:s3:::photos"])
def test_what_is_no_arn_of_a_secret_is_told_before_anybody_is_asked(arn: str) -> None:
    account = Account(cast("Any", Session({"secretsmanager": None})), "1", "me", "eu-west-1")

    with pytest.raises(PreflightError, match=r"HAUTECH_SECRET_ARN: .* must be the ARN of"):
        secret.find_secret(account, Stage("dev"), arn)
