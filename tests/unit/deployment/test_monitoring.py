"""Alarms of a stage watch what it has, whatever was given."""

from __future__ import annotations

from typing import Any, cast

import pytest

from infra.deployment.monitoring import watch
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage

STAGE = Stage("dev")


class Applied:
    """Stands for the stacks of an account; these are there."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.given: dict[str, str] = {}

    def status(self, name: str) -> str | None:
        return "CREATE_COMPLETE" if name in self.names else None

    def apply(self, name: str, _: str, *, parameters: dict[str, str], **__: Any) -> None:
        assert name == STAGE.monitoring_stack
        self.given = parameters


@pytest.mark.parametrize(
    ("there", "prefix"), [((STAGE.functions_stack,), STAGE.functions_stack), ((), "")]
)
def test_there_are_alarms_on_functions_where_there_are_functions(
    there: tuple[str, ...], prefix: str
) -> None:
    stacks = Applied(*there)

    assert watch(
        STAGE, cast("Stacks", stacks), {"AlarmEmail": "a@b.example", "FunctionPrefix": "x"}
    )

    assert stacks.given == {
        "ResourcesStackName": STAGE.resources_stack,
        "FunctionPrefix": prefix,
        "AlarmEmail": "a@b.example",
    }
