"""Checks the three functions: their last update, what they run on, how long, and with which settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from worker.contracts.text import shorten
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.stacks import Stack
from worker.runtime.commands.deployed.variables import check_variables
from worker.runtime.commands.findings import Finding, Level, findings_of

AREA: Final = "Functions"

TIMEOUTS_PER_VISIBILITY: Final = 6
"""So that a batch which Lambda was throttled with is tried again before it turns up elsewhere.
(Source: Lambda guide, SQS, "Configuring a queue".)"""

_LEAST_MEMORY_MB: Final = 256
_OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class Role:
    """One of the three functions: the output that names it, its handler, the queue it serves."""

    name: str
    output: str
    queue: str = ""
    """What the queue's outputs begin with; empty for none."""

    @property
    def handler(self) -> str:
        """What Lambda calls."""
        return f"worker.runtime.aws_lambda.handle_{self.name}"


ROLES: Final = (
    Role("requests", "RequestsFunctionName", "RequestQueue"),
    Role("polls", "PollsFunctionName", "PollQueue"),
    Role("reconcile", "ReconcileFunctionName"),
)

Configuration = Mapping[str, Any]
"""Lambda's answer to GetFunctionConfiguration."""


def read_functions(aws: Aws, stack: Stack, into: dict[str, Configuration]) -> Iterator[Finding]:
    """Reads the configuration of each function into `into`, by the name of its role."""
    for role in ROLES:
        name = stack.outputs.get(role.output)
        if not name:
            continue

        def read(role: Role = role, name: str = name) -> Iterator[Finding]:
            action = "lambda:GetFunctionConfiguration"
            into[role.name] = aws.ask(action, f"function {name}", FunctionName=name)
            yield from ()

        yield from findings_of(AREA, role.name, read)


def check_functions(
    aws: Aws, found: Mapping[str, Configuration], resources: Stack
) -> Iterator[Finding]:
    """Everything about a function itself; its mapping and its package have files of their own."""
    for role in ROLES:
        if role.name in found:
            yield from _check(aws, role, found[role.name], resources)


def variables_of(configuration: Configuration) -> dict[str, str]:
    """The environment of a function."""
    return dict(configuration.get("Environment", {}).get("Variables", {}))


def _check(aws: Aws, role: Role, function: Configuration, resources: Stack) -> Iterator[Finding]:
    name = str(function["FunctionName"])
    yield _update(role, function)
    yield from _shape(role, function)
    environment = function.get("Environment", {})
    if error := environment.get("Error"):
        said = f"its variables cannot be read: {shorten(str(error.get('Message')), 200)}"
        fix = "allow the key that encrypts them to the function's role, and to yourself"
        yield Finding(AREA, role.name, "failed", said, fix)
    else:
        yield from check_variables(AREA, role.name, variables_of(function), resources)
    yield from findings_of(AREA, role.name, lambda: _reserved(aws, role, name))
    if role.queue:
        url = resources.outputs.get(f"{role.queue}Url", "")
        if url:
            timeout_s = int(function.get("Timeout", 0))
            yield from findings_of(AREA, role.name, lambda: _visibility(aws, role, timeout_s, url))


def _update(role: Role, function: Configuration) -> Finding:
    architecture = (function.get("Architectures") or ["x86_64"])[0]
    said = (
        f"{function['FunctionName']}: {function.get('Runtime', 'image')}, {architecture}, "
        f"{function.get('MemorySize')} MB, {function.get('Timeout')} s, "
        f"changed {str(function.get('LastModified', ''))[:16]}"
    )
    state, update = function.get("State", "Active"), function.get("LastUpdateStatus", "Successful")
    if state == "Failed":
        said += f"; it cannot run: {function.get('StateReason', 'no reason given')}"
        return Finding(AREA, role.name, "failed", said, "put that right and deploy again")
    if update == "Failed":
        why = function.get("LastUpdateStatusReason", "no reason given")
        said += f"; its last update failed, so the code before it runs: {why}"
        return Finding(AREA, role.name, "failed", said, "put that right and deploy again")
    if state == "Pending" or update == "InProgress":
        said += "; it is being changed"
        return Finding(AREA, role.name, "warning", said, "look again when that has ended")
    return Finding(AREA, role.name, "ok", said)


def _shape(role: Role, function: Configuration) -> Iterator[Finding]:
    is_image = function.get("PackageType") == "Image"
    handler = function.get("Handler")
    if not is_image and handler != role.handler:
        said = f"it calls {handler}, and its name promises {role.handler}"
        yield Finding(AREA, role.name, "failed", said, "deploy serverless.yml of this checkout")
    runtime = str(function.get("Runtime", ""))
    if not is_image and _python(runtime) < _OLDEST_PYTHON:
        said = f"runtime {runtime or 'unknown'}, and the worker needs Python 3.11 or newer"
        yield Finding(
            AREA, role.name, "failed", said, "set runtime in serverless.yml, deploy again"
        )
    memory_mb = int(function.get("MemorySize", 0))
    if memory_mb < _LEAST_MEMORY_MB:
        said = f"{memory_mb} MB: a worker takes about 110, and pictures come on top"
        fix = f'at least {_LEAST_MEMORY_MB}: make deploy PARAMS="memoryMb=512"'
        yield Finding(AREA, role.name, "warning", said, fix)


def _reserved(aws: Aws, role: Role, name: str) -> Iterator[Finding]:
    action = "lambda:GetFunctionConcurrency"
    answer = aws.ask(action, f"function {name}", FunctionName=name)
    reserved = answer.get("ReservedConcurrentExecutions")
    if reserved is None:
        return
    said = (
        "reserved concurrency 0: it is switched off"
        if reserved == 0
        else f"reserved concurrency {reserved}: at that, Lambda throttles its own poller, and each "
        "throttled batch counts as a receive"
    )
    fix = f"`aws lambda delete-function-concurrency --function-name {name}`"
    if role.queue and reserved:
        fix += "; the mapping's maximum concurrency is what limits it"
    yield Finding(AREA, role.name, "failed", said, fix)


def _visibility(aws: Aws, role: Role, timeout_s: int, url: str) -> Iterator[Finding]:
    action = "sqs:GetQueueAttributes"
    answer = aws.ask(action, url, QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    visibility_s = int(answer.get("Attributes", {}).get("VisibilityTimeout", 0))
    wanted_s = TIMEOUTS_PER_VISIBILITY * timeout_s
    if visibility_s >= wanted_s:
        said = f"its queue hides a message for {visibility_s} s, {visibility_s // max(1, timeout_s)} timeouts"
        yield Finding(AREA, role.name, "ok", said)
        return
    said = (
        f"its timeout is {timeout_s} s, and its queue hides a message for {visibility_s} s only: "
        "it turns up again while it is worked on, or while Lambda still tries it"
    )
    parameter = "Request" if role.name == "requests" else "Poll"
    fix = (
        f"{TIMEOUTS_PER_VISIBILITY} times the timeout: "
        f'make deploy RESOURCE_PARAMS="{parameter}VisibilityTimeoutSeconds={wanted_s}", or a '
        "shorter timeout"
    )
    level: Level = "failed" if visibility_s < timeout_s else "warning"
    yield Finding(AREA, role.name, level, said, fix)


def _python(runtime: str) -> tuple[int, ...]:
    numbers = runtime.removeprefix("python").split(".")
    return tuple(int(one) for one in numbers) if all(one.isdigit() for one in numbers) else ()
