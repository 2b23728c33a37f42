"""A stage's name becomes part of many others, so it is checked first."""

import pytest

from infra.deployment.errors import PreflightError
from infra.deployment.stage import Stage


@pytest.mark.parametrize("name", ["d", "dev", "production-2", "a" * 20])
def test_a_name_that_fits_is_taken(name: str) -> None:
    assert Stage(name).functions_stack == f"hautech-worker-{name}"


@pytest.mark.parametrize("name", ["", "Dev", "dev_1", "1st", "dev-", "a" * 21, "dev\n", "dev;ls"])
def test_a_name_that_cannot_be_used_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(PreflightError, match=r"(?s)STAGE: .* such as make deploy"):
        Stage(name)


def test_the_stacks_of_a_stage_have_different_names() -> None:
    stage = Stage("dev")

    assert len({stage.functions_stack, stage.resources_stack, stage.monitoring_stack}) == 3


def test_no_stage_can_have_the_functions_of_another_ones_resources() -> None:
    # hautech-worker-resources-dev is the resources stack of dev; a stage "resources-dev" would
    # call its functions stack the same.
    for name in ("resources-dev", "monitoring-dev", "container-dev"):
        with pytest.raises(PreflightError, match="STAGE"):
            Stage(name)
