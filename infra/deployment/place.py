"""Where a service is to run, and from which image: what a person must say, and whether it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.parameters import Given

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


def warnings_of(place: Place) -> Iterator[str]:
    """What may be meant, and may as well be a slip."""
    if not _ECR.fullmatch(place.image):
        registry, slash, _ = place.image.partition("/")
        if slash and re.search(r"[.:]|^localhost$", registry):
            yield f"IMAGE: {place.image} is not an ECR image: whether it is there could not be checked"
        else:
            yield (
                f"IMAGE: {place.image} NAMES NO REGISTRY: the tasks will fetch it from Docker Hub "
                f"(docker.io), where anybody may have put it. Yours is named as {_EXAMPLE}"
            )
    if len(place.subnets) == 1:
        yield (
            "SUBNETS: one only: when its zone fails, nothing runs; name two or more, of different zones"
        )


def kept_in_words(given: Given, kept: Mapping[str, str], vpc: str, subnets: str) -> Iterator[str]:
    """What an upgrade keeps of the last deployment, and how to go back to the default of each.

    Args:
        given: PARAMS.
        kept: the parameters of the container stack; none if it is made now.
        vpc: as given.
        subnets: as given.
    """
    for variable, name, text in (("VPC", "VpcId", vpc), ("SUBNETS", "SubnetIds", subnets)):
        if kept.get(name) and not text:
            yield f"{variable}={kept[name]} as in the last deployment"
    for name, value in sorted(kept.items()):
        default = given.known.get(name, {}).get("Default")
        is_own = name in given.own or name in given.values
        if default is not None and not is_own and value != str(default):
            yield (
                f'{name}={value} as in the last deployment; PARAMS="{name}=" goes back to the default'
            )


def problems_of_place(account: Account, place: Place) -> Iterator[str]:
    """An image that is not there, subnets of another network, or nothing given."""
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
        return  # of another registry: see `warnings_of`
    registry, region, name, tag, digest = found.groups()
    if region != account.region:
        yield f"IMAGE: {image} is in {region}, and the service may fetch from {account.region}"
        return
    ecr: Any = account.session.client("ecr")
    wanted = {"imageTag": tag} if tag else {"imageDigest": digest}
    try:
        ecr.describe_images(registryId=registry, repositoryName=name, imageIds=[wanted])
    except ClientError as error:
        yield f"IMAGE: {image}: {_words(error)}; push it first: docs/how-to/deploy-on-fargate.md"


def _network(account: Account, place: Place) -> Iterator[str]:
    ec2: Any = account.session.client("ec2")
    try:
        subnets = ec2.describe_subnets(SubnetIds=list(place.subnets))["Subnets"]
    except ClientError as error:
        yield f"SUBNETS: {', '.join(place.subnets)}: {_words(error)}"
        return
    for subnet in subnets:
        if subnet["VpcId"] != place.vpc:
            yield f"SUBNETS: {subnet['SubnetId']} is of {subnet['VpcId']}, not of VPC={place.vpc}"


def _words(error: ClientError) -> str:
    """What AWS says, without the name of the call, which nobody made by hand."""
    return error.response["Error"].get("Message") or str(error)
