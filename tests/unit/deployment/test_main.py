"""How the commands end: in one line each, in the words of what was wanted."""

from typing import Any, cast

import pytest
from botocore.parsers import ResponseParserError

from infra.deployment import __main__ as command_line
from infra.deployment.account import Account

HTML = "Unable to parse response, invalid XML received:\nb'<!doctype html>\\n<title>503" + "x" * 900


class Nothing:
    """Stands for a session that makes no client of any use."""

    def client(self, _: str) -> None:
        return None


@pytest.fixture(autouse=True)
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(cast("Any", Nothing()), "123456789012", "me", "eu-west-1")
    monkeypatch.setattr(command_line, "sign_in", lambda: account)


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("deploy", "created"),
        ("deploy-container", "created"),
        ("secret", "stored"),
        ("undeploy", "removed"),
        ("undeploy-container", "removed"),
    ],
)
def test_what_is_to_be_put_right_is_told_with_what_was_not_done(
    command: str, done: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main([command, "--stage", "Wrong"]) == 1

    assert f"nothing was {done}" in capsys.readouterr().err


def test_all_malformed_parameters_are_told_without_a_word_of_python(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ("--params", "memoryMb", "--resource-params", "=7")
    assert command_line.main(["deploy", *given]) == 1

    said = capsys.readouterr().err
    assert "PARAMS: memoryMb: must be name=value" in said
    assert "RESOURCE_PARAMS: =7: must be name=value" in said
    assert "usage" not in said


def test_a_page_of_html_where_aws_should_answer_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ResponseParserError(HTML)

    monkeypatch.setattr(command_line, "remove_stage", fail)

    assert command_line.main(["undeploy"]) == 1

    said = capsys.readouterr().err
    assert "gave no answer of AWS" in said
    assert len(said.strip().splitlines()) == 2
    assert "x" * 400 not in said
