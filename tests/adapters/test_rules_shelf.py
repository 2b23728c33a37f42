"""The promises of the RulesShelf port, kept by every adapter."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.adapters.clients import clients_for
from tests.support.aws import DeployedAws
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.rules import KEY, DynamoRulesShelf
from worker.adapters.memory import MemoryRulesShelf
from worker.drops.limits import MAX_YAML_BYTES
from worker.jobs.job import JobState
from worker.ports.rules import BrokenRules, KeptRules, RulesShelf

RULES = KeptRules(source="s3://catalog/rules.yaml", text="version: 1  # größer\nrules: []\n")

BROKEN = BrokenRules(
    source="s3://catalog/rules.yaml",
    etag="9b2cf535",
    version_id="v2",
    since=datetime(2030, 1, 31, 12, 0, 0, 5, tzinfo=UTC),
    problems=("line 3: größer: is no field", ""),
)


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
    largest = KeptRules(source=RULES.source, text="#" * MAX_YAML_BYTES)
    shelf.keep(largest)
    assert shelf.read() == largest


def test_where_and_since_when_is_kept_with_the_rules(shelf: RulesShelf) -> None:
    rules = replace(RULES, etag="9b2cf535", version_id="v1", since=BROKEN.since)
    shelf.keep(rules)
    assert shelf.read() == rules


def test_what_an_earlier_release_kept_is_read(moto_aws: DeployedAws) -> None:
    item = {"pk": {"S": KEY}, "source": {"S": RULES.source}, "text": {"S": RULES.text}}
    table = moto_aws.outputs.job_table_name
    clients_for(moto_aws).dynamodb.put_item(TableName=table, Item=item)
    assert shelf_of(moto_aws).read() == RULES


def test_what_is_wrong_is_told_until_it_is_taken_back(shelf: RulesShelf) -> None:
    assert shelf.broken() is None
    shelf.keep(RULES)
    shelf.tell(BROKEN)
    assert shelf.broken() == BROKEN
    gone = replace(BROKEN, etag=None, version_id=None)
    shelf.tell(gone)
    assert shelf.broken() == gone
    shelf.tell(None)
    assert shelf.broken() is None
    assert shelf.read() == RULES


def test_kept_rules_are_no_job(moto_aws: DeployedAws) -> None:
    shelf_of(moto_aws).keep(RULES)
    shelf_of(moto_aws).tell(BROKEN)
    client, table = clients_for(moto_aws).dynamodb, moto_aws.outputs.job_table_name
    for state in JobState:
        assert DynamoJobStore(client, table).list_by_state(state, limit=10) == []
