"""The last good rules in DynamoDB, and what is wrong now: two items of the job table that are no jobs.

    pk "rules#drop"     source, text    the URI of the file, all of it
                        etag, version, since
    pk "rules#broken"   source, etag, version, since, problems
                        only `pk` while nothing is wrong

They have no `state`, so the index that lists jobs does not have them, and they do not expire. Roles may
put items and not delete any: that is why the second one is emptied.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.ports.rules import BrokenRules, KeptRules

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "rules#drop"
BROKEN_KEY = "rules#broken"

_PUT = AwsCall("DynamoDB", "PutItem", "dynamodb:PutItem")
_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")


class DynamoRulesShelf:
    """The RulesShelf port on the job table."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def keep(self, rules: KeptRules) -> None:
        """See `RulesShelf.keep`."""
        since = rules.since.isoformat() if rules.since else None
        self._put(
            KEY,
            {
                "source": rules.source,
                "text": rules.text,
                "etag": rules.etag,
                "version": rules.version_id,
                "since": since,
            },
        )

    def read(self) -> KeptRules | None:
        """See `RulesShelf.read`."""
        item = self._get(KEY)
        text = _text(item, "text")
        if not text:
            return None
        return KeptRules(
            source=_text(item, "source") or "",
            text=text,
            etag=_text(item, "etag") or "",
            version_id=_text(item, "version"),
            since=_moment(item),
        )

    def tell(self, broken: BrokenRules | None) -> None:
        """See `RulesShelf.tell`."""
        if broken is None:
            self._put(BROKEN_KEY, {})
            return
        self._put(
            BROKEN_KEY,
            {
                "source": broken.source,
                "etag": broken.etag,
                "version": broken.version_id,
                "since": broken.since.isoformat(),
            },
            problems=broken.problems,
        )

    def broken(self) -> BrokenRules | None:
        """See `RulesShelf.broken`."""
        item = self._get(BROKEN_KEY)
        since = _moment(item)
        if since is None:
            return None
        return BrokenRules(
            source=_text(item, "source") or "",
            etag=_text(item, "etag"),
            version_id=_text(item, "version"),
            since=since,
            problems=tuple(one.get("S", "") for one in item.get("problems", {}).get("L", ())),
        )

    def _put(
        self, key: str, texts: Mapping[str, str | None], problems: tuple[str, ...] | None = None
    ) -> None:
        item: dict[str, Any] = {"pk": {"S": key}}
        item |= {name: {"S": text} for name, text in texts.items() if text is not None}
        if problems is not None:
            item["problems"] = {"L": [{"S": problem} for problem in problems]}
        with aws_errors(_PUT, self._table):
            self._client.put_item(TableName=self._table, Item=item)

    def _get(self, key: str) -> Mapping[str, Any]:
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}})
        return answer.get("Item") or {}


def _text(item: Mapping[str, Any], name: str) -> str | None:
    text = item.get(name, {}).get("S")
    return text if isinstance(text, str) else None


def _moment(item: Mapping[str, Any]) -> datetime | None:
    text = _text(item, "since")
    return datetime.fromisoformat(text) if text else None
