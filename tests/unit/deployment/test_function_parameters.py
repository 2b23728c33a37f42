"""PARAMS of a deployment are those of the next one, until somebody gives others."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from infra.deployment import __main__ as command_line
from infra.deployment import function_parameters, preflight
from infra.deployment.account import Account
from infra.deployment.concurrency import concurrency_warning
from infra.deployment.errors import PreflightError
from infra.deployment.function_parameters import (
    KEPT,
    NOT_KEPT,
    OUTPUT,
    FunctionParameters,
    for_functions,
    read_parameters,
)
from infra.deployment.stage import Stage
from tests.unit.deployment.templates import document

STAGE = Stage("dev")


@dataclass
class Deployed:
    """Stands for the stacks: the functions' has this output."""

    kept: str | None = None

    def parameters(self, _: str) -> dict[str, str]:
        return {}

    def outputs(self, name: str) -> dict[str, str]:
        assert name == STAGE.functions_stack
        return {} if self.kept is None else {OUTPUT: self.kept}

    def read(self, **given: str) -> FunctionParameters:
        return read_parameters(STAGE, cast("Any", self), given)

    def deploy(self, **given: str) -> FunctionParameters:
        """What osls is given, which the stack tells from then on."""
        parameters = self.read(**given)
        self.kept = parameters.to_keep()
        return parameters


def test_what_was_given_once_is_given_again() -> None:
    stacks = Deployed()

    first = stacks.deploy(memoryMb="1024", pollsWindowSeconds="0")
    second = stacks.deploy()
    third = stacks.deploy(memoryMb="2048")
    fourth = stacks.deploy()

    assert first.kept == {}
    assert second.given == second.kept == {"memoryMb": "1024", "pollsWindowSeconds": "0"}
    assert third.kept == {"pollsWindowSeconds": "0"}
    assert fourth.given == {"memoryMb": "2048", "pollsWindowSeconds": "0"}


def test_an_empty_value_goes_back_to_the_default_and_stays_there() -> None:
    stacks = Deployed("memoryMb=1024")

    back = stacks.deploy(memoryMb="")

    assert "memoryMb" not in back.given
    assert back.values["memoryMb"] == "512"
    assert stacks.deploy().given == {}


def test_there_is_always_something_to_keep_since_an_output_must_say_something() -> None:
    assert Deployed().deploy().to_keep() == document("serverless.yml")["params"]["default"][KEPT]
    assert Deployed("none").read().given == {}


def test_what_belongs_to_a_zip_or_is_found_out_each_time_is_not_kept() -> None:
    stacks = Deployed()
    stacks.deploy(
        architecture="x86_64", artifact="build/x.zip", hautechSecretArn="arn", logLevel="debug"
    )

    assert stacks.deploy().given == {"logLevel": "debug"}
    assert {*for_functions({}).known, "stage", "region"} > NOT_KEPT


def test_a_parameter_that_this_release_does_not_have_is_left_out_and_told() -> None:
    found = Deployed("memoryMb=1024 ofLastYear=1").read()

    assert found.given == {"memoryMb": "1024"}
    assert found.forgotten == ("ofLastYear",)


def test_a_stage_of_serverless_yml_comes_before_the_default_and_after_what_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params = {"default": {"memoryMb": 512, "logLevel": "info"}, "dev": {"memoryMb": 256}}
    monkeypatch.setattr(function_parameters, "_known", lambda: params["default"])
    monkeypatch.setattr(function_parameters, "read_yaml", lambda _: {"params": params})

    assert Deployed().read().values == {"memoryMb": "256", "logLevel": "info"}
    assert Deployed("memoryMb=1024").read().values["memoryMb"] == "1024"


def test_the_stack_of_the_functions_tells_what_is_to_be_kept() -> None:
    outputs = [
        one["Outputs"] for one in document("serverless.yml")["resources"] if "Outputs" in one
    ]

    assert [one[OUTPUT]["Value"] for one in outputs] == [f"${{param:{KEPT}}}"]


# ── How many invocations the account lets run ────────────────────────────────────────────────────


@dataclass
class Quota:
    """Stands for a session and Lambda's client."""

    unreserved: int
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        self.asked.append(service)
        return self

    def get_account_settings(self) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}}


def warning(quota: Quota, **given: str) -> str:
    account = Account(cast("Any", quota), "111122223333", "me", "eu-west-1")
    return concurrency_warning(account, Deployed().read(**given))


def test_functions_that_may_take_more_than_is_left_are_told_beforehand() -> None:
    assert warning(Quota(31)) == ""

    said = warning(Quota(30))
    assert "may run 31 at once" in said
    assert "leaves 30" in said

    assert warning(Quota(10), requestsConcurrency="5", pollsConcurrency="4") == ""
    assert "may run 1011 at once" in warning(Quota(1000), requestsConcurrency="1000")


def test_whoever_may_not_ask_for_the_quota_is_not_told_of_it() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetAccountSettings")

    assert warning(Quota(0, denied)) == ""


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> Quota:
    """A deployment of which nothing is made: the preflight is taken for granted."""
    quota = Quota(10)
    account = Account(cast("Any", quota), "111122223333", "me", "eu-west-1")
    monkeypatch.setattr(command_line, "sign_in", lambda: account)
    monkeypatch.setattr(command_line, "Stacks", lambda _: Deployed("memoryMb=1024"))
    monkeypatch.setattr(preflight, "check", lambda *_, **__: None)
    return quota


def test_the_preflight_warns_and_goes_on(
    signed_in: Quota, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["preflight", "--stage", "dev"]) == 0

    assert signed_in.asked == ["cloudformation", "lambda"]
    assert "warning: the functions may run 31 at once" in capsys.readouterr().out


def test_a_kept_value_that_an_older_release_let_pass_is_told(
    signed_in: Quota, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del signed_in

    def check(*_: Any, found: list[str], resource_parameters: dict[str, str], **__: Any) -> None:
        assert resource_parameters == {"ExistingInputBucket": "photos"}
        raise PreflightError(*found)

    monkeypatch.setattr(preflight, "check", check)
    monkeypatch.setattr(command_line, "Stacks", lambda _: Deployed("memoryMb=64"))
    given = ("--resource-params", "ExistingInputBucket=photos")

    assert command_line.main(["preflight", *given]) == 1

    assert "PARAMS: memoryMb=64: must be" in capsys.readouterr().err


def test_what_is_kept_is_said_with_the_way_back(
    signed_in: Quota, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del signed_in
    rolled_out: dict[str, Any] = {}
    monkeypatch.setattr(command_line, "roll_out", lambda *_, **given: rolled_out.update(given))
    monkeypatch.setattr(command_line, "_say_what_next", lambda _: None)

    assert command_line.main(["deploy", "--stage", "dev", "--params", "logLevel=debug"]) == 0

    assert rolled_out["parameters"].given == {"memoryMb": "1024", "logLevel": "debug"}
    said = capsys.readouterr().out
    assert "memoryMb=1024 as in the last deployment" in said
    assert 'PARAMS="memoryMb="' in said
