"""The worker as a service on Fargate: looked at before anything is created, made, and taken away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from infra.deployment.osls import ROOT
from infra.deployment.place import Place, problems_of_place
from infra.deployment.preflight import Ready, check, stack_problem
from infra.deployment.removal import look_before_removal, remove_resources
from infra.deployment.rollout import keep_settings, make_resources
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage

CONTAINER_TEMPLATE: Final = ROOT / "infra" / "container.yml"


def check_service(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    place: Place,
    *,
    secret_arn: str,
    resource_parameters: Mapping[str, str],
    found: Iterable[str] = (),
) -> Ready:
    """Everything that `check` looks at, the container stack, the image and the network.

    Raises:
        PreflightError: something is wrong; all of it is listed, `found` first.
    """
    status = stacks.status(stage.container_stack)
    removal = f"make undeploy-container STAGE={stage.name}"
    own = [
        *problems_of_place(account, place),
        *stack_problem(stage.container_stack, status, removal),
    ]
    return check(
        account,
        stage,
        stacks,
        secret_arn=secret_arn,
        resource_parameters=resource_parameters,
        found=[*found, *own],
    )


def deploy_service(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    ready: Ready,
    place: Place,
    *,
    parameters: Mapping[str, str],
    resource_parameters: Mapping[str, str],
) -> Path:
    """Makes or changes the resources stack and the container stack; the path of the environment file.

    Args:
        account: where.
        stage: which.
        stacks: the stacks there.
        ready: what the preflight found.
        place: what runs, and in which network.
        parameters: of infra/container.yml; others stay as they are.
        resource_parameters: of infra/resources.yml; the same.

    Raises:
        DeploymentError: one of the stacks failed; it names what failed first.
    """
    outputs = make_resources(stage, stacks, resource_parameters)
    own = {
        "ResourcesStackName": stage.resources_stack,
        "ImageUri": place.image,
        "HautechSecretArn": ready.secret.arn,
        "SecretKeyArn": ready.secret.key_arn,
        "VpcId": place.vpc,
        "SubnetIds": ",".join(place.subnets),
    }
    stacks.apply(
        stage.container_stack,
        CONTAINER_TEMPLATE.read_text(encoding="utf-8"),
        parameters={**parameters, **own},
        tags=stage.tags,
    )
    api_url = stacks.parameters(stage.container_stack).get("HautechApiUrl")
    return keep_settings(account, stage, ready, outputs, api_url)


def remove_service(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    *,
    with_resources: bool,
    is_forced: bool = False,
) -> None:
    """Removes the service and, on request, all that it stands on but buckets with data.

    Args:
        account: where.
        stage: which.
        stacks: the stacks there.
        with_resources: whether the resources go too, the record of what was paid among them.
        is_forced: whether they go also while something is left to do.

    Raises:
        DeploymentError: others still stand on the resources, something is left to do, or something
            cannot be deleted.
    """
    if with_resources and stacks.status(stage.functions_stack) is not None:
        raise DeploymentError(
            f"stack {stage.functions_stack} stands on the same resources, nothing was removed: "
            f"`make undeploy STAGE={stage.name}` first, or leave out RESOURCES=1"
        )
    look_before_removal(account, stage, stacks, with_resources=with_resources, is_forced=is_forced)
    if stacks.status(stage.container_stack) is None:
        print(f"there is no stack {stage.container_stack}")
    stacks.delete(stage.container_stack)
    if with_resources:
        remove_resources(account, stage, stacks)
