"""What is wrong with an image, a network or a stage is told before anything is created."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.deployment import preflight
from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError, PreflightError
from infra.deployment.parameters import CONTAINER, for_template
from infra.deployment.place import Place, kept_in_words, warnings_of
from infra.deployment.secret import SecretMissingError, SecretPlace
from infra.deployment.service import check_service, remove_service
from infra.deployment.stage import Stage

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hautech-worker:0.1.0"
PLACE = Place(IMAGE, "vpc-1", ("subnet-1", "subnet-2"))
STAGE = Stage("dev")


@dataclass
class Amazon:
    """Stands for session, clients and stacks at once: it has one image, two subnets, and `statuses`."""

    statuses: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    def client(self, _: str) -> Amazon:
        return self

    def describe_images(self, *, imageIds: list[dict[str, str]], **_: Any) -> None:  # noqa: N803
        if imageIds != [{"imageTag": "0.1.0"}]:
            raise ClientError(
                {"Error": {"Code": "ImageNotFoundException", "Message": "no such image"}},
                "DescribeImages",
            )

    def describe_subnets(self, *, SubnetIds: list[str]) -> dict[str, Any]:  # noqa: N803
        return {"Subnets": [{"SubnetId": one, "VpcId": "vpc-1"} for one in SubnetIds]}

    def status(self, name: str) -> str | None:
        return self.statuses.get(name)

    def outputs(self, _: str) -> dict[str, str]:
        return {}  # the resources are not there yet, and no bucket is looked at

    def importers(self, _: str) -> set[str]:
        return set()

    def delete(self, name: str) -> None:
        self.deleted.append(name)


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Amazon:
    """An account in which all else is well."""
    monkeypatch.setattr(preflight, "find_secret", lambda *_: SecretPlace("arn:secret"))
    return Amazon()


def problems(amazon: Any, place: Place) -> str:
    account = Account(amazon, "123456789012", "me", "eu-west-1")
    try:
        check_service(account, STAGE, amazon, place, secret_arn="", resource_parameters={})
    except PreflightError as error:
        return "\n".join(error.problems)
    return ""


def test_nothing_is_said_when_all_is_there(amazon: Amazon) -> None:
    assert problems(amazon, PLACE) == ""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place("", "vpc-1", ("subnet-1",)), "IMAGE: not given"),
        (Place(IMAGE, "", ("subnet-1",)), "VPC and SUBNETS: not given"),
        (Place(IMAGE, "vpc-1", ()), "VPC and SUBNETS: not given"),
        (Place(IMAGE, "vpc-2", ("subnet-1",)), "subnet-1 is of vpc-1"),
        (Place(f"{IMAGE}9", "vpc-1", ("subnet-1",)), "push it first"),
        (Place(IMAGE.replace("eu-west-1", "us-east-1"), "vpc-1", ("subnet-1",)), "us-east-1"),
        (Place("registry:5000/worker", "vpc-1", ("subnet-1",)), "neither a tag nor a digest"),
    ],
)
def test_what_is_wrong_is_named(amazon: Amazon, place: Place, words: str) -> None:
    assert words in problems(amazon, place)


def test_an_image_of_another_registry_is_left_to_ecs_and_that_is_said(amazon: Amazon) -> None:
    place = Place("ghcr.io/us/worker:1", "vpc-1", ("subnet-1", "subnet-2"))

    assert problems(amazon, place) == ""
    (warning,) = warnings_of(place)
    assert "not an ECR image: whether it is there could not be checked" in warning
    assert list(warnings_of(PLACE)) == []


@pytest.mark.parametrize("image", ["worker:1", "us/worker:1"])
def test_an_image_that_docker_hub_would_serve_is_told_loudly(image: str) -> None:
    (warning,) = warnings_of(Place(image, "vpc-1", ("subnet-1", "subnet-2")))

    assert "NAMES NO REGISTRY" in warning


def test_one_subnet_is_a_warning() -> None:
    (warning,) = warnings_of(Place(IMAGE, "vpc-1", ("subnet-1",)))

    assert warning.startswith("SUBNETS: one only")


def test_an_upgrade_says_what_it_keeps_and_the_way_back_to_each_default() -> None:
    kept = {"VpcId": "vpc-1", "SubnetIds": "a,b", "TaskSize": "1vCPU-2GB", "MaxTasks": "4"}
    given = for_template("PARAMS", {"MaxTasks": "5"}, CONTAINER)

    assert list(kept_in_words(given, {**kept, "MinTasks": "1"}, "", "a,c")) == [
        "VPC=vpc-1 as in the last deployment",
        'TaskSize=1vCPU-2GB as in the last deployment; PARAMS="TaskSize=" goes back to the default',
    ]
    assert for_template("PARAMS", {"TaskSize": ""}, CONTAINER).values == {"TaskSize": "0.5vCPU-1GB"}


def test_what_was_found_elsewhere_is_told_along_with_it(amazon: Any) -> None:
    account = Account(amazon, "123456789012", "me", "eu-west-1")

    with pytest.raises(PreflightError) as caught:
        check_service(
            account,
            STAGE,
            amazon,
            Place("", "vpc-1", ("a",)),
            secret_arn="",
            resource_parameters={},
            found=["PARAMS: x"],
        )

    assert caught.value.problems[0] == "PARAMS: x"
    assert caught.value.problems[1].startswith("IMAGE: not given")


def test_a_broken_container_stack_is_told_with_the_command_that_removes_it(amazon: Amazon) -> None:
    amazon.statuses[STAGE.container_stack] = "ROLLBACK_COMPLETE"

    assert "make undeploy-container STAGE=dev" in problems(amazon, PLACE)


def test_a_missing_secret_is_told_along_with_the_rest(
    amazon: Amazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> SecretPlace:
        raise SecretMissingError(STAGE)

    monkeypatch.setattr(preflight, "find_secret", missing)

    told = problems(amazon, Place("", "", ()))

    assert "IMAGE: not given" in told
    assert "make secret STAGE=dev" in told


def test_resources_stay_while_functions_stand_on_them(amazon: Any) -> None:
    amazon.statuses[STAGE.functions_stack] = "CREATE_COMPLETE"
    account = Account(amazon, "123456789012", "me", "eu-west-1")

    with pytest.raises(DeploymentError, match="make undeploy STAGE=dev"):
        remove_service(account, STAGE, amazon, with_resources=True)
    assert amazon.deleted == []

    remove_service(account, STAGE, amazon, with_resources=False)
    assert amazon.deleted == [STAGE.container_stack]


def test_a_service_that_is_not_there_is_said_not_to_be(
    amazon: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account(amazon, "123456789012", "me", "eu-west-1")

    remove_service(account, STAGE, amazon, with_resources=False)

    assert f"there is no stack {STAGE.container_stack}" in capsys.readouterr().out
