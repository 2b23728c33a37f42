"""The `params` of serverless.yml: which there are, and what they come to for a stage.

    default  ──►  of the stage  ──►  kept from the last deployment  ──►  given now
             in serverless.yml                                 PARAMS

osls itself remembers none. What was given is therefore an output of the functions' stack, and the next
deployment gives it again. An empty value (`PARAMS="memoryMb="`) goes back to that of serverless.yml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from infra.deployment.function_limits import FILE, LIMITS
from infra.deployment.parameters import Declared, Given
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage
from infra.deployment.yaml_file import read_yaml

OUTPUT: Final = "KeptParameters"
KEPT: Final = "keptParameters"
"""The parameter that holds the others, as they are written after PARAMS=."""

OWN: Final = {
    "resourcesStack": "STAGE",
    "stage": "STAGE",
    "region": "AWS_REGION",
    "hautechSecretArn": "HAUTECH_SECRET_ARN",
    "secretKeyArn": "HAUTECH_SECRET_ARN, whose key it is",
}
"""Parameters that the deployment finds out by itself each time, and from what."""

NOT_KEPT: Final = frozenset(
    {
        # These two belong to the zip that was made for this deployment.
        "artifact",
        "architecture",
        *OWN,
    }
)


@dataclass(frozen=True, slots=True)
class FunctionParameters:
    """What the functions of a stage are deployed with.

    Attributes:
        given: of those below, the ones that a person gave, now or before.
        kept: of these, the ones from before.
        forgotten: kept ones that this release does not have.
        values: all of them, defaults included, as text. Some hold variables of osls.
    """

    given: Mapping[str, str]
    kept: Mapping[str, str]
    forgotten: tuple[str, ...]
    values: Mapping[str, str]

    def to_keep(self) -> str:
        """What the next deployment is to be given, in the form of PARAMS; never empty."""
        kept = {name: value for name, value in self.given.items() if name not in NOT_KEPT}
        # An output must say something.
        return " ".join(f"{name}={value}" for name, value in sorted(kept.items())) or "none"


def for_functions(values: Mapping[str, str]) -> Given:
    """Parameters of serverless.yml; without the empty ones, which any may be."""
    known = _known()
    filled = {name: value for name, value in values.items() if value or name not in known}
    return Given("PARAMS", filled, FILE, known, OWN)


def read_parameters(stage: Stage, stacks: Stacks, given: Mapping[str, str]) -> FunctionParameters:
    """What a deployment of the stage comes to when somebody gives these."""
    before = _pairs(stacks.outputs(stage.functions_stack).get(OUTPUT, ""))
    known = {name: value for name, value in before.items() if name in _known()}
    kept = {name: value for name, value in known.items() if name not in given}
    filled = {name: value for name, value in {**kept, **given}.items() if value}
    params = read_yaml(FILE)["params"]
    declared = {**params["default"], **params.get(stage.name, {})}
    values = {name: str(value) for name, value in declared.items()} | filled
    return FunctionParameters(filled, kept, tuple(sorted({*before} - {*known})), values)


@cache
def _known() -> dict[str, Declared]:
    """The parameters, with their limits: those of infra/lambda.yml for what is passed on to it."""
    document = read_yaml(FILE)
    known: dict[str, Declared] = {
        name: LIMITS.get(name, {"Type": "Number" if isinstance(default, int) else "String"})
        for name, default in document["params"]["default"].items()
        if name != KEPT
    }
    limits = read_yaml("infra/lambda.yml")["Parameters"]
    for name, one in _passed_on(document).items():
        if found := re.fullmatch(r"\$\{param:(\w+)\}", one["Default"]):
            known[found[1]] = limits[name]
    return known


def _passed_on(document: Mapping[str, Any]) -> dict[str, Any]:
    (parameters,) = [
        one["Parameters"]
        for one in document["resources"]
        if isinstance(one, dict) and "Parameters" in one
    ]
    return dict(parameters)


def _pairs(text: str) -> dict[str, str]:
    parts = [word.partition("=") for word in text.split() if "=" in word]
    return {name: value for name, _, value in parts}
