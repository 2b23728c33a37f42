"""`make deploy-container` and its way back, run as make runs them, on an emulator that has ECS."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.deployment.env_file import FOLDER
from infra.deployment.parameters import CONTAINER, RESOURCES, for_template
from infra.deployment.stage import Stage
from sandbox.aws import LocalAws, MotoServer
from tests.support.deployment import environment_of, run_deployment

ACCOUNT = "123456789012"  # moto's
NAME, TAG = "hautech-worker", "build-7"
TOKEN = "the-token"
API_URL = "https://hautech.example"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who deploys: an image that is pushed, a network, and a stage of their own.

    Attributes:
        aws: the account.
        home: a home without AWS profiles.
        place: image, network and subnets, as options.
        stage: its names.
    """

    aws: LocalAws
    home: Path
    place: tuple[str, ...]
    stage: Stage

    def run(self, command: str, *options: str, given: str = "", is_wrong: bool = False) -> str:
        """Runs a command for the stage, which must fail if that `is_wrong`; all that it said."""
        status, said = run_deployment(
            (command, "--stage", self.stage.name, *options),
            environment_of(self.aws, self.home),
            given=given,
        )
        assert (status != 0) == is_wrong, said
        assert TOKEN not in said
        return said

    def deploy(self, *options: str, is_wrong: bool = False) -> str:
        """Deploys the service."""
        return self.run("deploy-container", *self.place, *options, is_wrong=is_wrong)

    @property
    def env_file(self) -> Path:
        """What the command line is pointed at the stage with."""
        return FOLDER / f"{self.stage.name}.env"

    def stacks(self) -> set[str]:
        """The stacks of the stage that are there."""
        found = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return {one["StackName"] for one in found if one["StackName"].endswith(self.stage.name)}

    def tables(self) -> set[str]:
        """The job tables of the stage that are there."""
        names = self.aws.client("dynamodb").list_tables()["TableNames"]
        return {name for name in names if name.startswith(self.stage.resources_stack)}

    def are_protected(self, tables: set[str]) -> bool:
        """Whether none of them can be deleted."""
        dynamodb = self.aws.client("dynamodb")
        found = [dynamodb.describe_table(TableName=name)["Table"] for name in tables]
        # moto repeats the template's text here.
        return all(one.get("DeletionProtectionEnabled") in (True, "true") for one in found)

    def parameters(self, stack: str) -> dict[str, str]:
        """The parameters of a stack."""
        (found,) = self.aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with MotoServer() as emulator:
        yield emulator.aws


@pytest.fixture(scope="module")
def place(aws: LocalAws) -> tuple[str, ...]:
    """The options that name an image in its repository, a network and two of its subnets."""
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName=NAME)
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    ecr.put_image(repositoryName=NAME, imageTag=TAG, imageManifest=json.dumps(manifest))
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    image = f"{ACCOUNT}.dkr.ecr.{aws.region}.amazonaws.com/{NAME}:{TAG}"
    return ("--image", image, "--vpc", vpc, "--subnets", ",".join(subnets))


@pytest.fixture
def operator(aws: LocalAws, place: tuple[str, ...], tmp_path: Path) -> Iterator[Operator]:
    """One with a stage of which nothing is there yet."""
    somebody = Operator(aws, tmp_path, place, Stage(f"test-{secrets.token_hex(3)}"))
    yield somebody
    somebody.env_file.unlink(missing_ok=True)


@pytest.fixture
def signed_up(operator: Operator) -> Operator:
    """One who has stored the token."""
    operator.run("secret", given=TOKEN)
    return operator


def test_all_that_is_missing_is_told_and_nothing_is_made(operator: Operator) -> None:
    said = operator.run("deploy-container", is_wrong=True)

    assert "nothing was created" in said
    for missing in ("IMAGE: not given", "VPC and SUBNETS: not given", "make secret STAGE="):
        assert missing in said
    assert operator.stacks() == set()
    assert not operator.env_file.exists()


