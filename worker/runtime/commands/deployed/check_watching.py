"""Checks what people look at when something is wrong: logs that are kept, alarms that are heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from worker.contracts.text import shorten
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.stacks import Stack, physical_ids
from worker.runtime.commands.findings import Finding, findings_of

LOGS: Final = "Logs"
ALARMS: Final = "Alarms"


def check_logs(aws: Aws, groups: Iterable[str]) -> Iterator[Finding]:
    """That each log group is there and does not grow for ever."""
    for group in groups:
        yield from findings_of(LOGS, group, partial(_group, aws, group))


def check_alarms(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """That the alarms of a monitoring stack are there, quiet, and told to somebody."""
    yield from findings_of(ALARMS, "alarms", lambda: _alarms(aws, stack))
    if topic := stack.outputs.get("AlarmTopicArn"):
        yield from findings_of(ALARMS, "topic", lambda: _listeners(aws, topic))


def _group(aws: Aws, group: str) -> Iterator[Finding]:
    action = "logs:DescribeLogGroups"
    listed = aws.list(action, f"log group {group}", "logGroups", logGroupNamePrefix=group)
    found = [one for one in listed if one["logGroupName"] == group]
    if not found:
        said = "it is not there, and the worker may not make it: nothing is logged"
        yield Finding(LOGS, group, "failed", said, "deploy the stack again")
        return
    days = found[0].get("retentionInDays")
    if days:
        yield Finding(LOGS, group, "ok", f"kept for {days} days")
    else:
        fix = f"`aws logs put-retention-policy --log-group-name {group} --retention-in-days 30`"
        yield Finding(LOGS, group, "warning", "kept for ever, and paid for", fix)


def _alarms(aws: Aws, stack: Stack) -> Iterator[Finding]:
    names = physical_ids(aws, stack, "AWS::CloudWatch::Alarm")
    if not names:
        said = f"stack {stack.name} has no alarms"
        yield Finding(ALARMS, "alarms", "failed", said, "deploy infra/monitoring.yml again")
        return
    action = "cloudwatch:DescribeAlarms"
    listed = aws.list(action, f"stack {stack.name}", "MetricAlarms", AlarmNames=names)
    alarms = {one["AlarmName"]: one for one in listed}
    quiet = 0
    for name in names:
        finding = _alarm(name, alarms.get(name))
        if finding is None:
            quiet += 1
        else:
            yield finding
    if quiet:
        yield Finding(ALARMS, "alarms", "ok", f"{quiet} of {len(names)} are quiet and can be heard")


def _alarm(name: str, alarm: dict[str, Any] | None) -> Finding | None:
    if alarm is None:
        fix = "deploy infra/monitoring.yml under another name, and delete this stack"
        return Finding(ALARMS, name, "failed", "somebody deleted it", fix)
    if alarm.get("StateValue") == "ALARM":
        said = f"it rings: {shorten(str(alarm.get('StateReason', 'no reason given')), 300)}"
        return Finding(ALARMS, name, "failed", said, "docs/runbook.md has its chapter")
    if not alarm.get("ActionsEnabled", True) or not alarm.get("AlarmActions"):
        fix = (
            f"`aws cloudwatch enable-alarm-actions --alarm-names {name}`, or deploy the stack again"
        )
        return Finding(ALARMS, name, "warning", "it tells nobody when it rings", fix)
    return None


def _listeners(aws: Aws, topic: str) -> Iterator[Finding]:
    answer = aws.ask("sns:GetTopicAttributes", topic, TopicArn=topic)
    listeners = int(answer["Attributes"].get("SubscriptionsConfirmed") or 0)
    if listeners:
        yield Finding(ALARMS, "topic", "ok", f"{listeners} confirmed subscription(s)")
        return
    fix = "subscribe somebody (AlarmEmail), and follow the link in the mail"
    yield Finding(ALARMS, "topic", "warning", "nobody has subscribed: alarms are not heard", fix)
