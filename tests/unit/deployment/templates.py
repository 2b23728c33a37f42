"""serverless.yml and the templates as plain documents, CloudFormation's short forms resolved."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]  # ships no types

ROOT = Path(__file__).resolve().parents[3]


@cache
def document(name: str) -> dict[str, Any]:
    """A YAML file of the repository: its `!Sub` is `{"Fn::Sub": …}`, its aliases are resolved."""
    plain: dict[str, Any] = json.loads(json.dumps(load(str(ROOT / name))))
    return plain


def imports(node: Any) -> set[str]:
    """The outputs of the resources stack that a document imports, without the stack's name."""
    if isinstance(node, dict):
        value = node.get("Fn::ImportValue")
        own = re.findall(r"\}-(\w+)", json.dumps(value)) if value is not None else []
        return {*own, *(name for one in node.values() for name in imports(one))}
    if isinstance(node, list):
        return {name for one in node for name in imports(one)}
    return set()


def statements(role: str) -> list[dict[str, Any]]:
    """The statements of a role of infra/lambda.yml, its actions always a list."""
    policies = document("infra/lambda.yml")["Resources"][role]["Properties"]["Policies"]
    return [
        {**one, "Action": [one["Action"]] if isinstance(one["Action"], str) else one["Action"]}
        for policy in policies
        for one in policy["PolicyDocument"]["Statement"]
    ]


def roles() -> list[str]:
    """The roles of infra/lambda.yml."""
    resources = document("infra/lambda.yml")["Resources"]
    return [name for name, one in resources.items() if one["Type"] == "AWS::IAM::Role"]
