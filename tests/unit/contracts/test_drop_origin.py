from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.contracts.messages import Document, Parse
from worker.contracts.request import content_digest, parse_document
from worker.errors import InvalidRequestError

DROP: dict[str, Any] = {
    "source": "s3://catalog/inbox/a.jpg?versionId=v1",
    "rule": "garments",
    "beside": ["s3://catalog/inbox/a.yaml"],
    "error": "s3://catalog/generated/a.error.json",
    "onSuccess": {"copyTo": "s3://catalog/processed/"},
    "onFailure": {"moveTo": "s3://catalog/failed/"},
}

BARE: dict[str, Any] = {"source": DROP["source"], "rule": "garments"}


def test_origin_of_a_drop_comes_back_as_it_was_written(parse: Parse, document: Document) -> None:
    request = parse(json.dumps(document | {"origin": {"drop": DROP}}))
    again = json.loads(request.model_dump_json(exclude_unset=True))
    assert again["origin"] == {"drop": DROP}
    assert content_digest(parse(json.dumps(again))) == content_digest(request)


def test_origin_is_part_of_what_is_asked_for_and_nothing_is_what_it_was(
    parse: Parse, document: Document
) -> None:
    without = content_digest(parse(json.dumps(document)))
    assert content_digest(parse(json.dumps(document | {"origin": None}))) == without
    with_drop = content_digest(parse(json.dumps(document | {"origin": {"drop": BARE}})))
    assert with_drop != without
    empty = {"drop": BARE | {"beside": [], "error": None}}
    assert content_digest(parse(json.dumps(document | {"origin": empty}))) == with_drop


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "s3://other/a.jpg"}, 'origin.drop.source: s3://other/a.jpg: bucket "other"'),
        ({"beside": ["s3://other/a.jpg"]}, r"origin.drop.beside\[0\]: .* bucket"),
        (
            {"error": "s3://other/a.json"},
            "origin.drop.error: .*WORKER_INPUT_BUCKETS or WORKER_OUTPUT",
        ),
        ({"onSuccess": {"copyTo": "s3://other/x/"}}, "origin.drop.onSuccess.copyTo: .* bucket"),
        ({"onFailure": {"moveTo": "s3://other/x/"}}, "origin.drop.onFailure.moveTo: .* bucket"),
        ({"onSuccess": {"copyTo": "s3://catalog/x"}}, "must be a folder: end it with /"),
        ({"onSuccess": {"copyTo": "s3://catalog/../x/"}}, '".." segment'),
        ({"onSuccess": {}}, "must have either copyTo or moveTo"),
        ({"onSuccess": DROP["onSuccess"] | DROP["onFailure"]}, "must have either copyTo or moveTo"),
        ({"source": "s3://catalog/inbox/"}, "names a folder"),
        ({"rule": ""}, "at least 1"),
        ({"extra": 1}, "origin.drop.extra"),
    ],
)
def test_origin_that_leads_elsewhere_is_refused(
    parse: Parse, document: Document, change: Any, said: Any
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        parse(json.dumps(document | {"origin": {"drop": DROP | change}}))


@pytest.mark.parametrize("origin", [{}, {"drop": DROP, "batch": {"id": "b", "row": 1}}])
def test_origin_is_one_thing(parse: Parse, document: Document, origin: Any) -> None:
    with pytest.raises(InvalidRequestError, match="must have either batch or drop"):
        parse(json.dumps(document | {"origin": origin}))


@pytest.mark.parametrize(
    ("origin", "is_taken"),
    [
        ({"source": "s3://shop/a.jpg"}, False),
        ({"beside": ["s3://shop/a.yaml"]}, False),
        ({"error": "s3://shop/a.error.json"}, True),
        ({"error": "s3://catalog/a.error.json"}, True),
        ({"onFailure": {"moveTo": "s3://shop/failed/"}}, True),
        ({"onFailure": {"moveTo": "s3://catalog/failed/"}}, True),
    ],
)
def test_photos_lie_in_input_buckets_and_what_is_written_in_either(
    document: Document, origin: Any, is_taken: Any
) -> None:
    sent = document | {"output": "s3://shop/x/", "origin": {"drop": DROP | BARE | origin}}
    buckets = {"input_buckets": frozenset({"catalog"}), "output_buckets": frozenset({"shop"})}
    if is_taken:
        assert parse_document(sent, **buckets).origin is not None
    else:
        with pytest.raises(InvalidRequestError, match='"shop" is not in WORKER_INPUT_BUCKETS'):
            parse_document(sent, **buckets)


def test_digest_with_an_origin_is_the_same_in_every_release(
    parse: Parse, document: Document
) -> None:
    digest = content_digest(parse(json.dumps(document | {"origin": {"drop": BARE}})))
    assert digest == "32fd57e38ed9b90cf21bedaabac82d7a4ee5c49dae5b4271e1e695a99085c414"
