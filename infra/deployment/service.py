"""The worker as a service on Fargate: looked at before anything is created, made, and taken away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from infra.deployment.osls import ROOT
from infra.deployment.preflight import Ready, check, stack_problem
from infra.deployment.removal import remove_stage
from infra.deployment.rollout import keep_settings, make_resources
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage

CONTAINER_TEMPLATE: Final = ROOT / "infra" / "container.yml"

# A private repository: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/NAME:TAG or NAME@sha256:…
_ECR = re.compile(
    r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([a-z0-9._/-]+?)(?::([\w.-]+)|@(sha256:[a-f0-9]{64}))"
)
_EXAMPLE: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hautech-worker:0.1.0"


@dataclass(frozen=True, slots=True)
class Place:
    """What a person must say: the image, and the network that it runs in."""

    image: str
    vpc: str
    subnets: tuple[str, ...]


def check_service(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    place: Place,
    *,
    secret_arn: str,
    found: Iterable[str] = (),
) -> Ready:
    """Everything that `check` looks at, the container stack, the image and the network.

    Raises:
        PreflightError: something is wrong; all of it is listed, `found` first.
    """
    status = stacks.status(stage.container_stack)
    removal = f"make undeploy-container STAGE={stage.name}"
    own = [*_place(account, place), *stack_problem(stage.container_stack, status, removal)]
    return check(account, stage, stacks, secret_arn=secret_arn, found=[*found, *own])


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
        parameters={**own, **parameters},
        tags=stage.tags,
    )
    api_url = stacks.parameters(stage.container_stack).get("HautechApiUrl")
    return keep_settings(account, stage, ready, outputs, api_url)


def remove_service(account: Account, stage: Stage, stacks: Stacks, *, with_resources: bool) -> None:
    """Removes the service and, on request, all that it stands on but buckets with data.

    Raises:
        DeploymentError: functions still stand on the resources, or something cannot be deleted.
    """
    if with_resources and stacks.status(stage.functions_stack) is not None:
        raise DeploymentError(
            f"stack {stage.functions_stack} stands on the same resources, nothing was removed: "
            f"`make undeploy STAGE={stage.name}` first, or leave out RESOURCES=1"
        )
    stacks.delete(stage.container_stack)
    if with_resources:
        remove_stage(account, stage, stacks, with_resources=True)


def _place(account: Account, place: Place) -> Iterator[str]:
    if not place.image:
        yield f"IMAGE: not given; the image of the worker, such as IMAGE={_EXAMPLE}"
    else:
        yield from _image(account, place.image)
    if not place.vpc or not place.subnets:
        yield "VPC and SUBNETS: not given; VPC=vpc-… SUBNETS=subnet-…,subnet-…"
    else:
        yield from _network(account, place)


def _image(account: Account, image: str) -> Iterator[str]:
    found = _ECR.fullmatch(image)
    if found is None:
        if not re.search(r"[^/]:[\w.-]+$|@sha256:[a-f0-9]{64}$", image):
            yield f"IMAGE: {image} has neither a tag nor a digest, as {_EXAMPLE} has"
        return  # of another registry: ECS finds out
    registry, region, name, tag, digest = found.groups()
    if region != account.region:
        yield f"IMAGE: {image} is in {region}, and the service may fetch from {account.region}"
        return
    ecr: Any = account.session.client("ecr")
    wanted = {"imageTag": tag} if tag else {"imageDigest": digest}
    try:
        ecr.describe_images(registryId=registry, repositoryName=name, imageIds=[wanted])
    except ClientError as error:
        yield f"IMAGE: {image}: {error}; push it first: docs/how-to/deploy-on-fargate.md"


def _network(account: Account, place: Place) -> Iterator[str]:
    ec2: Any = account.session.client("ec2")
    try:
        subnets = ec2.describe_subnets(SubnetIds=list(place.subnets))["Subnets"]
    except ClientError as error:
        yield f"SUBNETS: {', '.join(place.subnets)}: {error}"
        return
    for subnet in subnets:
        if subnet["VpcId"] != place.vpc:
            yield f"SUBNETS: {subnet['SubnetId']} is of {subnet['VpcId']}, not of VPC={place.vpc}"
