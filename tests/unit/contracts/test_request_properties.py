from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.readable import readable_metadata, readable_request_id, readable_workflow
from worker.contracts.request import Request, content_digest, parse_request, s3_references
from worker.contracts.workflows import ASPECT_RATIO_SIZES
from worker.errors import InvalidRequestError, MalformedRequestError

BUCKETS = frozenset({"catalog", "drafts"})


def parse(body: Any) -> Request:
    return parse_request(body, input_buckets=BUCKETS, output_buckets=BUCKETS)


def try_everything(body: Any) -> None:
    try:
        parse(body)
    except (MalformedRequestError, InvalidRequestError) as error:
        message = error.message
    else:
        message = "accepted"
    message.encode()
    assert 0 < len(message) < 25_000
    readable_workflow(body)
    request_id = readable_request_id(body)
    assert request_id is None or len(request_id) <= 128
    json.dumps(readable_metadata(body), allow_nan=False, ensure_ascii=False).encode()


TEXT = st.text() | st.sampled_from(
    ["s3://catalog/a.png", "s3://other/", "s3:", "naomi", "full-naomi", "7:10", "\ud800", "a", ""]
)
KEYS = st.text(max_size=5) | st.sampled_from(
    [
        "requestId",
        "workflow",
        "input",
        "output",
        "metadata",
        "expiresAt",
        "imageId",
        "poseId",
        "imageIds",
        "prompt",
        "seed",
        "Type",
        "Message",
        "detail",
        "detail-type",
    ]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=20,
)


@given(st.binary() | st.text())
def test_any_bytes_are_refused_with_one_of_two_errors(body: Any) -> None:
    try_everything(body)


@given(ANY_JSON)
def test_any_json_is_refused_with_one_of_two_errors(value: Any) -> None:
    try_everything(json.dumps(value))
    try_everything(json.dumps({"Type": "Notification", "Message": json.dumps(value)}))


@given(st.dictionaries(KEYS, ANY_JSON, max_size=8), st.sampled_from(["naomi", "full-naomi", "x"]))
def test_any_fields_are_refused_with_one_of_two_errors(value: Any, workflow: Any) -> None:
    try_everything(json.dumps(value | {"workflow": workflow, "output": "s3://catalog/o/"}))


KEY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda key: "." not in key.split("/") and ".." not in key and key == key.strip("/")
)
SOUND_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)
REFERENCE = st.uuids().map(str) | st.builds(
    "s3://{}/{}".format, st.sampled_from(sorted(BUCKETS)), KEY.filter(lambda key: "?" not in key)
)
REQUESTS = st.fixed_dictionaries(
    {
        "requestId": st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True),
        "workflow": st.just("naomi"),
        "input": st.fixed_dictionaries(
            {
                "poseId": REFERENCE,
                "imageId": REFERENCE,
                "prompt": SOUND_TEXT,
                "aspectRatio": st.sampled_from(sorted(ASPECT_RATIO_SIZES)),
            },
            optional={
                "label": SOUND_TEXT | st.none(),
                "isHuman": st.booleans() | st.none(),
                "enhancePrompt": st.booleans(),
                "seed": st.integers(0, 2_147_483_647),
            },
        ),
        "output": KEY.map("s3://catalog/{}/".format).filter(
            lambda text: "?" not in text and "." not in text.split("/")
        ),
    },
    optional={
        "metadata": st.dictionaries(SOUND_TEXT, st.integers() | SOUND_TEXT | st.none(), max_size=5),
        "expiresAt": st.datetimes().map(lambda at: at.isoformat() + "Z"),
    },
)


def shuffled(value: Any, draw: Any) -> Any:
    if isinstance(value, dict):
        keys = draw(st.permutations(sorted(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    return value


@given(REQUESTS, st.data(), st.booleans())
def test_valid_request_survives_every_way_to_write_it(
    value: Any, data: Any, ascii_only: Any
) -> None:
    request = parse(json.dumps(value))
    again = json.dumps(shuffled(value, data.draw), indent=2, ensure_ascii=ascii_only)
    assert parse(again) == request
    assert parse(request.model_dump_json()) == request
    assert Request.model_validate_json(request.model_dump_json()) == request
    assert content_digest(parse(again)) == content_digest(request)
    assert content_digest(parse(request.model_dump_json())) == content_digest(request)
    sent = [value["input"][name] for name in ("poseId", "imageId")]
    found = {str(reference.uri) for reference in s3_references(request)}
    assert found == {text for text in sent if text.startswith("s3://")}
