"""How the token gets into a secret: from stdin or a prompt, and never out again."""

import io
import json
import sys

import pytest

from infra.deployment import secret
from infra.deployment.errors import DeploymentError


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
