"""What must stay true of every template in infra/, read without deploying any."""

from typing import Any

import pytest

from tests.support.templates import INFRA, Template, read_template

TEMPLATES = sorted(
    path.name
    for path in INFRA.glob("*.yml")
    if "\nResources:" in path.read_text(encoding="utf-8") and path.name != "lambda.yml"
)
"""Templates of whole stacks. lambda.yml is a part of serverless.yml."""

LARGEST_BODY_BYTES = 51_200
"""Source: CloudFormation quotas, template body size in a request."""


@pytest.fixture(params=TEMPLATES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(name: str) -> Template:
    return read_template(name)


def test_it_can_be_given_to_cloudformation_as_it_is_without_a_bucket(name: str) -> None:
    assert (INFRA / name).stat().st_size <= LARGEST_BODY_BYTES


def test_it_says_what_it_is_for(template: Template) -> None:
    assert template["Description"].startswith("hautech-worker: ")


def test_every_parameter_says_what_it_does_and_what_it_takes(template: Template) -> None:
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        is_bounded = (
            "AllowedValues" in parameter
            or {"MinValue", "MaxValue"} <= set(parameter)
            or "AllowedPattern" in parameter
            or parameter["Type"] == "CommaDelimitedList"
            or parameter["Type"].startswith(("AWS::EC2::", "List<AWS::EC2::"))
        )
        assert is_bounded, name


def test_a_pattern_comes_with_words_that_say_what_to_write(template: Template) -> None:
    for name, parameter in template["Parameters"].items():
        if "AllowedPattern" in parameter:
            assert parameter["ConstraintDescription"], name


def test_every_parameter_stands_in_one_group_of_the_console(template: Template) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    listed = [name for group in groups for name in group["Parameters"]]
    assert sorted(listed) == sorted(template["Parameters"])


def test_every_output_says_what_it_is_and_is_exported_under_the_name_of_its_stack(
    template: Template,
) -> None:
    for name, output in template["Outputs"].items():
        assert output["Description"].endswith("."), name
        assert output["Export"] == {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}


def test_what_it_imports_is_an_output_of_the_resources_stack(template: Template) -> None:
    outputs = set(read_template("resources.yml")["Outputs"])
    for value in imports_in(dict(template)):
        prefix, _, output = value["Fn::Sub"].rpartition("-")
        assert prefix == "${ResourcesStackName}"
        assert output in outputs


def imports_in(part: Any) -> list[Any]:
    """What stands behind `Fn::ImportValue`, wherever it is."""
    if isinstance(part, dict):
        return [
            value
            for name, inner in part.items()
            for value in ([inner] if name == "Fn::ImportValue" else imports_in(inner))
        ]
    if isinstance(part, list):
        return [value for inner in part for value in imports_in(inner)]
    return []
