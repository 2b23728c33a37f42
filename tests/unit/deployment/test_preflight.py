"""What a stack that can be neither made nor changed is told, with the way out."""

import pytest

from infra.deployment.preflight import stack_problem

NAME, REMOVAL = "hautech-worker-dev", "make undeploy STAGE=dev"


def told(status: str | None) -> str:
    return " ".join(stack_problem(NAME, status, REMOVAL))


@pytest.mark.parametrize("status", [None, "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_can_be_changed_is_no_problem(status: str | None) -> None:
    assert told(status) == ""


def test_a_stack_at_work_is_waited_for() -> None:
    assert "wait until that has ended" in told("UPDATE_IN_PROGRESS")


def test_nobody_waits_for_a_stack_that_was_never_made() -> None:
    said = told("REVIEW_IN_PROGRESS")

    assert f"delete-stack --stack-name {NAME}" in said
    assert "wait" not in said
