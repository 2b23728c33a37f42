"""What is taken away of a stage, what is protected again if that fails, and what is said to stay."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.env_file import write_env_file
from infra.deployment.errors import DeploymentError
from infra.deployment.removal import remove_stage
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage

STAGE = Stage("dev")
PHYSICAL = {
    "AWS::S3::Bucket": [],
    "AWS::KMS::Key": ["key-1"],
    "AWS::DynamoDB::Table": ["table-gone", "table-1"],
}


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


@dataclass
class HalfMade:
    """Stands for the stacks of an account: one of resources, which failed while it was made."""

    events: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(
        default_factory=lambda: {STAGE.resources_stack: "DELETE_FAILED"}
    )
    protected: dict[str, bool] = field(default_factory=lambda: {"table-1": True})
    stuck: BaseException | None = None
    """What the deletion of the resources ends with."""
    refused: bool | None = None
    """What may not be done to a table's protection."""
    told: dict[str, str] = field(default_factory=dict)
    """Outputs; a stack that failed has none."""
    others: set[str] = field(default_factory=set)
    """Further stacks that import from the resources."""
    secret: dict[str, Any] | ClientError = field(default_factory=dict)

    def status(self, name: str) -> str | None:
        return self.statuses.get(name)

    def outputs(self, _: str) -> dict[str, str]:
        return self.told

    def importers(self, _: str) -> set[str]:
        return {STAGE.monitoring_stack, *self.others}

    def resources(self, _: str, resource_type: str) -> list[str]:
        return PHYSICAL[resource_type]

    def delete(self, name: str) -> None:
        self.events.append(f"delete {name}")
        if name == STAGE.resources_stack:
            if self.stuck is not None:
                raise self.stuck
            self.protected.clear()

    def client(self, _: str) -> Any:
        """Stands for the session: this is the client of the table and the secret as well."""
        return self

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": "3"}}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - of the SDK
        return {"Table": {"DeletionProtectionEnabled": self._protection(TableName)}}

    def update_table(self, *, TableName: str, DeletionProtectionEnabled: bool) -> None:  # noqa: N803 - of the SDK
        self._protection(TableName)
        if self.refused == DeletionProtectionEnabled:
            raise _refusal("AccessDeniedException")
        self.protected[TableName] = DeletionProtectionEnabled
        self.events.append(f"protect {TableName}: {DeletionProtectionEnabled}")

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - of the SDK
        if isinstance(self.secret, ClientError):
            raise self.secret
        return {"Name": SecretId, **self.secret}

    def _protection(self, table: str) -> bool:
        if table not in self.protected:
            raise _refusal("ResourceNotFoundException")
        return self.protected[table]


@pytest.fixture
def stacks() -> HalfMade:
    return HalfMade()


def remove(stacks: HalfMade) -> None:
    account = Account(cast("Any", stacks), "111122223333", "test", "eu-west-1")
    remove_stage(account, STAGE, cast("Stacks", stacks), with_resources=True)


def test_a_protected_table_does_not_hold_a_stack_that_failed(stacks: HalfMade) -> None:
    remove(stacks)

    assert stacks.events == [
        f"delete {STAGE.monitoring_stack}",
        "protect table-1: False",
        f"delete {STAGE.resources_stack}",
    ]


@pytest.mark.parametrize("trouble", [DeploymentError("a queue is in use"), KeyboardInterrupt()])
def test_a_table_whose_stack_could_not_be_deleted_is_protected_again(
    stacks: HalfMade, trouble: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.stuck = trouble

    with pytest.raises(type(trouble)):
        remove(stacks)

    assert stacks.protected == {"table-1": True}
    assert "table table-1 is still there, and protected" in capsys.readouterr().out


def test_a_table_that_was_not_protected_is_left_so(stacks: HalfMade) -> None:
    stacks.protected["table-1"] = False
    stacks.stuck = DeploymentError("a queue is in use")

    with pytest.raises(DeploymentError):
        remove(stacks)

    assert [event for event in stacks.events if event.startswith("protect")] == []


def test_a_table_that_cannot_be_protected_again_is_told_beside_the_reason(
    stacks: HalfMade, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.stuck = DeploymentError("a queue is in use")
    stacks.refused = True

    with pytest.raises(DeploymentError, match="a queue is in use"):
        remove(stacks)

    said = capsys.readouterr().out
    assert "no longer protected" in said
    assert "update-table --table-name table-1 --deletion-protection-enabled" in said


def test_nothing_is_deleted_when_the_protection_may_not_be_lifted(stacks: HalfMade) -> None:
    stacks.refused = False

    with pytest.raises(DeploymentError, match="table-1"):
        remove(stacks)

    assert f"delete {STAGE.resources_stack}" not in stacks.events


def test_the_file_of_the_stage_goes_with_its_resources(stacks: HalfMade) -> None:
    file = write_env_file(STAGE.name, {})
    stacks.stuck = DeploymentError("a queue is in use")
    with pytest.raises(DeploymentError):
        remove(stacks)
    assert file.exists()

    stacks.stuck = None
    remove(stacks)
    assert not file.exists()


@pytest.mark.parametrize(
    ("secret", "is_named"),
    [
        (_refusal("ResourceNotFoundException"), False),
        ({"DeletedDate": datetime(2026, 11, 26, tzinfo=UTC)}, False),
        (_refusal("AccessDeniedException"), True),
        ({}, True),
    ],
    ids=["none", "going", "unknown", "there"],
)
def test_a_secret_is_said_to_stay_if_there_may_be_one(
    stacks: HalfMade,
    secret: dict[str, Any] | ClientError,
    is_named: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stacks.secret = secret

    remove(stacks)

    assert (f"delete-secret --secret-id {STAGE.secret_name}" in capsys.readouterr().out) == is_named


def test_what_stays_and_costs_is_named(
    stacks: HalfMade, capsys: pytest.CaptureFixture[str]
) -> None:
    remove(stacks)

    said = capsys.readouterr().out
    assert "schedule-key-deletion --key-id key-1" in said
    assert f"delete-secret --secret-id {STAGE.secret_name}" in said


def test_nothing_is_removed_while_containers_run_on_the_resources(stacks: HalfMade) -> None:
    stacks.statuses[STAGE.container_stack] = "CREATE_COMPLETE"

    with pytest.raises(DeploymentError, match="undeploy-container STAGE=dev"):
        remove(stacks)

    assert stacks.events == []


def test_nothing_is_removed_while_a_stack_of_somebody_else_imports(stacks: HalfMade) -> None:
    stacks.others = {"theirs"}

    with pytest.raises(DeploymentError, match=r"nothing was removed: theirs imports"):
        remove(stacks)

    assert stacks.events == []


def test_nothing_is_removed_while_requests_wait(stacks: HalfMade) -> None:
    stacks.told = {"RequestQueueUrl": "https://queue"}

    with pytest.raises(DeploymentError, match="requests queue: 3 waiting"):
        remove(stacks)

    assert stacks.events == []


def test_the_table_that_goes_is_named(stacks: HalfMade, capsys: pytest.CaptureFixture[str]) -> None:
    remove(stacks)

    assert "table table-1 is deleted, the record of what was paid" in capsys.readouterr().out
