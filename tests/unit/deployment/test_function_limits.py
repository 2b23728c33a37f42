"""Values that osls, Lambda or the worker would refuse are told while nothing is made yet."""

import pytest

from infra.deployment.function_limits import LIMITS, problems_of_functions
from infra.deployment.function_parameters import for_functions
from infra.deployment.parameters import RESOURCES, for_template, problems_of, values_of
from tests.unit.deployment.templates import document

DEFAULTS = {
    name: str(value) for name, value in document("serverless.yml")["params"]["default"].items()
}
HIDDEN = values_of(for_template("RESOURCE_PARAMS", {}, RESOURCES), {})


def told(**given: str) -> list[str]:
    return [
        *problems_of(for_functions(given)),
        *problems_of_functions(given, {**DEFAULTS, **given}, HIDDEN),
    ]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("logLevel", "loud", "must be one of debug, info"),
        ("hautechApiUrl", "http://x", "https"),
        ("requestsBatch", "11", "from 1 to 10"),
        ("requestsConcurrency", "1", "from 2 to 1,000"),
        ("pollsConcurrency", "1001", "from 2 to 1,000"),
        ("pollsBatch", "99999", "from 1 to 10,000"),
        ("pollsWindowSeconds", "301", "from 0 to 300"),
        ("pollsTimeoutSeconds", "5", "to 900"),
        ("logRetentionDays", "31", "one of 1, 3, 5, 7, 14, 30, 60"),
        ("architecture", "arm", "one of arm64, x86_64"),
        ("memoryMb", "64", "from 128 to 10,240"),
        ("artifact", "nope.zip", "there is no such file"),
        ("requestsTimeoutSeconds", "400", 'RESOURCE_PARAMS="RequestVisibilityTimeoutSeconds=…"'),
    ],
)
def test_a_wrong_value_is_told_with_its_rule(name: str, value: str, rule: str) -> None:
    problems = told(**{name: value})

    assert problems[0].startswith(f"PARAMS: {name}={value}: ")
    assert rule in problems[0]


def test_the_values_of_serverless_yml_are_taken() -> None:
    given = {name: value for name, value in DEFAULTS.items() if name in LIMITS}

    assert set(given) == set(LIMITS)
    assert told(**given, logLevel="debug", hautechApiUrl="https://h.example") == []


def test_without_a_window_lambda_gathers_no_more_than_ten() -> None:
    assert told(pollsWindowSeconds="0", pollsBatch="10") == []

    (problem,) = told(pollsWindowSeconds="0")
    assert "10 at most" in problem


def test_another_machine_needs_another_zip() -> None:
    (problem,) = told(architecture="x86_64")

    assert "make package ARCH=x86_64" in problem
    assert told(architecture="x86_64", artifact="Makefile") == []
