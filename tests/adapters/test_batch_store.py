"""The promises of the BatchStore port, kept by every adapter."""

from dataclasses import replace

import pytest

from tests.adapters.clients import clients_for
from tests.builders import NOON, at
from tests.support.aws import DeployedAws
from worker.adapters.aws.batch_store import RETENTION, DynamoBatchStore
from worker.adapters.memory.batches import MemoryBatchStore
from worker.batches import moves
from worker.batches.batch import Batch
from worker.batches.states import BatchState, RowMark
from worker.errors import StaleJobError
from worker.ports.batches import BatchStore


@pytest.fixture(params=["memory", "ministack", "moto"])
def store(request: pytest.FixtureRequest) -> BatchStore:
    if request.param == "memory":
        return MemoryBatchStore()
    aws: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
    table = aws.outputs.job_table_name
    return DynamoBatchStore(clients_for(aws).dynamodb, table, now=lambda: NOON)


def new_batch(batch_id: str = "spring-24") -> Batch:
    message = {"batchId": batch_id, "manifest": "s3://catalog/x.csv", "request": {"a": ["é", None]}}
    return moves.accept(batch_id=batch_id, message=message, content_digest="0" * 64, at=NOON)


def created(store: BatchStore, batch_id: str = "spring-24") -> Batch:
    assert store.create(new_batch(batch_id)) is None
    return replace(new_batch(batch_id), version=1)


def mark(row: int) -> RowMark:
    return RowMark(row=row, line=row + 1 if row % 2 else None, code="request.invalid", message="é")


def test_a_created_batch_is_loaded_as_version_1(store: BatchStore) -> None:
    assert store.load("spring-24") is None
    batch = created(store)
    assert store.load("spring-24") == batch


def test_second_create_returns_the_first_batch_and_leaves_it_untouched(store: BatchStore) -> None:
    batch = created(store)
    other = replace(new_batch(), content_digest="1" * 64)
    assert store.create(other) == batch
    assert store.load("spring-24") == batch


def test_a_saved_batch_is_what_load_gives(store: BatchStore) -> None:
    batch = moves.count(created(store), 7, source="e", source_version="v", at=at(5))
    saved = store.save(batch)
    assert saved.version == 2
    assert store.load("spring-24") == saved


def test_second_save_of_the_same_version_is_refused(store: BatchStore) -> None:
    batch = created(store)
    store.save(batch)
    with pytest.raises(StaleJobError, match="batch spring-24"):
        store.save(batch)


def test_save_of_a_vanished_batch_is_refused(store: BatchStore) -> None:
    with pytest.raises(StaleJobError, match="it is gone"):
        store.save(replace(new_batch(), version=1))


def test_batches_of_a_state_are_listed_newest_first_and_silent_ones_oldest_first(
    store: BatchStore,
) -> None:
    for seconds, name in enumerate(("a", "b", "c")):
        store.save(replace(created(store, name), updated_at=at(seconds)))
    listed = store.list_by_state(BatchState.OPEN, limit=2)
    assert [one.batch_id for one in listed] == ["c", "b"]
    silent = store.unchanged_since(at(2), BatchState.OPEN)
    assert [one.batch_id for one in silent] == ["a", "b"]
    assert store.list_by_state(BatchState.DONE, limit=2) == []


def test_marks_of_rows_are_read_back_and_the_last_one_stands(store: BatchStore) -> None:
    store.mark_rows("spring-24", [mark(row) for row in range(1, 131)])
    store.mark_rows("spring-24", [replace(mark(2), message="again")])
    store.mark_rows("other", [])
    found = store.marks("spring-24", range(1, 151))
    assert sorted(found) == list(range(1, 131))
    assert found[1] == mark(1)
    assert found[2].message == "again"
    assert store.marks("other", [1, 2]) == {}
    assert store.marks("other", []) == {}


def test_a_batch_is_cancelled_once_and_the_first_time_counts(store: BatchStore) -> None:
    assert store.cancelled_at("spring-24") is None
    assert store.cancel("spring-24", at=at(1)) == at(1)
    assert store.cancel("spring-24", at=at(9)) == at(1)
    assert store.cancelled_at("spring-24") == at(1)
    assert store.cancelled_at("other") is None


def test_a_final_batch_and_its_marks_are_removed_in_time_and_an_open_one_never(
    ministack_aws: DeployedAws,
) -> None:
    client, table = clients_for(ministack_aws).dynamodb, ministack_aws.outputs.job_table_name
    store = DynamoBatchStore(client, table, now=lambda: NOON)
    batch = moves.count(created(store), 0, source=None, source_version=None, at=NOON)
    store.mark_rows("spring-24", [mark(1)])
    keys = ("batch#spring-24", "batchrow#spring-24#1")

    def expiries() -> list[int | None]:
        items = [client.get_item(TableName=table, Key={"pk": {"S": key}})["Item"] for key in keys]
        found = [item.get("expiresAtEpochS", {}).get("N") for item in items]
        return [int(one) if one is not None else None for one in found]

    record, marks = expiries()
    assert record is None
    store.save(moves.finish(moves.settle(batch, {"id": "1"}, at=NOON), at=NOON))
    record, marks = expiries()
    assert record is not None
    assert marks is not None
    assert record >= marks, "a new batch of that id would have inherited it"


@pytest.mark.parametrize("emulator", ["ministack", "moto"])
def test_marks_and_cancellations_whose_time_is_over_are_not_read_before_they_are_removed(
    emulator: str, request: pytest.FixtureRequest
) -> None:
    aws: DeployedAws = request.getfixturevalue(f"{emulator}_aws")
    client, table = clients_for(aws).dynamodb, aws.outputs.job_table_name
    store = DynamoBatchStore(client, table, now=lambda: NOON)
    store.mark_rows("spring-24", [mark(1)])
    store.cancel("spring-24", at=NOON)
    long_after = NOON + RETENTION
    later = DynamoBatchStore(client, table, now=lambda: long_after)
    assert later.marks("spring-24", [1]) == {}
    assert later.cancelled_at("spring-24") is None
    assert later.cancel("spring-24", at=long_after) == long_after
    assert later.cancelled_at("spring-24") == long_after
