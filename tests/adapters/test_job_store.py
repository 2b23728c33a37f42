"""The promises of the JobStore port, kept by every adapter."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from tests.adapters.clients import clients_for
from tests.builders import at, new_job
from tests.support.aws import DeployedAws
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.memory import MemoryJobStore
from worker.errors import LeaseHeldError, LostRaceError, RecordTooLargeError, StaleJobError
from worker.jobs import transitions
from worker.jobs.job import Failure, Job, JobState, Lease, SourceImage
from worker.ports.jobs import JobStore

MINE = Lease(owner="mine", until=at(60))
THEIRS = Lease(owner="theirs", until=at(90))
THREADS = 6


def store_on(adapter: str, request: pytest.FixtureRequest) -> JobStore:
    if adapter == "memory":
        return MemoryJobStore()
    aws: DeployedAws = request.getfixturevalue(f"{adapter}_aws")
    return DynamoJobStore(clients_for(aws).dynamodb, aws.outputs.job_table_name)


@pytest.fixture(params=["memory", "ministack", "moto"])
def store(request: pytest.FixtureRequest) -> JobStore:
    return store_on(request.param, request)


@pytest.fixture(params=["memory", "ministack"])
def atomic_store(request: pytest.FixtureRequest) -> JobStore:
    """Without moto, whose threads check a condition and write in two steps that can interleave."""
    return store_on(request.param, request)


def created(store: JobStore, *, lease: Lease | None = None, request_id: str = "sku-1") -> Job:
    job = replace(new_job(requestId=request_id), lease=lease)
    assert store.create(job) is None
    return replace(job, version=1)


def failing(job: Job) -> Job:
    failure = Failure(
        code="image.missing", message="no such image", stage="upload", retryable=False
    )
    return transitions.settle(job, event={"id": "1"}, failure=failure, at=at(5))


def at_once(count: int, action: Callable[[int], object]) -> list[object]:
    """The outcome of each of `count` threads that act at the same time; an error is an outcome."""
    ready = Barrier(count)

    def act(number: int) -> object:
        ready.wait(timeout=10)
        try:
            return action(number)
        except LostRaceError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def test_created_job_is_loaded_as_version_1(store: JobStore) -> None:
    job = created(store)
    assert store.load("sku-1") == job


def test_created_job_keeps_its_lease(store: JobStore) -> None:
    job = created(store, lease=MINE)
    assert store.load("sku-1") == replace(job, lease=MINE)


def test_unknown_job_is_none(store: JobStore) -> None:
    assert store.load("nobody") is None


def test_many_jobs_are_read_at_once_and_those_that_are_not_there_are_left_out(
    store: JobStore,
) -> None:
    ids = [f"sku-{number}" for number in range(130)]
    jobs = {one: created(store, request_id=one) for one in ids}
    assert store.load_many([*ids, "sku-unknown"]) == jobs
    assert store.load_many([]) == {}


def test_second_create_returns_the_first_job_and_leaves_it_untouched(store: JobStore) -> None:
    first = created(store, lease=MINE)
    second = replace(new_job(requestId="sku-1", metadata={"other": "content"}), lease=THEIRS)
    assert store.create(second) == first
    assert store.load("sku-1") == first


def test_two_jobs_do_not_meet(store: JobStore) -> None:
    one, other = created(store), created(store, request_id="sku-2")
    assert store.load("sku-1") == one
    assert store.load("sku-2") == other


def test_saved_job_is_what_load_gives(store: JobStore) -> None:
    job = created(store, lease=MINE)
    saved = store.save(transitions.note_failure(job, because="slow", at=at(3)), lease=MINE)
    assert saved.version == 2
    assert saved.failures == 1
    assert store.load("sku-1") == saved


def test_second_save_of_the_same_version_is_refused(store: JobStore) -> None:
    job = created(store, lease=MINE)
    saved = store.save(job, lease=MINE)
    with pytest.raises(StaleJobError, match=r"sku-1.*version 1"):
        store.save(transitions.note_failure(job, because="late", at=at(3)), lease=MINE)
    assert store.load("sku-1") == saved


def test_save_by_another_owner_is_refused(store: JobStore) -> None:
    job = created(store, lease=MINE)
    with pytest.raises(StaleJobError):
        store.save(replace(job, lease=THEIRS), lease=THEIRS)
    assert store.load("sku-1") == job


def test_save_of_a_held_copy_is_refused_when_nobody_holds_the_job(store: JobStore) -> None:
    job = created(store)
    with pytest.raises(StaleJobError):
        store.save(replace(job, lease=MINE), lease=MINE)


def test_save_without_a_lease_releases_the_job(store: JobStore) -> None:
    job = created(store, lease=MINE)
    saved = store.save(job, lease=None)
    assert saved.lease is None
    assert store.load("sku-1") == saved
    assert store.take_lease(saved, THEIRS, at=at(1)).lease == THEIRS


def test_save_can_lengthen_the_lease(store: JobStore) -> None:
    longer = Lease(owner="mine", until=at(120))
    saved = store.save(created(store, lease=MINE), lease=longer)
    assert saved.lease == longer
    assert store.load("sku-1") == saved


def test_job_that_put_its_lease_down_in_memory_can_be_saved(store: JobStore) -> None:
    """A final transition ends the lease before the save that makes it durable."""
    job = failing(created(store, lease=MINE))
    saved = store.save(replace(job, lease=None), lease=None)
    assert store.load("sku-1") == saved


def test_save_of_a_vanished_job_is_refused(store: JobStore) -> None:
    with pytest.raises(StaleJobError, match="gone"):
        store.save(replace(new_job(requestId="sku-1"), version=3, lease=MINE), lease=MINE)
    assert store.load("sku-1") is None


def test_free_job_can_be_held_and_is_otherwise_unchanged(store: JobStore) -> None:
    job = created(store)
    held = store.take_lease(job, MINE, at=at(0))
    assert held == replace(job, version=2, lease=MINE)
    assert store.load("sku-1") == held


def test_held_job_cannot_be_taken_and_says_until_when(store: JobStore) -> None:
    job = created(store, lease=THEIRS)
    with pytest.raises(LeaseHeldError) as held:
        store.take_lease(job, MINE, at=at(89))
    assert held.value.until == THEIRS.until
    assert store.load("sku-1") == job


def test_lease_taken_since_the_job_was_read_says_until_when(store: JobStore) -> None:
    job = created(store)
    store.take_lease(job, THEIRS, at=at(0))
    with pytest.raises(LeaseHeldError) as held:
        store.take_lease(job, MINE, at=at(1))
    assert held.value.until == THEIRS.until


def test_lease_is_over_at_its_end(store: JobStore) -> None:
    job = created(store, lease=THEIRS)
    assert store.take_lease(job, MINE, at=THEIRS.until).lease == MINE


def test_worker_that_slept_through_its_lease_can_neither_save_nor_release(store: JobStore) -> None:
    mine = created(store, lease=MINE)
    theirs = store.take_lease(mine, THEIRS, at=at(61))
    with pytest.raises(StaleJobError):
        store.save(mine, lease=Lease(owner="mine", until=at(200)))
    with pytest.raises(StaleJobError):
        store.save(mine, lease=None)
    assert store.load("sku-1") == theirs


def test_expired_lease_that_nobody_took_can_still_be_saved(store: JobStore) -> None:
    job = created(store, lease=MINE)
    assert store.save(job, lease=Lease(owner="mine", until=at(600))).version == 2


def test_owner_can_take_its_own_lease_again(store: JobStore) -> None:
    job = created(store, lease=MINE)
    longer = Lease(owner="mine", until=at(120))
    assert store.take_lease(job, longer, at=at(1)).lease == longer


def test_lease_of_a_job_that_changed_is_refused(store: JobStore) -> None:
    job = created(store, lease=MINE)
    store.save(job, lease=None)
    with pytest.raises(StaleJobError):
        store.take_lease(job, THEIRS, at=at(1))


def test_lease_of_a_vanished_job_is_refused(store: JobStore) -> None:
    with pytest.raises(StaleJobError, match="gone"):
        store.take_lease(replace(new_job(requestId="sku-1"), version=1), MINE, at=at(0))
    assert store.load("sku-1") is None


def test_lease_keeps_milliseconds_and_is_the_same_after_a_load(store: JobStore) -> None:
    finer = Lease(owner="mine", until=at(60.123456))
    held = store.take_lease(created(store), finer, at=at(0))
    assert held.lease == Lease(owner="mine", until=at(60.123))
    assert store.load("sku-1") == held


def test_jobs_of_a_state_are_listed_newest_first(store: JobStore) -> None:
    for number in (2, 1, 3):
        job = created(store, lease=MINE, request_id=f"sku-{number}")
        store.save(transitions.note_failure(job, because="-", at=at(number)), lease=None)
    failed = created(store, lease=MINE, request_id="failed")
    store.save(failing(failed), lease=None)

    listed = store.list_by_state(JobState.ACCEPTED, limit=10)
    assert [one.request_id for one in listed] == ["sku-3", "sku-2", "sku-1"]
    assert listed[0].updated_at == at(3)
    assert listed[0].workflow == "full-naomi"
    assert listed[0].state is JobState.ACCEPTED
    assert [one.request_id for one in store.list_by_state(JobState.ANNOUNCING, limit=10)] == [
        "failed"
    ]


def test_list_is_cut_to_its_limit(store: JobStore) -> None:
    for number in (1, 2, 3):
        created(store, request_id=f"sku-{number}")
    assert len(store.list_by_state(JobState.ACCEPTED, limit=2)) == 2
    assert store.list_by_state(JobState.SUCCEEDED, limit=2) == []


def test_jobs_unchanged_since_a_moment_come_oldest_first(store: JobStore) -> None:
    for number in (2, 1, 4, 3):
        job = created(store, lease=MINE, request_id=f"sku-{number}")
        store.save(transitions.note_failure(job, because="-", at=at(number)), lease=None)
    created(store, lease=MINE, request_id="failed")
    store.save(failing(replace(new_job(requestId="failed"), version=1, lease=MINE)), lease=None)

    old = list(store.unchanged_since(at(4), JobState.ACCEPTED))

    assert [one.request_id for one in old] == ["sku-1", "sku-2", "sku-3"]
    assert old[0].updated_at == at(1)
    assert list(store.unchanged_since(at(4), JobState.RUNNING)) == []
    assert len(list(store.unchanged_since(at(9), JobState.ANNOUNCING))) == 1


def test_record_that_does_not_fit_is_refused_by_name_and_not_stored(store: JobStore) -> None:
    job = created(store, lease=MINE)
    huge = replace(job, request={"workflow": "x", "input": "é" * 205_000})
    with pytest.raises(RecordTooLargeError, match=r"sku-1.*409600"):
        store.save(huge, lease=None)
    assert store.load("sku-1") == job


def test_a_new_job_must_leave_room_in_its_record_for_how_it_goes_on(store: JobStore) -> None:
    def sized(size_bytes: int, *, images: int = 0) -> Job:
        job = replace(
            new_job(requestId="sku-1"), request={"workflow": "x", "input": "x" * size_bytes}
        )
        source = SourceImage(uri="s3://catalog/a.png")
        return replace(job, images=(source,) * images)

    for too_large in (sized(265_000), sized(185_000, images=200)):
        with pytest.raises(RecordTooLargeError, match=r"sku-1.*room for how the job goes on"):
            store.create(too_large)
    assert store.load("sku-1") is None
    assert store.create(sized(255_000)) is None


def test_a_job_that_was_taken_in_with_less_room_is_the_same_job(store: JobStore) -> None:
    job = created(store)
    huge = replace(job, request={"workflow": "x", "input": "x" * 280_000})
    assert store.create(huge) == job


def test_one_of_many_that_create_a_job_at_once_wins(atomic_store: JobStore) -> None:
    outcomes = at_once(THREADS, lambda _: atomic_store.create(new_job(requestId="sku-1")))
    assert outcomes.count(None) == 1


def test_one_of_many_that_take_a_lease_at_once_wins(atomic_store: JobStore) -> None:
    job = created(atomic_store)
    outcomes = at_once(
        THREADS, lambda n: atomic_store.take_lease(job, Lease(owner=f"{n}", until=at(60)), at=at(0))
    )
    winners = [outcome for outcome in outcomes if isinstance(outcome, Job)]
    assert len(winners) == 1
    assert atomic_store.load("sku-1") == winners[0]
    assert all(isinstance(one, (Job, LeaseHeldError)) for one in outcomes)
