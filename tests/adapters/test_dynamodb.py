"""What only DynamoDB does: its own repeated writes, the fields beside the document, its errors."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.adapters.clients import clients_for
from tests.adapters.test_job_store import MINE, THEIRS, failing
from tests.builders import at, new_job
from tests.support.aws import DeployedAws
from tests.support.logs import all_logs
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.errors import RecordTooLargeError, StaleJobError, SystemicError, UnavailableError
from worker.jobs import transitions
from worker.jobs.job import Job, JobState


class RepeatingClient:
    """Makes each write twice, as the SDK does when the first answer is lost; `between` runs then."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.between: Any = lambda: None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in {"put_item", "update_item"}:
            return method

        def twice(**arguments: Any) -> Any:
            method(**arguments)
            self.between()
            return method(**arguments)

        return twice


@pytest.fixture
def plain(aws: DeployedAws) -> DynamoJobStore:
    return DynamoJobStore(clients_for(aws).dynamodb, aws.outputs.job_table_name)


@pytest.fixture
def repeating(aws: DeployedAws) -> RepeatingClient:
    return RepeatingClient(clients_for(aws).dynamodb)


@pytest.fixture
def echoing(aws: DeployedAws, repeating: RepeatingClient) -> DynamoJobStore:
    client: Any = repeating
    return DynamoJobStore(client, aws.outputs.job_table_name)


def stored(plain: DynamoJobStore, **changes: Any) -> Job:
    job = replace(new_job(requestId="sku-1"), **changes)
    assert plain.create(job) is None
    return replace(job, version=1)


def raw_item(aws: DeployedAws) -> dict[str, Any]:
    answer = clients_for(aws).dynamodb.get_item(
        TableName=aws.outputs.job_table_name, Key={"pk": {"S": "job#sku-1"}}
    )
    return dict(answer["Item"])


def test_create_recognises_its_own_echo(echoing: DynamoJobStore) -> None:
    job = new_job(requestId="sku-1")
    assert echoing.create(job) is None
    assert echoing.load("sku-1") == replace(job, version=1)


def test_save_recognises_its_own_echo(plain: DynamoJobStore, echoing: DynamoJobStore) -> None:
    job = stored(plain, lease=MINE)
    saved = echoing.save(transitions.note_failure(job, because="-", at=at(1)), lease=MINE)
    assert saved.version == 2
    assert plain.load("sku-1") == saved


def test_take_lease_recognises_its_own_echo(plain: DynamoJobStore, echoing: DynamoJobStore) -> None:
    taken = echoing.take_lease(stored(plain), MINE, at=at(0))
    assert taken.lease == MINE
    assert plain.load("sku-1") == taken


def test_somebody_elses_write_is_no_echo(
    plain: DynamoJobStore, echoing: DynamoJobStore, repeating: RepeatingClient
) -> None:
    job = stored(plain, lease=MINE)

    def another_worker() -> None:
        current = plain.load("sku-1")
        assert current is not None
        plain.take_lease(current, THEIRS, at=at(61))

    repeating.between = another_worker
    with pytest.raises(StaleJobError):
        echoing.save(job, lease=MINE)


def test_every_write_draws_a_token_of_its_own(aws: DeployedAws, plain: DynamoJobStore) -> None:
    job = stored(plain)
    first = raw_item(aws)["writeToken"]
    plain.take_lease(job, MINE, at=at(0))
    assert raw_item(aws)["writeToken"] != first


def test_item_has_what_lists_and_people_look_for(aws: DeployedAws, plain: DynamoJobStore) -> None:
    stored(plain, lease=MINE)
    item = raw_item(aws)
    del item["document"], item["writeToken"]
    assert item == {
        "pk": {"S": "job#sku-1"},
        "requestId": {"S": "sku-1"},
        "version": {"N": "1"},
        "state": {"S": "accepted"},
        "workflow": {"S": "full-naomi"},
        "createdAt": {"S": "2026-03-01T12:00:00.000000+00:00"},
        "updatedAt": {"S": "2026-03-01T12:00:00.000000+00:00"},
        "leaseOwner": {"S": "mine"},
        "leaseUntil": {"N": str(int(MINE.until.timestamp()) * 1000)},
    }


