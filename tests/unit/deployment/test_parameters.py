"""Parameters that nobody has, and values that nobody takes, are named before anything is created."""

import re
from collections.abc import Mapping

import pytest

from infra.deployment.errors import PreflightError
from infra.deployment.function_parameters import for_functions
from infra.deployment.parameters import (
    CONTAINER,
    MONITORING,
    RESOURCES,
    Given,
    for_template,
    problems_of,
    read_pairs,
)
from infra.deployment.yaml_file import ROOT

TEMPLATES = {"RESOURCE_PARAMS": RESOURCES, "MONITORING_PARAMS": MONITORING}
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hautech-worker-dev-abcdef"


def of_functions(**given: Mapping[str, str]) -> list[str]:
    """The problems of `make deploy` with these variables."""
    others = [for_template(name, given.get(name, {}), file) for name, file in TEMPLATES.items()]
    return list(problems_of(for_functions(given.get("PARAMS", {})), *others))


def of_service(**given: str) -> list[str]:
    """The problems of `make deploy-container` with these PARAMS."""
    return list(problems_of(for_template("PARAMS", given, CONTAINER)))


@pytest.mark.parametrize(
    ("variable", "name", "meant"),
    [
        ("PARAMS", "memoryMB", "memoryMb"),
        ("PARAMS", "pollConcurrency", "pollsConcurrency"),
        ("RESOURCE_PARAMS", "bucketversioning", "BucketVersioning"),
        ("MONITORING_PARAMS", "AlarmMail", "AlarmEmail"),
    ],
)
def test_a_misspelt_name_is_told_with_the_one_that_was_meant(
    variable: str, name: str, meant: str
) -> None:
    (problem,) = of_functions(**{variable: {name: "1"}})

    assert problem.startswith(f"{variable}: {name}: ")
    assert re.search(rf"did you mean .*\b{meant}\b", problem)


def test_a_name_of_another_file_is_told_with_the_variable_that_takes_it() -> None:
    (problem,) = of_functions(PARAMS={"EncryptionKey": "create"})

    assert 'RESOURCE_PARAMS="EncryptionKey=…"' in problem


def test_a_name_like_no_other_is_told_with_all_there_are() -> None:
    (problem,) = of_service(xyz="1")

    assert "TaskSize, Capacity" in problem


def test_what_the_deployment_keeps_for_itself_is_nobodys_to_give() -> None:
    (problem,) = of_functions(PARAMS={"keptParameters": "memoryMb=1"})

    assert "no such parameter" in problem


@pytest.mark.parametrize(
    ("name", "setter"),
    [
        ("resourcesStack", "STAGE"),
        ("stage", "STAGE"),
        ("hautechsecretarn", "HAUTECH_SECRET_ARN"),
        ("secretKeyArn", "HAUTECH_SECRET_ARN"),
    ],
)
def test_what_the_deployment_finds_out_is_told_with_what_sets_it(name: str, setter: str) -> None:
    (problem,) = of_functions(PARAMS={name: "x"})

    assert f"set by {setter}" in problem


@pytest.mark.parametrize(
    ("name", "setter"),
    [
        ("ImageUri", "IMAGE"),
        ("VpcId", "VPC"),
        ("SubnetIds", "SUBNETS"),
        ("ResourcesStackName", "STAGE"),
        ("HautechSecretArn", "HAUTECH_SECRET_ARN"),
    ],
)
def test_the_place_of_a_service_is_no_parameter(name: str, setter: str) -> None:
    (problem,) = of_service(**{name: "x"})

    assert problem.endswith(f"set by {setter}")


def test_alarms_watch_the_stage_that_is_deployed() -> None:
    (problem,) = of_functions(MONITORING_PARAMS={"FunctionPrefix": "others"})

    assert problem.endswith("set by STAGE")


def test_what_is_no_pair_is_told_in_the_words_of_make() -> None:
    with pytest.raises(PreflightError) as caught:
        read_pairs("PARAMS", "memoryMb 512 =1 logLevel=debug")

    (problem,) = caught.value.problems
    assert problem.startswith("PARAMS: memoryMb, 512, =1: must be name=value")
    assert read_pairs("PARAMS", " a=1  b= c=d=e ") == {"a": "1", "b": "", "c": "d=e"}


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"PARAMS": {"memoryMb": "lots"}}, "memoryMb=lots: must be a whole number"),
        ({"PARAMS": {"pollsWindowSeconds": "0.5"}}, "a whole number"),
        ({"PARAMS": {"inputBucketKeyArn": "alias/mine"}}, "ARNs of KMS keys"),
        ({"RESOURCE_PARAMS": {"BucketVersioning": "Sometimes"}}, "one of Enabled, Suspended"),
        ({"RESOURCE_PARAMS": {"NoncurrentVersionDays": "0"}}, "from 1 to 3,650"),
        ({"RESOURCE_PARAMS": {"EncryptionKey": "alias/mine"}}, "not an alias"),
        ({"MONITORING_PARAMS": {"AlarmEmail": "somebody"}}, "one e-mail address"),
    ],
)
def test_a_value_that_is_refused_is_told_with_the_rule(
    given: dict[str, dict[str, str]], rule: str
) -> None:
    (problem,) = of_functions(**given)

    assert rule in problem


def test_each_text_of_a_list_is_held_to_the_pattern() -> None:
    known = {"Names": {"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]+"}}

    def told(value: str) -> list[str]:
        return list(problems_of(Given("PARAMS", {"Names": value}, "a file", known)))

    assert told("a,b") == []
    assert told("a,B") == ["PARAMS: Names=a,B: must be text that matches [a-z]+"]


def test_all_problems_are_told_at_once() -> None:
    told = of_functions(
        PARAMS={"memoryMB": "1", "pollsBatch": "x"},
        RESOURCE_PARAMS={"Nonsense": "1"},
        MONITORING_PARAMS={"LeastBalance": "-1"},
    )

    assert len(told) == 4


def test_an_empty_value_of_the_functions_is_the_default_of_each() -> None:
    assert of_functions(PARAMS={"memoryMb": "", "inputBucketKeyArn": ""}) == []
    assert len(of_functions(PARAMS={"memoryMB": ""})) == 1


@pytest.mark.parametrize("file", [RESOURCES, MONITORING, CONTAINER, "infra/lambda.yml"])
def test_every_default_is_a_value_that_is_taken(file: str) -> None:
    given = for_template("PARAMS", {}, file)
    defaults = {
        name: str(one["Default"])
        for name, one in given.known.items()
        if "Default" in one and name not in given.own
    }

    assert len(defaults) > 0
    assert list(problems_of(for_template("PARAMS", defaults, file))) == []


def test_every_parameter_that_the_pages_name_is_one() -> None:
    """Each `PARAMS="…"` of the documentation; which of two files it is for is tried."""
    written = [
        (variable, dict(word.split("=", 1) for word in text.split() if "…" not in word))
        for page in [ROOT / "Makefile", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for variable, text in re.findall(
            r'\b((?:RESOURCE_|MONITORING_)?PARAMS)="([^"$]+)"', page.read_text(encoding="utf-8")
        )
    ]

    assert len(written) > 8
    for variable, values in written:
        is_for_service = variable == "PARAMS" and of_service(**values) == []
        assert is_for_service or of_functions(**{variable: values}) == [], values
