"""`doctor --deployed` on real stacks: resources and the service on Fargate, on an emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from sandbox.aws import RESOURCES_TEMPLATE, LocalAws, MotoServer, create_stack
from sandbox.hautech import StandIn
from tests.support.standin import credentials
from tests.support.templates import INFRA
from worker.runtime.cli import app

RESOURCES, CONTAINER = (f"hautech-worker-{kind}-looked-at" for kind in ("resources", "container"))

Findings = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with MotoServer() as emulator:
        yield emulator.aws


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with StandIn(credentials=credentials()) as running:
        yield running


@pytest.fixture(scope="module")
def deployed(aws: LocalAws, stand_in: StandIn) -> LocalAws:
    """Two stacks, and a secret that the stand-in takes."""
    secret = aws.client("secretsmanager").create_secret(
        Name="hautech-worker-looked-at",
        SecretString=json.dumps({"HAUTECH_API_TOKEN": stand_in.credentials.api_token}),
    )
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    create_stack(aws, RESOURCES, template=RESOURCES_TEMPLATE)
    create_stack(
        aws,
        CONTAINER,
        template=INFRA / "container.yml",
        parameters={
            "ResourcesStackName": RESOURCES,
            "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hautech-worker:build-7",
            "HautechSecretArn": secret["ARN"],
            "VpcId": vpc,
            "SubnetIds": subnet,
        },
    )
    return aws


@pytest.fixture
def look(
    deployed: LocalAws, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Findings]:
    """Findings by area and name, the worst of each, with nothing set but where AWS is."""
    for name, value in {
        "AWS_ENDPOINT_URL": deployed.endpoint_url,
        "AWS_REGION": deployed.region,
        "AWS_ACCESS_KEY_ID": deployed.access_key_id,
        "AWS_SECRET_ACCESS_KEY": deployed.secret_access_key,
    }.items():
        monkeypatch.setenv(name, value)
    # The service asks the real API, which no test may.
    monkeypatch.setattr(
        "worker.runtime.commands.doctor.settings_for",
        lambda settings, _: {**settings, "HAUTECH_API_URL": stand_in.api_url},
    )

    def find(name: str) -> Findings:
        done = CliRunner().invoke(app, ["doctor", "--deployed", name, "--json"])
        assert stand_in.credentials.api_token not in done.output
        findings = json.loads(done.stdout)["findings"]
        assert done.exit_code == (1 if any(one["level"] == "failed" for one in findings) else 0)
        ranks = ("ok", "skipped", "warning", "failed")
        findings.sort(key=lambda one: ranks.index(one["level"]))
        return {(one["area"], one["name"]): one for one in findings}

    return find


def test_stacks_and_service_are_found_and_the_usual_checks_follow(
    look: Callable[[str], Findings],
) -> None:
    found = look(CONTAINER)

    for key in (
        ("Stacks", RESOURCES),
        ("Stacks", CONTAINER),
        ("Service", "image"),
        ("Service", "stop"),
        ("Secret", "secret"),
        ("Queues", "requests"),
        ("Job table", "writes"),
        ("Hautech", "sign-in"),
    ):
        assert found[key]["level"] == "ok", found[key]