def test_only_final_jobs_expire_and_only_after_their_retention(aws: DeployedAws) -> None:
    store = DynamoJobStore(
        clients_for(aws).dynamodb, aws.outputs.job_table_name, retention=timedelta(days=7)
    )
    announcing = store.save(failing(stored(store, lease=MINE)), lease=MINE)
    assert "expiresAtEpochS" not in raw_item(aws)
    assert raw_item(aws)["errorCode"] == {"S": "image.missing"}

    store.save(transitions.finish(announcing, at=at(9)), lease=None)
    expires_at = at(9) + timedelta(days=7)
    assert raw_item(aws)["expiresAtEpochS"] == {"N": str(int(expires_at.timestamp()))}


def test_released_job_has_no_lease_fields(aws: DeployedAws, plain: DynamoJobStore) -> None:
    plain.save(stored(plain, lease=MINE), lease=None)
    assert raw_item(aws).keys().isdisjoint({"leaseOwner", "leaseUntil"})


def test_list_reads_on_until_it_has_enough(aws: DeployedAws, plain: DynamoJobStore) -> None:
    """A page ends after 1 MB: the answer may be short of the limit although there is more."""

    class OneAtATime:
        def query(self, **arguments: Any) -> Any:
            return clients_for(aws).dynamodb.query(**{**arguments, "Limit": 1})

    for number in (1, 2, 3):
        plain.create(new_job(requestId=f"sku-{number}"))
    paging: Any = OneAtATime()
    store = DynamoJobStore(paging, aws.outputs.job_table_name)
    assert len(store.list_by_state(stored(plain, request_id="x").state, limit=3)) == 3
    assert len(list(store.unchanged_since(at(1), JobState.ACCEPTED))) == 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"workflow": None}, "'workflow'"),
        ({"workflow": {"N": "5"}}, "'S'"),
        ({"updatedAt": {"S": "1 March"}}, "Invalid isoformat"),
        ({"updatedAt": {"S": "2026-03-01"}}, "updatedAt has no time zone"),
        ({"pk": {"S": "odd-one"}}, "its key does not begin with job#"),
    ],
)
def test_a_row_that_no_worker_wrote_is_named_and_hides_no_other(
    aws: DeployedAws, plain: DynamoJobStore, changes: dict[str, Any], says: str
) -> None:
    """Somebody edited the table by hand."""
    for number in (1, 2):
        plain.create(new_job(requestId=f"sku-{number}"))
    odd = {**raw_item(aws), "pk": {"S": "job#odd-one"}, **changes}
    clients_for(aws).dynamodb.put_item(
        TableName=aws.outputs.job_table_name,
        Item={name: value for name, value in odd.items() if value is not None},
    )
    for ask in (
        lambda: plain.list_by_state(JobState.ACCEPTED, limit=3),
        lambda: list(plain.unchanged_since(at(1), JobState.ACCEPTED)),
    ):
        with all_logs() as logs:
            assert sorted(one.request_id for one in ask()) == ["sku-1", "sku-2"]
        (told,) = logs
        assert told["action"] == "row_unreadable"
        assert "odd-one" in told["event"]
        assert says in told["event"]


def test_missing_table_is_nobodys_job(aws: DeployedAws) -> None:
    store = DynamoJobStore(clients_for(aws).dynamodb, "no-such-table")
    with pytest.raises(SystemicError, match="no-such-table"):
        store.load("sku-1")


class RefusingClient:
    def __init__(self, code: str, message: str, **more: Any) -> None:
        self._answer = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": 400},
            **more,
        }

    def put_item(self, **_: Any) -> Any:
        raise ClientError(self._answer, "PutItem")  # type: ignore[arg-type] # a made-up answer

    def get_item(self, **_: Any) -> Any:
        return {}


def test_item_that_dynamodb_finds_too_large_is_named() -> None:
    text = "Item size has exceeded the maximum allowed size"
    client: Any = RefusingClient("ValidationException", text)
    with pytest.raises(RecordTooLargeError, match="sku-1"):
        DynamoJobStore(client, "jobs").create(new_job(requestId="sku-1"))


def test_create_that_is_refused_by_an_item_that_is_gone_by_now_is_not_stored() -> None:
    client: Any = RefusingClient("ConditionalCheckFailedException", "no")
    with pytest.raises(UnavailableError, match="sku-1"):
        DynamoJobStore(client, "jobs").create(new_job(requestId="sku-1"))
