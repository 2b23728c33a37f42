"""The tables of docs/reference/infrastructure.md: parameters and outputs as the templates have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.templates import read_template

TEMPLATES: Final = ("resources.yml", "monitoring.yml", "container.yml")
"""In the order in which they are deployed."""


def parameters_markdown(template_name: str) -> str:
    """Every parameter in the order and the groups of the console."""
    template = read_template(template_name)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    rows = ["| parameter | meaning | default | takes |", "| --- | --- | --- | --- |"]
    for group in groups:
        rows.append(f"| **{group['Label']['default']}** | | | |")
        for name in group["Parameters"]:
            declared = template["Parameters"][name]
            default = _default(declared)
            rows.append(
                f"| `{name}` | {_text(declared['Description'])} | {default} | {_takes(declared)} |"
            )
    return "\n".join(rows)


def outputs_markdown(template_name: str) -> str:
    """Every output in the order of the template."""
    outputs = read_template(template_name)["Outputs"]
    rows = ["| output | what |", "| --- | --- |"]
    rows += [f"| `{name}` | {_text(output['Description'])} |" for name, output in outputs.items()]
    return "\n".join(rows)


def _default(declared: Mapping[str, Any]) -> str:
    if "Default" not in declared:
        return "**required**"
    return f"`{declared['Default']}`" if str(declared["Default"]) else "nothing"


def _takes(declared: Mapping[str, Any]) -> str:
    if "ConstraintDescription" in declared:
        return _text(declared["ConstraintDescription"])
    if "AllowedValues" in declared:
        return ", ".join(f"`{value}`" for value in declared["AllowedValues"])
    if "MinValue" in declared:
        return f"{declared['MinValue']:,} to {declared['MaxValue']:,}"
    return _KINDS[declared["Type"]]


_KINDS: Final = {
    "CommaDelimitedList": "texts, comma-separated",
    "AWS::EC2::VPC::Id": "the id of a VPC of this region",
    "List<AWS::EC2::Subnet::Id>": "ids of subnets of this region, comma-separated",
}


def _text(words: str) -> str:
    return str(words).strip().replace("|", "\\|")
