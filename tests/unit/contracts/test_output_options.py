"""`outputOptions` are checked at the door: every problem at once, and nothing that S3 would refuse."""

from typing import Any

import pytest

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS, body, request
from worker.contracts.filling import fill
from worker.contracts.key_names import known_names
from worker.contracts.request import content_digest, parse_request
from worker.errors import InvalidRequestError

ALL: dict[str, Any] = {
    "key": "{sku}/{requestId}-{n}.{ext}",
    "cacheControl": "public, max-age=31536000, immutable",
    "tags": {"Season of sale": "spring/summer +20@x:y=z"},
    "kmsKeyId": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "storageClass": "INTELLIGENT_TIERING",
    "renditions": [
        {"format": "webp", "width": 800},
        {"format": "jpeg", "width": 400, "quality": 70},
    ],
}


def problems(options: Any, **changes: Any) -> list[str]:
    """What is told about a request with these options."""
    with pytest.raises(InvalidRequestError) as raised:
        parse_request(
            body(outputOptions=options, **changes),
            input_buckets=INPUT_BUCKETS,
            output_buckets=OUTPUT_BUCKETS,
        )
    return [str(problem) for problem in raised.value.problems]


def test_all_options_are_read() -> None:
    options = request(outputOptions=ALL).output_options
    assert options is not None
    assert options.model_dump(mode="json", by_alias=True, exclude_unset=True) == ALL
    assert [one.quality for one in options.renditions] == [82, 70]


@pytest.mark.parametrize("options", [None, {}, {"tags": {}, "key": None, "renditions": []}])
def test_a_request_that_asks_for_nothing_special_is_the_same_request(options: Any) -> None:
    assert content_digest(request(outputOptions=options)) == content_digest(request())


@pytest.mark.parametrize("field", list(ALL))
def test_a_request_with_another_option_is_another_request(field: str) -> None:
    assert content_digest(request(outputOptions={field: ALL[field]})) != content_digest(request())


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{skuu}.{ext}", "needs the name {skuu}, which nothing gives (names: requestId, n, ext,"),
        ("{sku", 'has a single "{"'),
        ("{s-k}.{ext}", "needs the name {s-k}, which nothing gives"),
        ("{ sku}.{ext}", "has { sku}: a name in braces has no space around it"),
        ("../{n}.{ext}", '".." segment'),
        ("{up}/{n}.{ext}", '".." segment'),
        ("./{n}.{ext}", '"." segment'),
        ("/{n}.{ext}", "begins or ends with /"),
        ("{sku}/", "begins or ends with /"),
        ("{sku}//{n}.{ext}", "a folder has no name"),
        ("{empty}/{n}.{ext}", "begins or ends with /"),
        ("{requestId}.json", "no name for a picture"),
        ("{n}.png?versionId=7", "cannot name a version"),
        ("{line}.{ext}", "control characters"),
        ("{long}{long}{long}{long}.{ext}", "S3 allows 1,024"),
        ("{count}.{ext}", "needs the name {count}"),
    ],
)
def test_a_template_that_cannot_name_pictures_is_refused(template: str, said: str) -> None:
    metadata = {"sku": "1", "up": "..", "empty": "", "line": "a\nb", "long": "x" * 255, "count": 7}
    (problem,) = problems({"key": template}, metadata=metadata)
    assert problem.startswith("outputOptions.key: ")
    assert said in problem


def test_the_room_for_the_names_of_renditions_is_kept() -> None:
    key = "{long}{long}{long}{long}.{ext}"  # with the prefix and room for a number: 1,022 bytes
    short: dict[str, Any] = {"output": "s3://shop/", "metadata": {"long": "x" * 250}}
    assert request(outputOptions={"key": key}, **short).output_options is not None
    renditions = [{"format": "webp", "width": 8192}]
    (problem,) = problems({"key": key, "renditions": renditions}, **short)
    assert "keys could have 1,026 bytes" in problem


def test_a_template_needs_a_seed_to_name_it() -> None:
    given = {
        "poseImageId": "s3://catalog/a.png",
        "imageId": "s3://catalog/b.png",
        "aspectRatio": "7:10",
        "prompt": "x",
    }
    (problem,) = problems({"key": "{seed}.{ext}"}, input=given)
    assert problem.endswith(
        "needs the name {seed}, which nothing gives (add input.seed, or variants)"
    )


def test_a_template_needs_a_prefix() -> None:
    (problem,) = problems({"key": "{n}.{ext}"}, output="s3://shop/front.png")
    assert "output must be a prefix" in problem


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "outputOptions: a list of 0"),
        ({"keys": "x"}, 'did you mean "key"?'),
        ({"key": ""}, "outputOptions.key"),
        ({"cacheControl": "a\nb"}, "must be a header in ASCII"),
        ({"cacheControl": " a"}, "must be a header in ASCII"),
        ({"tags": {str(n): "x" for n in range(11)}}, "at most 10 tags"),
        ({"tags": {"a*": "x"}}, "no name of a tag"),
        ({"tags": {"": "x"}}, "no name of a tag"),
        ({"tags": {"x" * 129: "x"}}, "no name of a tag"),
        ({"tags": {"AWS:x": "x"}}, "are for AWS"),
        ({"tags": {"a": "x;y"}}, "no value of a tag"),
        ({"tags": {"a": "x\n"}}, "no value of a tag"),
        ({"tags": {"a": "x" * 257}}, "no value of a tag"),
        ({"tags": {"a": 1}}, "must be text"),
        ({"kmsKeyId": "arn:aws:s3:::x"}, "KMS key"),
        ({"storageClass": "DEEP_ARCHIVE"}, "outputOptions.storageClass"),
        ({"renditions": [{"format": "gif", "width": 800}]}, "must be webp or jpeg"),
        ({"renditions": [{"format": "webp", "width": 8193}]}, "must be at most 8192"),
        ({"renditions": [{"format": "webp", "width": 15}]}, "must be at least 16"),
        ({"renditions": [{"format": "webp", "width": 80, "quality": 0}]}, "must be at least 1"),
        (
            {"renditions": [{"format": "webp", "width": 80, "quality": q} for q in (8, 9)]},
            "one name",
        ),
        ({"renditions": [{"format": "webp", "width": 80 + n} for n in range(9)]}, "renditions"),
    ],
)
def test_what_s3_or_the_lab_would_not_take_is_refused(options: Any, said: str) -> None:
    (problem,) = problems(options)
    assert said in problem


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = {"key": "{skuu}", "tags": {"*": ""}, "storageClass": "GLACIER", "kmsKeyId": "x"}
    found = problems(wrong, requestId="a b")
    assert len(found) == 5
    assert found[0].startswith("requestId")


def test_metadata_gives_names_as_people_call_them() -> None:
    """The one language of templates: what a column of a batch may be called, a key may ask for."""
    metadata = {"Gro\u0308\u00dfe (EU)": "42", "art-no": "7", "x" * 40: "long", "n": "nobody's"}
    key = f"{{Gr\u00f6\u00dfe (EU)}}/{{art-no}}/{{{'x' * 40}}}-{{n}}.{{ext}}"
    assert request(outputOptions={"key": key}, metadata=metadata).output_options is not None
    names = known_names({"metadata": metadata}, n=3)
    assert fill(key, names) == "42/7/long-3.png"
