"""All checks of a deployment in their order, and the settings under which it works."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.check_functions import (
    ROLES,
    Configuration,
    check_functions,
    read_functions,
    variables_of,
)
from worker.runtime.commands.deployed.check_keys import check_keys
from worker.runtime.commands.deployed.check_mappings import check_starts
from worker.runtime.commands.deployed.check_package import check_package
from worker.runtime.commands.deployed.check_secret import check_secret
from worker.runtime.commands.deployed.check_service import AREA as SERVICE
from worker.runtime.commands.deployed.check_service import check_service_variables, read_variables
from worker.runtime.commands.deployed.check_stacks import AREA as STACKS
from worker.runtime.commands.deployed.check_stacks import check_stacks, find_deployment
from worker.runtime.commands.deployed.check_watching import check_alarms, check_logs
from worker.runtime.commands.deployed.stacks import Deployment, Kind, Stack
from worker.runtime.commands.deployed.variables import settings_of_outputs
from worker.runtime.commands.findings import Finding, Level, findings_of

_ROLE = " to the worker's role"
"""How our errors say whom to allow something; here it is somebody else."""

_MAKE = re.compile(r"\bmake (?:deploy-container|deploy|secret)(?![\w-])(?! STAGE=)")

_NEEDED = "cloudformation:DescribeStacks"


def examine_deployment(aws: Aws, name: str) -> Generator[Finding, None, dict[str, str] | None]:
    """Everything about the deployment that a stack belongs to.

    Returns the settings that it works with, for the checks of any worker; None when there is
    nothing to go on with.
    """
    found: list[Deployment] = []

    def find() -> Iterator[Finding]:
        deployment = yield from find_deployment(aws, name)
        found.extend([deployment] if deployment else [])

    yield from findings_of(STACKS, name, find)
    if not found:
        return None
    (deployment,) = found
    return (yield from _naming_stage(_examine(aws, deployment), deployment.stage))


def _naming_stage(
    findings: Generator[Finding, None, dict[str, str]], stage: str
) -> Generator[Finding, None, dict[str, str]]:
    """The same findings; their commands of make are for this stage, which is not always `dev`."""
    while True:
        try:
            finding = next(findings)
        except StopIteration as end:
            settings: dict[str, str] = end.value
            return settings
        named = _MAKE.sub(rf"\g<0> STAGE={stage}", finding.fix) if stage else finding.fix
        yield replace(finding, fix=named)


def _examine(aws: Aws, deployment: Deployment) -> Generator[Finding, None, dict[str, str]]:
    yield from check_stacks(deployment)
    running: list[dict[str, str]] = []
    for stack in deployment.of(Kind.FUNCTIONS):
        variables = yield from _functions(aws, stack, deployment.resources)
        running.append(variables)
    for stack in deployment.of(Kind.CONTAINER):
        variables = yield from _container(aws, stack, deployment.resources)
        running.append(variables)
    yield from check_secret(aws, (one.get("HAUTECH_SECRET_ARN", "") for one in running))
    for stack in deployment.of(Kind.MONITORING):
        yield from check_alarms(aws, stack)
    known = next((one for one in running if one), {})
    return {**settings_of_outputs(deployment.resources), **known}


def _functions(
    aws: Aws, stack: Stack, resources: Stack
) -> Generator[Finding, None, dict[str, str]]:
    found: dict[str, Configuration] = {}
    yield from read_functions(aws, stack, found)
    yield from check_functions(aws, found, resources)
    yield from check_starts(aws, found, stack, resources)
    yield from check_package(aws, found)
    yield from check_keys(aws, stack, resources)
    names = [stack.outputs[role.output] for role in ROLES if stack.outputs.get(role.output)]
    yield from check_logs(aws, [f"/aws/lambda/{name}" for name in names])
    return next((variables_of(one) for one in found.values()), {})


def _container(
    aws: Aws, stack: Stack, resources: Stack
) -> Generator[Finding, None, dict[str, str]]:
    variables: dict[str, str] = {}
    yield from findings_of(SERVICE, stack.name, partial(read_variables, aws, stack, variables))
    if variables:
        yield from check_service_variables(variables, resources)
    yield from check_keys(aws, stack, resources)
    yield from check_logs(aws, [name for name in [stack.outputs.get("LogGroupName")] if name])
    return variables


@dataclass(slots=True)
class Caller:
    """The person who looks, whose missing permissions say nothing about the worker's."""

    _told: dict[str, str] = field(default_factory=dict)

    def findings(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """The same findings, but refused looks are warnings that name the permission, once each."""
        for finding in findings:
            yield self._of(finding)

    def _of(self, finding: Finding) -> Finding:
        if not finding.fix.endswith(_ROLE):
            return finding
        area, name = finding.area, finding.name
        allow = finding.fix.removeprefix("for this check only: ").removesuffix(_ROLE)
        if allow in self._told:
            said = f"not looked at: the same permission is missing as for {self._told[allow]}"
            return Finding(area, name, "skipped", said)
        self._told[allow] = f"{area}, {name}"
        said = f"not looked at: you lack {allow.removeprefix('allow ')}"
        # Without the stacks there is nothing to look at, and that must not pass for all is well.
        level: Level = "failed" if _NEEDED in allow else "warning"
        return Finding(area, name, level, said, f"{allow} to yourself, to have it checked")


def settings_for(deployed: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The deployment's settings; where nothing runs, how to sign in at Hautech comes from the caller."""
    own = {name: value for name, value in environ.items() if name.startswith("HAUTECH_")}
    is_running = any(name.startswith("HAUTECH_") for name in deployed)
    return {**deployed} if is_running else {**own, **deployed}
