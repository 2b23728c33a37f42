"""A CloudFormation template read as AWS reads it: what is left of it once parameters are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]  # ships no types

INFRA: Final = Path(__file__).parents[2] / "infra"

Template = Mapping[str, Any]

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


def read_template(name: str) -> Template:
    """A file of `infra/`, with `!Ref` and its like in their long form."""
    return dict(load(str(INFRA / name)))


class Stack:
    """Resources and outputs as they would be made: conditions decided, other functions as they stand.

    Args:
        template: The template.
        parameters: Values by parameter; the others have their default. A parameter without a
            default must be given if a condition asks for it.
    """

    def __init__(self, template: Template, **parameters: str) -> None:
        self._template = template
        unknown = set(parameters) - set(template["Parameters"])
        if unknown:
            raise ValueError(f"the template has no parameter {', '.join(sorted(unknown))}")
        self._values = {
            name: str(parameters.get(name, declared.get("Default")))
            for name, declared in template["Parameters"].items()
        }
        self.resources: dict[str, Any] = {
            name: self._decided(resource)
            for name, resource in template["Resources"].items()
            if self._is_made(resource)
        }

    def of_type(self, resource_type: str) -> dict[str, Any]:
        """Resources of one type by name; none if there is none."""
        return {
            name: resource
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def output(self, name: str) -> Any:
        """The value of an output."""
        return self._decided(self._template["Outputs"][name]["Value"])

    def _is_made(self, part: Mapping[str, Any]) -> bool:
        return "Condition" not in part or self._holds(part["Condition"])

    def _holds(self, condition: str) -> bool:
        return self._is_true(self._template["Conditions"][condition])

    def _is_true(self, test: Mapping[str, Any]) -> bool:
        ((function, given),) = test.items()
        match function:
            case "Condition":
                return self._holds(given)
            case "Fn::Equals":
                one, other = (self._text(value) for value in given)
                return one == other
            case "Fn::Not":
                return not self._is_true(given[0])
            case "Fn::And":
                return all(self._is_true(each) for each in given)
            case "Fn::Or":
                return any(self._is_true(each) for each in given)
        raise ValueError(f"unknown in a condition: {function}")

    def _text(self, value: Any) -> str:
        match value:
            case {"Ref": name}:
                return self._values[name]
            case {"Fn::Join": [str(between), {"Ref": name}]}:
                return between.join(self._values[name].split(","))
        return str(value)

    def _decided(self, part: Any) -> Any:
        if isinstance(part, Mapping):
            if set(part) == {"Fn::If"}:
                condition, then, otherwise = part["Fn::If"]
                return self._decided(then if self._holds(condition) else otherwise)
            decided = {name: self._decided(value) for name, value in part.items()}
            return {name: value for name, value in decided.items() if value != _NO_VALUE}
        if isinstance(part, list):
            return [value for value in map(self._decided, part) if value != _NO_VALUE]
        return part
