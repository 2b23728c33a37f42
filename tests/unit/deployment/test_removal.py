"""What is taken away of a stage whose resources could not be made, and what is said to stay."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from infra.deployment.account import Account
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


@dataclass
class HalfMade:
    """Stands for the stacks of an account: one of resources, which failed while it was made."""

    events: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(
        default_factory=lambda: {STAGE.resources_stack: "DELETE_FAILED"}
    )

    def status(self, name: str) -> str | None:
        return self.statuses.get(name)

    def resources(self, _: str, resource_type: str) -> list[str]:
        return PHYSICAL[resource_type]

    def delete(self, name: str) -> None:
        self.events.append(f"delete {name}")

    def client(self, _: str) -> Any:
        """Stands for the session: this is the client of the table as well."""
        return self

    def update_table(self, *, TableName: str, DeletionProtectionEnabled: bool) -> None:  # noqa: N803 - of the SDK
        if TableName == "table-gone":
            answer: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}
            raise ClientError(answer, "UpdateTable")
        self.events.append(f"protect {TableName}: {DeletionProtectionEnabled}")


@pytest.fixture
def stacks() -> HalfMade:
    return HalfMade()


def remove(stacks: HalfMade) -> None:
    account = Account(cast("Any", stacks), "111122223333", "test", "eu-west-1")
    remove_stage(account, STAGE, cast("Stacks", stacks), "{}", with_resources=True)


def test_a_protected_table_does_not_hold_a_stack_that_failed(stacks: HalfMade) -> None:
    remove(stacks)

    assert stacks.events == [
        f"delete {STAGE.monitoring_stack}",
        "protect table-1: False",
        f"delete {STAGE.resources_stack}",
    ]


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
