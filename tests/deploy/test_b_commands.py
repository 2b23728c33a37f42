"""Deploying with something wrong: nothing is created before all is well. No job is needed here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.stage import ROOT, DeployedStage

pytestmark = pytest.mark.usefixtures("struck")
"""What those had in hand comes back after a minute. It passes meanwhile."""

OTHER = ("--stage", "other")
CANARY = "canary-of-a-secret"


def stacks(stage: DeployedStage) -> set[str]:
    found = stage.aws.client("cloudformation").describe_stacks()["Stacks"]
    return {one["StackName"] for one in found}


def keep_secret(stage: DeployedStage, text: str) -> str:
    client = stage.aws.client("secretsmanager")
    return client.create_secret(Name=f"wrong-{len(text)}", SecretString=text)["ARN"]


def test_the_packaged_template_is_lint_free(stage: DeployedStage) -> None:
    lint = Path(sys.executable).parent / "cfn-lint"
    template = ROOT / ".serverless" / "cloudformation-template-update-stack.json"

    found = subprocess.run([lint, template], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "")


def test_without_a_secret_nothing_is_created(stage: DeployedStage) -> None:
    before = stacks(stage)

    said = stage.run("deploy", *OTHER, is_wrong=True)

    assert "nothing was created" in said
    assert "make secret STAGE=other" in said
    assert stacks(stage) == before


@pytest.mark.parametrize("text", [CANARY, json.dumps({"HAUTECH_APP_ID": CANARY}), "[]"])
def test_a_secret_that_cannot_sign_in_is_refused_without_being_shown(
    stage: DeployedStage, text: str
) -> None:
    before = stacks(stage)

    said = stage.run("deploy", *OTHER, "--secret-arn", keep_secret(stage, text), is_wrong=True)

    assert "HAUTECH_API_TOKEN" in said
    assert CANARY not in said
    assert stacks(stage) == before


def test_a_secret_of_another_region_or_name_is_refused(stage: DeployedStage) -> None:
    arn = "arn:aws:secretsmanager:{}:000000000000:secret:nobody-abcdef"

    other_region = stage.run("preflight", "--secret-arn", arn.format("us-east-1"), is_wrong=True)
    other_name = stage.run("preflight", "--secret-arn", arn.format(stage.aws.region), is_wrong=True)

    assert f"is not in region {stage.aws.region}" in other_region
    assert "nobody-abcdef" in other_name


def test_all_that_is_wrong_is_said_at_once(stage: DeployedStage) -> None:
    name = f"hautech-worker-resources-{OTHER[1]}"
    template = json.dumps(
        {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {"InputBucketName": {"Value": "a-bucket-that-nobody-made"}},
        }
    )
    stage.aws.client("cloudformation").create_stack(StackName=name, TemplateBody=template)
    stage.wait_for(lambda: name in stacks(stage))
    try:
        said = stage.run("preflight", *OTHER, is_wrong=True)
    finally:
        stage.aws.client("cloudformation").delete_stack(StackName=name)

    assert "a-bucket-that-nobody-made (InputBucketName" in said
    assert "make secret STAGE=other" in said


def test_parameters_that_nobody_takes_are_named_before_anything_is_made(
    stage: DeployedStage,
) -> None:
    before = stacks(stage)
    arn = keep_secret(stage, json.dumps({"HAUTECH_API_TOKEN": "x"}))

    said = stage.run(
        *("deploy", *OTHER, "--secret-arn", arn, "--params", "memoryMB=1024"),
        *("--resource-params", "BucketVersioning=Sometimes"),
        is_wrong=True,
    )

    assert "nothing was created" in said
    assert "did you mean memoryMb" in said
    assert "BucketVersioning=Sometimes" in said
    assert stacks(stage) == before


def test_a_new_token_is_a_new_version_of_the_same_secret(stage: DeployedStage) -> None:
    first = stage.run("secret", *OTHER, given=CANARY)
    second = stage.run("secret", *OTHER, given=CANARY)

    assert "stored: arn:aws:secretsmanager:" in first
    assert "stored a new version: arn:aws:secretsmanager:" in second
    assert CANARY not in first + second
