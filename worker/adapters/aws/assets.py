"""The asset cache in DynamoDB: items of the job table that are no jobs.

    pk               "asset#" + key
    asset, value     an asset as JSON text, and what Hautech calls it; until `usableUntil`
    owner            or else who makes it, since `since`, until `until`
    …                all times in epoch milliseconds
    expiresAtEpochS  when DynamoDB removes it: with its asset, or a day after its claim

They have no `state`, so the index that lists jobs does not have them. Every write is one put under a
condition; what is given up becomes an item of which nothing holds any more, for workers may not
delete items. The SDK repeats a write whose answer was lost, and a claim passes its own condition
again, since it is its owner's: the echo is a success.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from worker.adapters.asset_text import asset_from_text, asset_to_text
from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.adapters.aws.guarded_put import PUT, put_if
from worker.adapters.aws.many_items import Item
from worker.adapters.records import from_epoch_ms, to_epoch_ms
from worker.errors import UnavailableError
from worker.jobs.assets import Asset, AssetKind, Claim

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY_PREFIX: Final = "asset#"

_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")

_CLAIM_KEPT: Final = timedelta(days=1)

_NO_ASSET = "(attribute_not_exists(asset) OR usableUntil <= :at)"
_FREE = f"{_NO_ASSET} AND (attribute_not_exists(#owner) OR #owner = :owner OR #until <= :at)"
# "owner" and "until" are no reserved words today; the list has grown before.
_NAMES = {"#owner": "owner", "#until": "until"}


class DynamoAssetCache:
    """The AssetCache port on the job table."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def look(self, key: str, *, at: datetime) -> Asset | Claim | None:
        """See `AssetCache.look`. Half a read unit."""
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": KEY_PREFIX + key}}
            )
        return _read(answer.get("Item", {}), at)

    def claim(self, key: str, claim: Claim, *, at: datetime) -> Asset | Claim | None:
        """See `AssetCache.claim`."""
        item: Item = {
            "kind": {"S": claim.kind.value},
            "owner": {"S": claim.owner},
            "since": _number(claim.since),
            "until": _number(claim.until),
            "expiresAtEpochS": _epoch_s(claim.until + _CLAIM_KEPT),
        }
        values = {":at": _number(at), ":owner": {"S": claim.owner}}
        there = self._put(key, item, _FREE, values, names=_NAMES)
        if there is None:
            return None
        if not there:
            raise UnavailableError(f"{PUT} on {self._table}: {key} was there, and is gone")
        # What another release wrote and this one cannot read is in nobody's way.
        return _read(there, at)

    def publish(self, key: str, asset: Asset, *, at: datetime) -> None:
        """See `AssetCache.publish`."""
        item: Item = {
            "kind": {"S": asset.kind.value},
            "asset": {"S": asset_to_text(asset)},
            "value": {"S": asset.value},
            "usableUntil": _number(asset.usable_until),
            "expiresAtEpochS": _epoch_s(asset.usable_until),
        }
        self._put(key, item, _NO_ASSET, {":at": _number(at)})

    def release(self, key: str, owner: str, *, at: datetime) -> None:
        """See `AssetCache.release`."""
        condition = "attribute_not_exists(asset) AND #owner = :owner"
        values = {":owner": {"S": owner}}
        self._put(key, _nothing(at), condition, values, names={"#owner": "owner"})

    def drop(self, key: str, value: str, *, at: datetime) -> None:
        """See `AssetCache.drop`."""
        values = {":value": {"S": value}}
        self._put(key, _nothing(at), "#value = :value", values, names={"#value": "value"})

    def _put(
        self,
        key: str,
        item: Item,
        condition: str,
        values: Item,
        *,
        names: dict[str, str] | None = None,
    ) -> Item | None:
        """None if it was written; else the item that refused it, empty if it has gone since."""
        item = {"pk": {"S": KEY_PREFIX + key}, **item}
        what = f"asset {key}"
        return put_if(self._client, self._table, item, condition, values, what=what, names=names)


def _read(item: Item, at: datetime) -> Asset | Claim | None:
    if "asset" in item:
        asset = asset_from_text(item["asset"]["S"])
        return asset if asset is not None and asset.usable_until > at else None
    if "owner" in item:
        claim = Claim(
            kind=AssetKind(item["kind"]["S"]),
            owner=item["owner"]["S"],
            since=_moment(item["since"]),
            until=_moment(item["until"]),
        )
        return claim if claim.until > at else None
    return None


def _nothing(at: datetime) -> Item:
    """An item in which nothing is, for DynamoDB to remove."""
    return {"expiresAtEpochS": _epoch_s(at)}


def _number(moment: datetime) -> dict[str, str]:
    return {"N": str(to_epoch_ms(moment))}


def _moment(number: dict[str, str]) -> datetime:
    return from_epoch_ms(int(number["N"]))


def _epoch_s(moment: datetime) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()))}
