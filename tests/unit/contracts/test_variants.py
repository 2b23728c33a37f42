"""Several pictures of one request: which seeds they have, and what cannot be asked for."""

from typing import Any

import pytest

from tests.builders import FULL_NAOMI_INPUT, INPUT_BUCKETS, OUTPUT_BUCKETS, body, message, request
from worker.contracts.request import content_digest, parse_request
from worker.contracts.variants import variant_seeds
from worker.errors import InvalidRequestError

PLAIN = {name: value for name, value in FULL_NAOMI_INPUT.items() if name != "seed"}
MAX_SEED = 2**31 - 1


def given(seed: Any) -> dict[str, Any]:
    return {**PLAIN, "seed": seed}


def problems(workflow: str = "full-naomi", **changes: Any) -> list[str]:
    """What is told about such a request."""
    with pytest.raises(InvalidRequestError) as raised:
        parse_request(
            body(workflow, **changes), input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS
        )
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("changes", "seeds"),
    [
        ({"input": given([7, 0, MAX_SEED])}, (7, 0, MAX_SEED)),
        ({"input": given([7])}, (7,)),
        ({"input": given(42), "variants": 3}, (42, 43, 44)),
        ({"input": given(MAX_SEED), "variants": 1}, (MAX_SEED,)),
        ({"input": given(42)}, ()),
        ({"input": PLAIN}, ()),
    ],
)
def test_the_seeds_of_variants(changes: dict[str, Any], seeds: tuple[int, ...]) -> None:
    parsed = request(**changes)
    assert variant_seeds(parsed.model_dump(by_alias=True)) == seeds


def test_seeds_that_nobody_gave_follow_from_the_request_id() -> None:
    def seeds(request_id: str) -> tuple[int, ...]:
        return variant_seeds(message(requestId=request_id, input=PLAIN, variants=16))

    assert seeds("sku-1") == seeds("sku-1")
    assert seeds("sku-1") != seeds("sku-2")
    assert len(set(seeds("sku-1"))) == 16
    assert all(0 <= seed <= MAX_SEED for number in range(200) for seed in seeds(f"sku-{number}"))


def test_a_list_of_seeds_of_any_other_workflow_is_its_own_business() -> None:
    custom = "11111111-2222-4333-8444-555555555555"
    parsed = request(custom, input={"seed": [1, 2, 2]})
    assert variant_seeds(parsed.model_dump(by_alias=True)) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variants": 0}, "variants: 0: must be at least 1"),
        ({"variants": 17}, "variants: 17: must be at most 16"),
        ({"variants": "4"}, 'variants: "4": must be a whole number (for example 4)'),
        ({"variants": True}, "variants: true: must be a whole number"),
        ({"input": given([])}, "input.seed: a list of 0: must be one seed, or a list of 1 to 16"),
        ({"input": given(list(range(17)))}, "input.seed: a list of 17: must be one seed"),
        ({"input": given([1, 1])}, "input.seed: a list of 2: has a seed twice"),
        ({"input": given([1, -1])}, "input.seed[1]: -1: must be a whole number from 0 to"),
        ({"input": given([1, True])}, "input.seed[1]: true: must be a whole number"),
        ({"input": given([1, "2"])}, 'input.seed[1]: "2": must be a whole number'),
        ({"input": given([1, 2]), "variants": 2}, "stands beside a list of seeds"),
        ({"input": given(MAX_SEED), "variants": 2}, "the last seed would be over 2,147,483,647"),
        (
            {"variants": 2, "output": "s3://shop/front.png"},
            "output: s3://shop/front.png: names one",
        ),
        ({"input": given([1, 2]), "output": "s3://shop/front.png"}, "make it a prefix"),
        ({"variants": 2, "outputOptions": {"key": "{sku}.{ext}"}}, "put {n} or {seed} into it"),
    ],
)
def test_variants_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    (problem,) = problems(**changes)
    assert said in problem


@pytest.mark.parametrize("workflow", ["prepare-image", "prepare-pose"])
def test_a_workflow_without_a_seed_has_no_variants(workflow: str) -> None:
    (problem,) = problems(workflow, variants=2)
    assert "full-naomi and naomi" in problem


@pytest.mark.parametrize(
    "changes",
    [
        {"variants": 1, "output": "s3://shop/front.png"},
        {"variants": 2, "outputOptions": {"key": "{sku}-{n}.{ext}"}},
        {"variants": 2, "outputOptions": {"key": "{sku}-{seed}.{ext}"}},
        {"variants": 1, "outputOptions": {"key": "{sku}.{ext}"}},
        {"variants": 2, "input": PLAIN, "outputOptions": {"key": "{seed}.{ext}"}},
    ],
)
def test_variants_that_have_a_name_each_are_taken(changes: dict[str, Any]) -> None:
    assert request(**changes).output


def test_variants_are_part_of_what_is_asked_for() -> None:
    digests = {
        content_digest(request(input=PLAIN)),
        content_digest(request(input=PLAIN, variants=1)),
        content_digest(request(input=PLAIN, variants=2)),
        content_digest(request(input=given([1, 2]))),
        content_digest(request(input=given([2, 1]))),
    }
    assert len(digests) == 5
