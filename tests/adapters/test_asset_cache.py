"""The promises of the AssetCache port, kept by every adapter."""

from datetime import timedelta
from typing import Any

import pytest

from tests.adapters.clients import clients_for
from tests.builders import NOON, at
from tests.support.aws import DeployedAws
from worker.adapters.aws.assets import KEY_PREFIX, DynamoAssetCache
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.memory import MemoryAssetCache
from worker.jobs.assets import KEPT_AT_MOST, Asset, AssetKind, Claim
from worker.jobs.job import JobState
from worker.ports.assets import AssetCache

KEY = "pose#0123"
POSE = Asset(
    kind=AssetKind.POSE,
    value="pose-1",
    made_at=NOON,
    expires_at=NOON + timedelta(days=7),
    details={"widthPx": 800, "changes": ["rotated"]},
)
OTHER = Asset(kind=AssetKind.POSE, value="pose-2", made_at=at(5), expires_at=None)


def claim_of(owner: str, *, since_s: float = 0, until_s: float = 60) -> Claim:
    return Claim(kind=AssetKind.POSE, owner=owner, since=at(since_s), until=at(until_s))


def cache_of(aws: DeployedAws) -> DynamoAssetCache:
    return DynamoAssetCache(clients_for(aws).dynamodb, aws.outputs.job_table_name)


@pytest.fixture(params=["memory", "ministack", "moto"])
def cache(request: pytest.FixtureRequest) -> AssetCache:
    if request.param == "memory":
        return MemoryAssetCache()
    return cache_of(request.getfixturevalue(f"{request.param}_aws"))


def test_nothing_is_there_at_first(cache: AssetCache) -> None:
    assert cache.look(KEY, at=NOON) is None


def test_an_asset_comes_back_as_it_was_published(cache: AssetCache) -> None:
    cache.publish(KEY, POSE, at=NOON)
    assert cache.look(KEY, at=at(1)) == POSE
    assert cache.look("pose#4567", at=at(1)) is None


def test_of_two_claims_the_first_stands_until_its_time_is_up(cache: AssetCache) -> None:
    first, second = claim_of("a"), claim_of("b", since_s=1, until_s=90)
    assert cache.claim(KEY, first, at=NOON) is None
    assert cache.claim(KEY, second, at=at(1)) == first
    assert cache.look(KEY, at=at(59)) == first
    assert cache.look(KEY, at=at(60)) is None
    assert cache.claim(KEY, second, at=at(60)) is None
    assert cache.claim(KEY, first, at=at(61)) == second


def test_a_claim_that_its_owner_repeats_is_his(cache: AssetCache) -> None:
    assert cache.claim(KEY, claim_of("a"), at=NOON) is None
    longer = claim_of("a", since_s=1, until_s=90)
    assert cache.claim(KEY, longer, at=at(1)) is None
    assert cache.look(KEY, at=at(2)) == longer


def test_an_asset_takes_the_place_of_a_claim_and_cannot_be_claimed(cache: AssetCache) -> None:
    cache.claim(KEY, claim_of("a"), at=NOON)
    cache.publish(KEY, POSE, at=at(1))
    assert cache.look(KEY, at=at(2)) == POSE
    assert cache.claim(KEY, claim_of("a", until_s=120), at=at(3)) == POSE
    assert cache.claim(KEY, claim_of("b", until_s=120), at=at(3)) == POSE


def test_of_two_assets_the_first_stays_until_it_expires(cache: AssetCache) -> None:
    cache.publish(KEY, POSE, at=NOON)
    cache.publish(KEY, OTHER, at=at(5))
    assert cache.look(KEY, at=at(6)) == POSE
    usable_until = NOON + timedelta(days=7) - timedelta(hours=1)
    assert cache.look(KEY, at=usable_until) is None
    cache.publish(KEY, OTHER, at=usable_until)
    assert cache.look(KEY, at=usable_until) == OTHER


