from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.contracts.messages import Document, EventText, Parse
from worker.contracts.request import parse_request
from worker.errors import InvalidRequestError, MalformedRequestError, Problem

JARGON = re.compile(
    r"pydantic|Input should|Field required|Extra inputs|type=|errors\.|https?://errors|value_error|_type",
    re.IGNORECASE,
)


def refused(parse: Parse, body: Any) -> tuple[Problem, ...]:
    with pytest.raises(InvalidRequestError) as caught:
        parse(body)
    assert not JARGON.search(caught.value.message)
    return caught.value.problems


def lines(parse: Parse, body: Any) -> list[str]:
    return [str(problem) for problem in refused(parse, body)]


def test_problems_of_all_levels_are_told_at_once(parse: Parse, event_text: EventText) -> None:
    assert lines(parse, event_text("refused/everything-wrong.json")) == [
        'requestId: is required (for example "sku-1042-front")',
        (
            'workflow: "full_naomi": is not a workflow: known are full-naomi, naomi, prepare-image, '
            'prepare-pose, or any workflow UUID (did you mean "full-naomi"?)'
        ),
        (
            'input.imageId: s3://other/x.png: bucket "other" is not in WORKER_INPUT_BUCKETS '
            "(catalog, drafts)"
        ),
        (
            "input.poseImageId: s3://catalog/: names a folder, not an object; add the file name "
            "(s3://bucket/key)"
        ),
        (
            'output: s3://catalog/../secret.png: the key has a ".." segment '
            "(s3://bucket/prefix/ or s3://bucket/key.png)"
        ),
        'metadata: "": a key must have 1 to 128 characters',
        (
            'expiresAt: "tomorrow": must be a date and time with time zone (RFC 3339) '
            '(such as "2030-01-31T12:00:00Z")'
        ),
        'request_id: "sku 9": is not a field of a request (did you mean "requestId"?)',
    ]


def test_problems_of_an_input_name_field_value_rule_and_fix(
    parse: Parse, event_text: EventText
) -> None:
    assert lines(parse, event_text("refused/wrong-input.json")) == [
        (
            "input.poseImageId: https://shop.example/pose.png?…: must be a Hautech id (1 to 200 "
            "characters without spaces or slashes) or an s3:// URI (the worker fetches no other URLs: "
            "put the image in S3)"
        ),
        (
            'input.aspectRatio: "2:3": must be 1:1, 9:7, 7:9, 7:10, 10:7, 13:19, 19:13, 7:4, '
            "4:7, 12:5 or 5:12"
        ),
        'input.prompt: "": must have at least 1 character(s)',
        'input.seed: "42": must be a whole number (for example 42)',
        'input.isHumann: true: is not a field of input (did you mean "isHuman"?)',
        (
            'input.imageId: s3://other/x.png: bucket "other" is not in WORKER_INPUT_BUCKETS '
            "(catalog, drafts)"
        ),
        (
            'output: s3://nowhere/x.png: bucket "nowhere" is not in WORKER_OUTPUT_BUCKETS '
            "(catalog, drafts)"
        ),
    ]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("seed", -1, "-1: must be at least 0"),
        ("seed", 2_147_483_648, "2147483648: must be at most 2147483647"),
        ("seed", 4.0, "4.0: must be a whole number"),
        ("seed", True, "true: must be a whole number"),
        ("seed", 10**400, "must be at most 2147483647"),
        ("isHuman", "false", '"false": must be true or false'),
        ("isHuman", 0, "0: must be true or false"),
        ("prompt", "x" * 10_001, "must have at most 10000 characters"),
        ("prompt", ["a"], "a list of 1: must be text"),
        ("prompt", None, "is required"),
        ("label", "x" * 501, "must have at most 500 characters"),
        ("label", "", "must have at least 1 character"),
        ("aspectRatio", 0.7, "0.7: must be 1:1"),
        ("imageId", {"id": "x"}, "an object with 1 key(s): must be text"),
        ("imageId", "", '"": must be a Hautech id'),
        ("imageId", "a b", '"a b": must be a Hautech id'),
        ("imageId", "x" * 201, "must be a Hautech id"),
        ("imageId", "raw/sku-1042.png", "put the image in S3"),
        ("imageId", "S3://catalog/x.png", "must begin with s3://"),
        ("imageId", "s3://catalog", "names only a bucket"),
        ("imageId", "s3://catalog/raw/", "names a folder"),
        ("poseImageId", "s3://catalog/a?versionId=", "needs a version"),
        ("image_id", "s3://other/x.png", 'did you mean "imageId"?'),
        ("IMAGEID", 1, 'did you mean "imageId"?'),
        ("zzz", 1, "known fields: poseImageId, aspectRatio"),
    ],
)
def test_one_wrong_input_is_one_problem(
    parse: Parse, document: Document, field: Any, value: Any, said: Any
) -> None:
    document["input"][field] = value
    (problem,) = refused(parse, document)
    assert problem.field == f"input.{field}"
    assert said in str(problem)
    assert len(str(problem)) < 350


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("requestId", "", "must be 1 to 128 of"),
        ("requestId", "a/b", "must be 1 to 128 of"),
        ("requestId", "a\n", "must be 1 to 128 of"),
        ("requestId", "ä", "must be 1 to 128 of"),
        ("requestId", "a" * 129, "must be 1 to 128 of"),
        ("requestId", 7, "must be text"),
        ("requestId", None, "is required"),
        ("workflow", [], "must be text"),
        ("workflow", "dc1bd611effc443c978a88593553588d", "is not a workflow"),
        ("input", [1], "a list of 1: must be a JSON object"),
        ("input", None, "is required"),
        ("output", "s3://catalog", "names only a bucket"),
        ("output", "catalog/x.png", "must begin with s3://"),
        ("output", "s3://catalog//x.png", 'begins with "/"'),
        ("output", "s3://catalog/a?versionId=1", "cannot name a version"),
        ("output", "s3://catalog/" + "k" * 1025, "1,025 bytes"),
        (
            "output",
            "s3://catalog/" + "k" * 1000 + "/",
            "with requestId, number and extension the keys",
        ),
        ("output", "s3://catalog/" + "k" * 1009, "the keys could have 1,025 bytes"),
        ("output", "s3://catalog/x/sku-1042-front.json", "the key of the result document"),
        ("metadata", "sku", "must be a JSON object"),
        ("metadata", {str(n): n for n in range(65)}, "65 keys: must have at most 64 keys"),
        ("metadata", {"k" * 129: 1}, "a key must have 1 to 128 characters"),
        ("metadata", {"a": "ü" * 8_190}, "16,388 bytes: must be at most 16,384"),
        ("expiresAt", "2030-01-31T12:00:00", "must be a date and time with time zone"),
        ("expiresAt", "2030-02-30T12:00:00Z", "must be a date and time with time zone"),
        ("expiresAt", "0001-01-01T00:00:00+23:59", "must be a date and time with time zone"),
        ("expiresAt", "2030-01-31", "must be a date and time with time zone"),
        ("expiresAt", 1_900_000_000, "must be a date and time with time zone"),
        ("priority", 1, "known fields: requestId, workflow"),
        ("priority", None, "known fields: requestId, workflow"),
        ("outputs", "s3://catalog/x", 'did you mean "output"?'),
    ],
)
def test_one_wrong_field_is_one_problem(
    parse: Parse, document: Document, field: Any, value: Any, said: Any
) -> None:
    document[field] = value
    (problem,) = refused(parse, document)
    assert problem.field == field
    assert said in str(problem)
    assert len(str(problem)) < 350


