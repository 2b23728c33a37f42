"""The promises of the DurationBoard port, kept by every adapter."""

from datetime import timedelta
from typing import Any

import pytest

from tests.adapters.clients import clients_for
from tests.builders import NOON, at
from tests.support.aws import DeployedAws
from worker.adapters.aws.durations import KEY, DynamoDurationBoard
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.memory import MemoryDurationBoard
from worker.jobs.durations import Seen
from worker.jobs.job import JobState
from worker.ports.durations import DurationBoard

SEEN = {"full-naomi": Seen((61.5, 58.0), NOON), "prepare-pose": Seen((7.0,), at(5))}
OTHER = {"naomi": Seen((30.0,), at(9))}


def board_of(aws: DeployedAws) -> DynamoDurationBoard:
    return DynamoDurationBoard(clients_for(aws).dynamodb, aws.outputs.job_table_name)


@pytest.fixture(params=["memory", "ministack", "moto"])
def board(request: pytest.FixtureRequest) -> DurationBoard:
    if request.param == "memory":
        return MemoryDurationBoard()
    return board_of(request.getfixturevalue(f"{request.param}_aws"))


def test_an_empty_board_has_seen_nothing(board: DurationBoard) -> None:
    sheet = board.read()
    assert (sheet.seen, sheet.problem) == ({}, None)


def test_durations_are_read_as_they_were_put(board: DurationBoard) -> None:
    assert board.replace(board.read(), SEEN, at=NOON)
    assert board.read().seen == SEEN


def test_of_two_who_read_the_same_only_one_writes(board: DurationBoard) -> None:
    for before in (board.read(), board.read()):
        assert board.read().seen == before.seen
    one, another = board.read(), board.read()
    assert board.replace(one, SEEN, at=NOON)
    assert not board.replace(another, OTHER, at=NOON), "it would undo what the first one wrote"
    assert board.read().seen == SEEN
    late = board.read()
    assert board.replace(board.read(), OTHER, at=NOON)
    assert not board.replace(late, SEEN, at=NOON)
    assert board.read().seen == OTHER


@pytest.fixture(params=["ministack", "moto"])
def aws(request: pytest.FixtureRequest) -> DeployedAws:
    deployed: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
    return deployed


@pytest.mark.parametrize(
    "attribute",
    [{"S": "no JSON"}, {"S": "[" * 9_000}, {"N": "5"}, {"M": {"S": {"S": "{}"}}}, {"NULL": True}],
)
def test_what_cannot_be_read_is_told_and_can_be_replaced(
    aws: DeployedAws, attribute: dict[str, Any]
) -> None:
    client, table = clients_for(aws).dynamodb, aws.outputs.job_table_name
    client.put_item(TableName=table, Item={"pk": {"S": KEY}, "durations": attribute})
    board = board_of(aws)
    sheet = board.read()
    assert sheet.seen == {}
    assert sheet.problem is not None
    assert KEY in sheet.problem
    assert table in sheet.problem
    assert board.replace(sheet, SEEN, at=NOON)
    assert board.read().seen == SEEN


def test_an_item_without_durations_is_no_obstacle(aws: DeployedAws) -> None:
    client, table = clients_for(aws).dynamodb, aws.outputs.job_table_name
    client.put_item(TableName=table, Item={"pk": {"S": KEY}})
    assert board_of(aws).replace(board_of(aws).read(), SEEN, at=NOON)


def test_durations_are_no_job_and_go_away_by_themselves(moto_aws: DeployedAws) -> None:
    board = board_of(moto_aws)
    board.replace(board.read(), SEEN, at=at(60))
    client, table = clients_for(moto_aws).dynamodb, moto_aws.outputs.job_table_name
    store = DynamoJobStore(client, table)
    assert [store.list_by_state(state, limit=10) for state in JobState] == [[]] * len(JobState)
    assert client.scan(TableName=table, IndexName="byState")["Items"] == []
    item = client.get_item(TableName=table, Key={"pk": {"S": KEY}})["Item"]
    expires_at = (at(60) + timedelta(days=7)).timestamp()
    assert item["expiresAtEpochS"] == {"N": str(int(expires_at))}