def test_an_expired_asset_can_be_claimed(cache: AssetCache) -> None:
    cache.publish(KEY, OTHER, at=at(5))
    gone_at = at(5) + KEPT_AT_MOST
    again = Claim(
        kind=AssetKind.POSE, owner="a", since=gone_at, until=gone_at + timedelta(minutes=1)
    )
    assert cache.claim(KEY, again, at=gone_at - timedelta(seconds=1)) == OTHER
    assert cache.claim(KEY, again, at=gone_at) is None
    assert cache.look(KEY, at=gone_at) == again


def test_only_its_owner_releases_a_claim(cache: AssetCache) -> None:
    cache.claim(KEY, claim_of("a"), at=NOON)
    cache.release(KEY, "b", at=at(1))
    assert cache.look(KEY, at=at(1)) == claim_of("a")
    cache.release(KEY, "a", at=at(1))
    assert cache.look(KEY, at=at(1)) is None
    assert cache.claim(KEY, claim_of("b"), at=at(1)) is None


def test_an_asset_is_not_released(cache: AssetCache) -> None:
    cache.claim(KEY, claim_of("a"), at=NOON)
    cache.publish(KEY, POSE, at=at(1))
    cache.release(KEY, "a", at=at(2))
    assert cache.look(KEY, at=at(2)) == POSE


def test_an_asset_is_dropped_only_by_its_value(cache: AssetCache) -> None:
    cache.publish(KEY, POSE, at=NOON)
    cache.drop(KEY, OTHER.value, at=at(1))
    assert cache.look(KEY, at=at(1)) == POSE
    cache.drop(KEY, POSE.value, at=at(1))
    assert cache.look(KEY, at=at(1)) is None
    cache.publish(KEY, OTHER, at=at(2))
    assert cache.look(KEY, at=at(3)) == OTHER


def test_what_is_not_there_is_dropped_and_released_in_vain(cache: AssetCache) -> None:
    cache.drop(KEY, "pose-1", at=NOON)
    cache.release(KEY, "a", at=NOON)
    assert cache.look(KEY, at=NOON) is None


@pytest.fixture(params=["ministack", "moto"])
def aws(request: pytest.FixtureRequest) -> DeployedAws:
    deployed: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
    return deployed


def test_what_another_release_wrote_is_in_nobodys_way(aws: DeployedAws) -> None:
    client, table = clients_for(aws).dynamodb, aws.outputs.job_table_name
    cache = cache_of(aws)
    cache.publish(KEY, POSE, at=NOON)
    client.update_item(
        TableName=table,
        Key={"pk": {"S": KEY_PREFIX + KEY}},
        UpdateExpression="SET asset = :newer",
        ExpressionAttributeValues={":newer": {"S": '{"kind": "hologram"}'}},
    )
    assert cache.look(KEY, at=at(1)) is None
    assert cache.claim(KEY, claim_of("a"), at=at(1)) is None
    cache.publish(KEY, OTHER, at=at(2))  # it stays as it is: its release can read it


def test_assets_are_no_jobs_and_go_away_by_themselves(moto_aws: DeployedAws) -> None:
    cache = cache_of(moto_aws)
    client, table = clients_for(moto_aws).dynamodb, moto_aws.outputs.job_table_name

    def removed_at() -> int:
        item: dict[str, Any] = client.get_item(
            TableName=table, Key={"pk": {"S": KEY_PREFIX + KEY}}
        )["Item"]
        return int(item["expiresAtEpochS"]["N"])

    cache.claim(KEY, claim_of("a"), at=NOON)
    assert removed_at() == (at(60) + timedelta(days=1)).timestamp()
    cache.release(KEY, "a", at=at(1))
    assert removed_at() == at(1).timestamp()
    cache.publish(KEY, POSE, at=at(2))
    assert removed_at() == POSE.usable_until.timestamp()
    store = DynamoJobStore(client, table)
    assert [store.list_by_state(state, limit=10) for state in JobState] == [[]] * len(JobState)
    assert client.scan(TableName=table, IndexName="byState")["Items"] == []
