"""What a person gave as PARAMS and the like, compared with the file that it is for, by name and value.

    PARAMS             serverless.yml, or infra/container.yml
    RESOURCE_PARAMS    infra/resources.yml
    MONITORING_PARAMS  infra/monitoring.yml

osls takes any name and does nothing with it, and CloudFormation looks at the values of one stack when
the one before it has been made. Here all of it is looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from infra.deployment.errors import PreflightError
from infra.deployment.yaml_file import read_yaml

Declared = Mapping[str, Any]
"""A parameter as CloudFormation declares it: `Type`, `Default`, `AllowedValues` and so on."""

RESOURCES: Final = "infra/resources.yml"
MONITORING: Final = "infra/monitoring.yml"
CONTAINER: Final = "infra/container.yml"

_OWN: Final[Mapping[str, Mapping[str, str]]] = {
    MONITORING: {"ResourcesStackName": "STAGE", "FunctionPrefix": "STAGE"},
    CONTAINER: {
        "ResourcesStackName": "STAGE",
        "ImageUri": "IMAGE",
        "HautechSecretArn": "HAUTECH_SECRET_ARN",
        "SecretKeyArn": "HAUTECH_SECRET_ARN, whose key it is",
        "VpcId": "VPC",
        "SubnetIds": "SUBNETS",
    },
}
"""Parameters that the deployment sets by itself, and what of."""

_EXAMPLES: Final = {
    "PARAMS": "logLevel=debug logRetentionDays=90",
    "RESOURCE_PARAMS": "NoncurrentVersionDays=7",
    "MONITORING_PARAMS": "AlarmEmail=night@example.com",
}
_NEAR: Final = 0.6
"""From 0 to 1: how alike names are of which one may have been meant (difflib)."""


@dataclass(frozen=True, slots=True)
class Given:
    """Parameters that a person gave.

    Attributes:
        variable: of make.
        values: by name.
        file: in which the parameters are declared.
        known: those that it has.
        own: of these, those that are nobody's to give, and what sets them.
    """

    variable: str
    values: Mapping[str, str]
    file: str
    known: Mapping[str, Declared]
    own: Mapping[str, str] = field(default_factory=dict)


def for_template(variable: str, values: Mapping[str, str], file: str) -> Given:
    """Parameters of one of the templates; an empty one is its default."""
    known = read_yaml(file)["Parameters"]
    filled = {
        name: value or str(known.get(name, {}).get("Default", "")) for name, value in values.items()
    }
    return Given(variable, filled, file, known, _OWN.get(file, {}))


def read_pairs(variable: str, text: str) -> dict[str, str]:
    """The values that a variable of make gives: `name=value`, with spaces between them.

    Raises:
        PreflightError: something in it is no such pair.
    """
    pairs = [word.partition("=") for word in text.split()]
    if wrong := [name or f"={value}" for name, equals, value in pairs if not (name and equals)]:
        raise PreflightError(
            f"{variable}: {', '.join(wrong)}: must be name=value, with spaces between them, as in "
            f'{variable}="{_EXAMPLES.get(variable, "name=value")}"'
        )
    return {name: value for name, _, value in pairs}


def values_of(given: Given, kept: Mapping[str, str]) -> dict[str, str]:
    """What all parameters of a template come to: given, else kept by its stack, else the default."""
    defaults = {name: str(one.get("Default", "")) for name, one in given.known.items()}
    old = {name: value for name, value in kept.items() if name in defaults}
    return {**defaults, **old, **given.values}


def problems_of(*given: Given) -> Iterator[str]:
    """Each name that its file does not have, with those like it, and each value that it refuses."""
    for one in given:
        for name, value in one.values.items():
            if setter := _setter(name, one):
                yield f"{one.variable}: {name}: the deployment sets it by itself; set by {setter}"
            elif name not in one.known:
                yield f"{one.variable}: {name}: {one.file} has no such parameter{_hint(name, one, given)}"
            elif rule := _rule(one.known[name], value):
                yield f"{one.variable}: {name}={value}: must be {rule}"


def _setter(name: str, one: Given) -> str:
    by_lower = {own.lower(): setter for own, setter in one.own.items()}
    return by_lower.get(name.lower(), "")


def _hint(name: str, one: Given, given: tuple[Given, ...]) -> str:
    if elsewhere := [other for other in given if name in other.known]:
        return f'; it is one of {elsewhere[0].file}: {elsewhere[0].variable}="{name}=…"'
    by_lower = {known.lower(): known for known in one.known}
    lower = name.lower()
    near = [lower] if lower in by_lower else get_close_matches(lower, by_lower, cutoff=_NEAR)
    if near:
        return f"; did you mean {' or '.join(by_lower[found] for found in near)}?"
    return f"; it has {', '.join(one.known)}"


def _rule(declared: Declared, value: str) -> str:
    """What the value must be, if it is not; else nothing."""
    said = str(declared.get("ConstraintDescription", ""))
    allowed = [str(one) for one in declared.get("AllowedValues", ())]
    if allowed and value not in allowed:
        return said or f"one of {', '.join(allowed)}"
    if declared["Type"] == "Number" and not _is_within(declared, value):
        return said or _range(declared)
    pattern = declared.get("AllowedPattern")
    if pattern and not all(re.fullmatch(pattern, part) for part in _parts(declared, value)):
        return said or f"text that matches {pattern}"
    return ""


def _parts(declared: Declared, value: str) -> list[str]:
    """What the pattern holds for: of a list each text (Source: CloudFormation guide, Parameters)."""
    return value.split(",") if "List" in declared["Type"] else [value]


def _is_within(declared: Declared, value: str) -> bool:
    if not re.fullmatch(r"-?[0-9]+", value):  # no parameter of ours is a fraction
        return False
    number = int(value)
    return bool(declared.get("MinValue", number) <= number <= declared.get("MaxValue", number))


def _range(declared: Declared) -> str:
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    if least is None and most is None:
        return "a whole number"
    return f"a whole number from {least:,} to {most:,}"
