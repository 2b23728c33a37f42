"""Parameters that do not go together, be they given now or kept from the last deployment."""

import pytest

from infra.deployment.combinations import problems_of_container, problems_of_resources
from infra.deployment.parameters import CONTAINER, RESOURCES, for_template, values_of


def of_container(kept: dict[str, str], **given: str) -> list[str]:
    return list(problems_of_container(values_of(for_template("PARAMS", given, CONTAINER), kept)))


@pytest.mark.parametrize("endpoints", ["gateway", "all"])
def test_gateways_need_route_tables(endpoints: str) -> None:
    (problem,) = of_container({}, VpcEndpoints=endpoints)

    assert "needs RouteTableIds=rtb-…" in problem
    assert of_container({}, VpcEndpoints=endpoints, RouteTableIds="rtb-1") == []
    assert of_container({"RouteTableIds": "rtb-1"}, VpcEndpoints=endpoints) == []


def test_the_least_number_of_tasks_is_not_more_than_the_most() -> None:
    (problem,) = of_container({"MaxTasks": "3"}, MinTasks="4")

    assert problem.startswith("PARAMS: MinTasks=4 MaxTasks=3")
    assert of_container({"MaxTasks": "3"}, MinTasks="3") == []


def test_a_bucket_that_was_there_is_not_told_of_here() -> None:
    given = for_template("RESOURCE_PARAMS", {"NotifyOfUploads": "true"}, RESOURCES)

    assert list(problems_of_resources(values_of(given, {}))) == []
    (problem,) = problems_of_resources(values_of(given, {"ExistingInputBucket": "photos"}))
    assert problem.startswith("RESOURCE_PARAMS: NotifyOfUploads=true")