def test_all_that_is_wrong_is_told_and_nothing_is_made(operator: Operator) -> None:
    image = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/{NAME}:never-pushed"
    said = operator.deploy(
        *("--image", image, "--vpc", "vpc-0123456789abcdef0"),
        *("--params", "Tasksize=1vCPU-2GB Capacity=most EncryptionKey=create"),
        *("--resource-params", "BucketVersioning=Sometimes"),
        is_wrong=True,
    )

    assert "nothing was created" in said
    for wrong in (
        "did you mean TaskSize?",
        "Capacity=most: must be one of on-demand, spot",
        'RESOURCE_PARAMS="EncryptionKey=…"',
        "BucketVersioning=Sometimes: must be one of Enabled, Suspended",
        "never-pushed",
        "not of VPC=vpc-0123456789abcdef0",
    ):
        assert wrong in said
    assert operator.stacks() == set()


def test_the_service_is_made_on_its_resources_and_the_command_line_pointed_at_it(
    signed_up: Operator,
) -> None:
    said = signed_up.deploy("--params", "MinTasks=2 ScaleWithBacklog=false")

    stage, ecs = signed_up.stage, signed_up.aws.client("ecs")
    assert signed_up.stacks() == {stage.resources_stack, stage.container_stack}
    resources = ecs.list_clusters()["clusterArns"]
    (service,) = [
        service
        for cluster in resources
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]
        for service in ecs.describe_services(cluster=cluster, services=[arn])["services"]
        if stage.container_stack in arn
    ]
    assert service["desiredCount"] == 2
    assert f". .deployed/{stage.name}.env && .venv/bin/hautech-worker submit" in said
    written = signed_up.env_file.read_text(encoding="utf-8")
    assert "WORKER_REQUEST_QUEUE_URL=" in written
    assert f"secret:{stage.secret_name}" in written
    assert TOKEN not in written


def every(file: str, **others: str) -> str:
    """All parameters of a template with their default, but for these.

    moto, unlike AWS, can keep a value only if it was given, and not one that was the default.
    """
    given = for_template("PARAMS", {}, file)
    defaults = {
        name: one["Default"]
        for name, one in given.known.items()
        if "Default" in one and name not in given.own
    }
    return " ".join(f"{name}={value}" for name, value in {**defaults, **others}.items())


def test_what_was_given_once_is_kept_by_the_next_deployment(signed_up: Operator) -> None:
    once = every(CONTAINER, TaskSize="1vCPU-2GB", MaxTasks="3", HautechApiUrl=API_URL)
    days = every(RESOURCES, NoncurrentVersionDays="7")
    signed_up.deploy("--params", once, "--resource-params", days)

    # moto, unlike AWS, tells a list as Python writes it: so only the network is left out.
    place = [*signed_up.place[:2], *signed_up.place[4:]]
    said = signed_up.run("deploy-container", *place, "--params", "MaxTasks=4")

    assert "VPC=vpc-" in said
    assert 'PARAMS="TaskSize=" goes back to the default' in said
    container = signed_up.parameters(signed_up.stage.container_stack)
    assert container["TaskSize"] == "1vCPU-2GB"
    assert container["MaxTasks"] == "4"
    assert signed_up.parameters(signed_up.stage.resources_stack)["NoncurrentVersionDays"] == "7"
    assert f"HAUTECH_API_URL={API_URL}" in signed_up.env_file.read_text(encoding="utf-8")


def test_it_goes_in_two_steps_and_what_stays_is_named(signed_up: Operator) -> None:
    signed_up.deploy()
    stage, tables = signed_up.stage, signed_up.tables()

    said = signed_up.run("undeploy", "--resources", is_wrong=True)
    assert "nothing was removed" in said
    assert signed_up.stacks() == {stage.resources_stack, stage.container_stack}
    assert signed_up.are_protected(tables)

    signed_up.run("undeploy-container")
    assert signed_up.stacks() == {stage.resources_stack}
    assert signed_up.are_protected(tables)
    assert signed_up.env_file.exists()

    said = signed_up.run("undeploy-container", "--resources")
    assert signed_up.stacks() == set()
    assert not tables & signed_up.tables()  # moto then makes another, which nobody asked for
    assert not signed_up.env_file.exists()
    assert f"delete-secret --secret-id {stage.secret_name}" in said
