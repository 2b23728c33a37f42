"""The promises of the NoticeBoard port, kept by every adapter."""

from datetime import timedelta

import pytest

from tests.adapters.clients import clients_for
from tests.builders import NOON, at
from tests.support.aws import DeployedAws
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.notices import KEY, DynamoNoticeBoard
from worker.adapters.memory import MemoryNoticeBoard
from worker.jobs.job import JobState
from worker.ports.notices import CircuitNotice, HoldReason, NoticeBoard

HELD = CircuitNotice(
    told_at=at(60),
    reason=HoldReason.TOKEN_REFUSED,
    since=NOON,
    next_try_at=at(90.5),
    said="POST /images: HTTP 401: wer bist du? – „niemand“",
    met_by="upload",
)


def board_of(aws: DeployedAws) -> DynamoNoticeBoard:
    return DynamoNoticeBoard(clients_for(aws).dynamodb, aws.outputs.job_table_name)


@pytest.fixture(params=["memory", "ministack", "moto"])
def board(request: pytest.FixtureRequest) -> NoticeBoard:
    if request.param == "memory":
        return MemoryNoticeBoard()
    return board_of(request.getfixturevalue(f"{request.param}_aws"))


def test_an_empty_board_has_no_notice(board: NoticeBoard) -> None:
    assert board.read() is None


def test_a_notice_is_read_as_it_was_posted(board: NoticeBoard) -> None:
    board.post(HELD)
    assert board.read() == HELD


@pytest.mark.parametrize("reason", HoldReason)
def test_every_reason_can_be_told(board: NoticeBoard, reason: HoldReason) -> None:
    notice = CircuitNotice(told_at=NOON, reason=reason)
    board.post(notice)
    assert board.read() == notice


def test_the_last_notice_stands(board: NoticeBoard) -> None:
    board.post(HELD)
    over = CircuitNotice(told_at=at(120))
    board.post(over)
    assert board.read() == over


def test_a_notice_is_no_job_and_goes_away_by_itself(moto_aws: DeployedAws) -> None:
    board_of(moto_aws).post(HELD)
    client, table = clients_for(moto_aws).dynamodb, moto_aws.outputs.job_table_name
    store = DynamoJobStore(client, table)
    for state in JobState:
        assert store.list_by_state(state, limit=10) == []
    assert client.scan(TableName=table, IndexName="byState")["Items"] == []
    item = client.get_item(TableName=table, Key={"pk": {"S": KEY}})["Item"]
    expires_at = (HELD.told_at + timedelta(days=7)).timestamp()
    assert item["expiresAtEpochS"] == {"N": str(int(expires_at))}


def test_a_notice_of_another_release_is_no_notice(moto_aws: DeployedAws) -> None:
    client, table = clients_for(moto_aws).dynamodb, moto_aws.outputs.job_table_name
    for text in ("no JSON", "[]", '{"toldAt": "x"}', '{"reason": "of tomorrow"}'):
        client.put_item(TableName=table, Item={"pk": {"S": KEY}, "notice": {"S": text}})
        assert board_of(moto_aws).read() is None
