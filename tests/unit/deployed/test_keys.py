"""Keys of buckets that were there before: whether what runs may use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.deployed.conftest import Look
from tests.unit.deployed.world import CONTAINER, FUNCTIONS, KEY, World
from worker.runtime.commands.findings import Finding

OTHER = f"{KEY[:-1]}0"


def stack_with(world: World, stack: str, **parameters: str) -> None:
    kept = [
        one for one in world.stacks[stack]["Parameters"] if one["ParameterKey"] not in parameters
    ]
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    world.stacks[stack]["Parameters"] = [*kept, *given]


def keys(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.name, one.level) for one in findings if one.area == "Keys"]


def test_a_key_that_the_stack_was_given_may_be_used(look: Look) -> None:
    findings = look(FUNCTIONS)

    assert keys(findings) == [("input photos", "ok")]
    (said,) = [one.said for one in findings if one.area == "Keys"]
    assert said == f"encrypted with {KEY}, which {FUNCTIONS} may use"


@pytest.mark.parametrize("given", ["", OTHER])
def test_a_key_that_no_role_may_use_fails_with_the_parameter_that_allows_it(
    world: World, wrong: Callable[..., Finding], given: str
) -> None:
    stack_with(world, FUNCTIONS, InputBucketKeyArn=given)

    found = wrong(FUNCTIONS)

    assert (found.area, found.name, found.level) == ("Keys", "input photos", "failed")
    assert found.said == f"encrypted with {KEY}, which {FUNCTIONS} may not use"
    every = f"{given},{KEY}" if given else KEY
    assert found.fix == f'make deploy STAGE=dev PARAMS="inputBucketKeyArn={every}"'


def test_the_service_is_given_keys_by_its_own_command(
    world: World, wrong: Callable[..., Finding]
) -> None:
    world.encrypts["pictures"] = KEY

    found = wrong(CONTAINER)

    assert found.name == "output pictures"
    assert found.fix == f'make deploy-container STAGE=dev PARAMS="OutputBucketKeyArn={KEY}"'


@pytest.mark.parametrize("encrypts", [None, "alias/aws/s3"])
def test_a_bucket_without_a_key_of_somebody_needs_none(
    world: World, look: Look, encrypts: str | None
) -> None:
    world.encrypts["photos"] = encrypts
    world.key_manager = "AWS"

    assert keys(look()) == []


def test_the_key_of_the_resources_may_be_used_by_everything_on_top(
    world: World, look: Look
) -> None:
    outputs: list[dict[str, Any]] = world.stacks["hautech-worker-resources-dev"]["Outputs"]
    for one in outputs:
        if one["OutputKey"] == "EncryptionKeyArn":
            one["OutputValue"] = OTHER
    world.encrypts["pictures"] = OTHER

    assert keys(look(CONTAINER)) == [("input photos", "ok"), ("output pictures", "ok")]
