"""The promises of the RulesShelf port, kept by every adapter."""

import pytest

from tests.adapters.clients import clients_for
from tests.support.aws import DeployedAws
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.rules import DynamoRulesShelf
from worker.adapters.memory import MemoryRulesShelf
from worker.drops.yaml_text import MAX_BYTES
from worker.jobs.job import JobState
from worker.ports.rules import KeptRules, RulesShelf

RULES = KeptRules(source="s3://catalog/rules.yaml", text="version: 1  # größer\nrules: []\n")


def shelf_of(aws: DeployedAws) -> DynamoRulesShelf:
    return DynamoRulesShelf(clients_for(aws).dynamodb, aws.outputs.job_table_name)


@pytest.fixture(params=["memory", "ministack", "moto"])
def shelf(request: pytest.FixtureRequest) -> RulesShelf:
    if request.param == "memory":
        return MemoryRulesShelf()
    return shelf_of(request.getfixturevalue(f"{request.param}_aws"))


def test_an_empty_shelf_has_no_rules(shelf: RulesShelf) -> None:
    assert shelf.read() is None


def test_rules_are_read_as_they_were_kept_and_the_last_ones_stay(shelf: RulesShelf) -> None:
    shelf.keep(RULES)
    assert shelf.read() == RULES
    later = KeptRules(source=RULES.source, text="version: 1\n")
    shelf.keep(later)
    assert shelf.read() == later


def test_the_largest_rules_file_has_room(shelf: RulesShelf) -> None:
    largest = KeptRules(source=RULES.source, text="#" * MAX_BYTES)
    shelf.keep(largest)
    assert shelf.read() == largest


def test_kept_rules_are_no_job(moto_aws: DeployedAws) -> None:
    shelf_of(moto_aws).keep(RULES)
    client, table = clients_for(moto_aws).dynamodb, moto_aws.outputs.job_table_name
    for state in JobState:
        assert DynamoJobStore(client, table).list_by_state(state, limit=10) == []
