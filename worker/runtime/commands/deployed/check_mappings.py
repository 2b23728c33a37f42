"""Checks what brings the functions their work: event source mappings, and the schedule of reconcile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from worker.contracts.text import shorten
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.check_functions import ROLES, Configuration, Role
from worker.runtime.commands.deployed.stacks import Stack, physical_ids
from worker.runtime.commands.findings import Finding, findings_of

AREA: Final = "What starts them"

_BEING_CHANGED: Final = {"Creating", "Enabling", "Updating"}


def check_starts(
    aws: Aws, found: Mapping[str, Configuration], stack: Stack, resources: Stack
) -> Iterator[Finding]:
    """A mapping from each queue, room in the account for what they may start, and a rule that is on."""
    most: list[int] = []
    for role in ROLES:
        if role.queue and role.name in found:
            name = str(found[role.name]["FunctionName"])
            arn = resources.outputs.get(f"{role.queue}Arn", "")
            yield from findings_of(AREA, role.name, partial(_mapping, aws, role, name, arn, most))
    if most:
        yield from findings_of(AREA, "concurrency", lambda: _room(aws, sum(most)))
    yield from findings_of(AREA, "reconcile", lambda: _schedule(aws, stack))


def _mapping(aws: Aws, role: Role, name: str, queue_arn: str, most: list[int]) -> Iterator[Finding]:
    """Adds to `most` how many invocations the mapping may start side by side, if that is limited."""
    action = "lambda:ListEventSourceMappings"
    listed = aws.list(action, f"function {name}", "EventSourceMappings", FunctionName=name)
    wanted = [one for one in listed if one.get("EventSourceArn") == queue_arn]
    for one in listed:
        if one not in wanted:
            said = f"it also gets {one.get('EventSourceArn')}, which it cannot know what to do with"
            yield Finding(AREA, role.name, "warning", said, f"remove mapping {one.get('UUID')}")
    if not wanted:
        said = f"nothing brings it the messages of {queue_arn or 'its queue'}"
        yield Finding(AREA, role.name, "failed", said, "deploy serverless.yml again")
        return
    most += [limit] if (limit := _most(wanted[0])) else []
    yield from _state(role, wanted[0])
    yield from _manners(role, wanted[0])


def _state(role: Role, mapping: Mapping[str, Any]) -> Iterator[Finding]:
    state, uuid = str(mapping.get("State")), mapping.get("UUID")
    result = str(mapping.get("LastProcessingResult", ""))
    if state in _BEING_CHANGED:
        said = f"the mapping is {state.lower()}"
        yield Finding(AREA, role.name, "warning", said, "look again when that has ended")
    elif state != "Enabled":
        said = f"the mapping is {state.lower()}: no message is taken"
        fix = f"`aws lambda update-event-source-mapping --uuid {uuid} --enabled`"
        yield Finding(AREA, role.name, "failed", said, fix)
    elif result.startswith("PROBLEM"):
        fix = "give the function's role what it names, as infra/lambda.yml does"
        yield Finding(AREA, role.name, "failed", shorten(result, 300), fix)
    else:
        said = f"batches of {mapping.get('BatchSize')}, {_most(mapping) or 'any number of'} at once"
        yield Finding(AREA, role.name, "ok", said)


def _manners(role: Role, mapping: Mapping[str, Any]) -> Iterator[Finding]:
    uuid = mapping.get("UUID")
    change = f"`aws lambda update-event-source-mapping --uuid {uuid} "
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", ()):
        said = (
            "partial batch responses are off: messages that the function hands back are deleted "
            "as if they were done"
        )
        fix = f"{change}--function-response-types ReportBatchItemFailures`"
        yield Finding(AREA, role.name, "failed", said, fix)
    if not _most(mapping):
        said = "no maximum concurrency: it may take all that the account has"
        fix = f"{change}--scaling-config MaximumConcurrency=10`"
        yield Finding(AREA, role.name, "warning", said, fix)


def _most(mapping: Mapping[str, Any]) -> int:
    """How many invocations it starts side by side at most; 0 for no limit."""
    return int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency") or 0)


def _room(aws: Aws, most: int) -> Iterator[Finding]:
    """Lambda sets nothing aside for a mapping: at the account's limit it throttles its own pollers."""
    limits = aws.ask("lambda:GetAccountSettings", "the account").get("AccountLimit", {})
    left = limits.get("UnreservedConcurrentExecutions")
    if left is None:
        return
    said = f"they may start {most} side by side; the account leaves {left} to all functions"
    if left > most:  # reconcile is one more
        yield Finding(AREA, "concurrency", "ok", said)
        return
    fix = (
        "have the quota raised (Service Quotas, AWS Lambda, Concurrent executions), or "
        'make deploy PARAMS="requestsConcurrency=… pollsConcurrency=…"'
    )
    yield Finding(AREA, "concurrency", "warning", f"{said}: at that they are throttled", fix)


def _schedule(aws: Aws, stack: Stack) -> Iterator[Finding]:
    rules = physical_ids(aws, stack, "AWS::Events::Rule")
    if not rules:
        said = "no rule starts it: jobs whose message was lost are never found"
        yield Finding(AREA, "reconcile", "failed", said, "deploy serverless.yml again")
    for rule in rules:
        answer = aws.ask("events:DescribeRule", f"rule {rule}", Name=rule)
        said = str(answer.get("ScheduleExpression", ""))
        if answer.get("State") == "ENABLED":
            yield Finding(AREA, "reconcile", "ok", said)
        else:
            said = f"its schedule ({said}) is off: jobs whose message was lost are not found"
            fix = f"`aws events enable-rule --name {rule}`"
            yield Finding(AREA, "reconcile", "failed", said, fix)