def test_edges_of_the_limits_are_accepted(parse: Parse, document: Document) -> None:
    document["input"] |= {"seed": 2_147_483_647, "prompt": "x" * 10_000, "label": "x" * 500}
    document["input"]["imageId"] = "x" * 200
    document["metadata"] = {"k" * 128: "x" * (16_384 - 135)}
    document["requestId"] = "a" * 128
    document["output"] = "s3://catalog/" + "k" * (1024 - 128 - 16 - 1) + "/"
    assert parse(document).request_id == "a" * 128


def test_raw_pose_photo_of_naomi_needs_a_ratio_even_if_more_is_wrong(
    parse: Parse, event_text: EventText
) -> None:
    document = json.loads(event_text("requests/naomi-raw-photos.json"))
    del document["input"]["aspectRatio"]
    (problem,) = refused(parse, document)
    assert problem.field == "input.aspectRatio"
    assert "is required when poseId is an s3:// URI" in problem.rule
    document["input"]["seed"] = "0"
    assert len(refused(parse, document)) == 2
    document["input"] |= {"seed": 0, "poseId": "7f0b3a52-54d1-4c5e-9d7f-0d5c0a1f7a11"}
    assert parse(document).input["seed"] == 0


def test_buckets_of_any_workflow_are_checked_at_every_depth(
    parse: Parse, event_text: EventText
) -> None:
    text = event_text("requests/any-workflow.json").replace("s3://drafts", "s3://secrets")
    assert [problem.field for problem in refused(parse, text)] == ["input.scene.backgroundImageId"]
    broken = text.replace("s3://secrets", "s3:/drafts").replace("s3://catalog/raw/", "s3://x/")
    assert [problem.field for problem in refused(parse, broken)] == [
        "input.imageIds[0]",
        "input.scene.backgroundImageId",
    ]


def test_input_and_output_buckets_are_separate_lists(event_text: EventText) -> None:
    body = event_text("requests/prepare-pose.json")
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(body, input_buckets=frozenset({"catalog"}), output_buckets=frozenset())
    (problem,) = caught.value.problems
    assert (problem.field, problem.fix) == ("output", "which is empty")


def test_many_problems_are_cut_to_a_message_that_fits_an_event(
    parse: Parse, document: Document
) -> None:
    document["input"] = {f"field{n}{'x' * 100}": "v" * 200 for n in range(600)}
    problems = refused(parse, document)
    assert len(problems) == 50
    assert "more problems" in problems[-1].rule
    assert len("; ".join(map(str, problems))) < 20_000


@pytest.mark.parametrize(
    "value",
    [
        "https://shop.example/a.png?X-Amz-Signature=canary",
        "https://user:canary@shop.example/a.png",
        "eyJhbGciOiJSUzI1NiJ9.canary.canary",
        "s3://catalog/a.png?X-Amz-Signature=canary&versionId=1",
        "Bearer eyJcanarycanary",
    ],
)
def test_secrets_in_wrong_values_are_not_repeated(
    parse: Parse, document: Document, value: Any
) -> None:
    for field in ("requestId", "workflow", "output", "expiresAt", "priority"):
        wrong = document | {"seed": 1, field: value}  # one problem for sure
        assert "canary" not in "".join(lines(parse, wrong))
    document["input"]["seed"] = value
    assert "canary" not in "".join(lines(parse, document))


def test_control_characters_of_a_value_stay_out_of_messages(
    parse: Parse, document: Document
) -> None:
    document["requestId"] = "a\x1b[31m\n\u2028\x00"
    (line,) = lines(parse, document)
    assert line.isprintable()


@pytest.mark.parametrize("name", ["cut-short.txt", "repeated-key.json"])
def test_text_that_is_no_sound_json_is_malformed(
    parse: Parse, event_text: EventText, name: Any
) -> None:
    with pytest.raises(MalformedRequestError):
        parse(event_text(f"refused/{name}"))
