"""What is looked at before anything is created; all that is wrong is said at once, with the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from infra.deployment.account import Account
from infra.deployment.buckets import bucket_problems
from infra.deployment.errors import PreflightError
from infra.deployment.secret import SecretPlace, find_secret
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage


@dataclass(frozen=True, slots=True)
class Ready:
    """What a deployment goes on with."""

    secret: SecretPlace
    has_resources: bool
    """Whether the resources stack is there already."""


def check(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    *,
    secret_arn: str,
    resource_parameters: Mapping[str, str],
    found: Iterable[str] = (),
) -> Ready:
    """Looks at the secret, the stacks and the buckets.

    Args:
        account: where.
        stage: which.
        stacks: the stacks there.
        secret_arn: of the secret, if not the stage's own.
        resource_parameters: of infra/resources.yml, as given for this deployment.
        found: problems that were found elsewhere, to be told with those that are found here.

    Raises:
        SecretMissingError: nothing is wrong but that the stage has no secret yet.
        PreflightError: something is wrong; all of it is listed.
    """
    outputs = stacks.outputs(stage.resources_stack)
    buckets = bucket_problems(account, stage.resources_stack, outputs, resource_parameters)
    problems = [*found, *_stacks(stage, stacks), *buckets]
    try:
        secret = find_secret(account, stage, secret_arn)
    except PreflightError as error:
        if not problems:
            raise
        raise PreflightError(*problems, *error.problems) from error
    if problems:
        raise PreflightError(*problems)
    return Ready(secret, has_resources=stacks.status(stage.resources_stack) is not None)


def _stacks(stage: Stage, stacks: Stacks) -> Iterator[str]:
    for name, removal in (
        (stage.resources_stack, f"make undeploy STAGE={stage.name} RESOURCES=1"),
        (
            stage.monitoring_stack,
            f"aws cloudformation delete-stack --stack-name {stage.monitoring_stack}",
        ),
        (stage.functions_stack, f"make undeploy STAGE={stage.name}"),
    ):
        yield from stack_problem(name, stacks.status(name), removal)


def stack_problem(name: str, status: str | None, removal: str) -> Iterator[str]:
    """Why a stack with that status can be neither made nor changed; `removal` is how to delete it."""
    if status is None:
        return
    if status == "REVIEW_IN_PROGRESS":  # nobody is at work, and this does not end by itself
        yield (
            f"stack {name}: {status}: a change set for it was made and never executed, so nothing is "
            f"in it: `aws cloudformation delete-stack --stack-name {name}`"
        )
    elif status.endswith("_IN_PROGRESS"):
        yield f"stack {name}: {status}: somebody is changing it: wait until that has ended"
    elif status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        yield f"stack {name}: {status}: it can only be deleted: `{removal}`"
    elif status == "UPDATE_ROLLBACK_FAILED":
        yield (
            f"stack {name}: {status}: put right what its events name, then "
            f"`aws cloudformation continue-update-rollback --stack-name {name}`"
        )
