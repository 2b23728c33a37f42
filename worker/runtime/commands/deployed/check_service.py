"""Checks the ECS service: tasks that run, the last deployment, the image, settings and the stop."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from worker import __version__
from worker.contracts.text import shorten
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.stacks import Stack, physical_ids
from worker.runtime.commands.deployed.variables import check_variables
from worker.runtime.commands.findings import Finding, findings_of
from worker.runtime.commands.wording import count

AREA: Final = "Service"

CONTAINER: Final = "worker"
LEAST_STOP_S: Final = 30
"""A stop ends within 25 s; a container that is killed earlier leaves its work to the visibility."""

_VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")

Description = Mapping[str, Any]


def read_variables(aws: Aws, stack: Stack, into: dict[str, str]) -> Iterator[Finding]:
    """Checks the service of a container stack; reads the environment of its container into `into`."""
    cluster, name = stack.outputs.get("ClusterName"), stack.outputs.get("ServiceName")
    if not cluster or not name:
        return
    answer = aws.ask("ecs:DescribeServices", f"service {name}", cluster=cluster, services=[name])
    if not answer.get("services"):
        said = f"there is no service {name} in cluster {cluster}"
        yield Finding(AREA, name, "failed", said, "deploy infra/container.yml again")
        return
    service = answer["services"][0]
    yield from _tasks(name, service, stack)
    yield from _deployments(name, service)
    task = str(service.get("taskDefinition", ""))
    yield from findings_of(AREA, name, lambda: _wanted(aws, name, task, stack))
    described = aws.ask("ecs:DescribeTaskDefinition", f"task {task}", taskDefinition=task)
    containers = described["taskDefinition"].get("containerDefinitions", ())
    for container in containers:
        if container.get("name") == CONTAINER:
            into.update({one["name"]: one["value"] for one in container.get("environment", ())})
            yield from _container(container, stack)
            return
    said = f"its task has no container called {CONTAINER}"
    yield Finding(AREA, name, "failed", said, "deploy infra/container.yml again")


def check_service_variables(variables: Mapping[str, str], resources: Stack) -> Iterator[Finding]:
    """The environment of the container against the outputs."""
    yield from check_variables(AREA, "settings", variables, resources)


def _tasks(name: str, service: Description, stack: Stack) -> Iterator[Finding]:
    cluster = stack.outputs["ClusterName"]
    running, desired = int(service.get("runningCount", 0)), int(service.get("desiredCount", 0))
    if service.get("status") != "ACTIVE":
        said = f"the service is {service.get('status')}"
        yield Finding(AREA, name, "failed", said, "deploy infra/container.yml again")
    elif running < desired:
        events = service.get("events") or [{}]
        why = shorten(str(events[0].get("message", "no event says why")), 300)
        said = f"{running} of {count(desired, 'task')} run; {why}"
        fix = (
            "wait if they are only starting; else see why the last ones stopped: "
            f"`aws ecs list-tasks --cluster {cluster} --service-name {name} --desired-status STOPPED`, "
            "and the logs"
        )
        yield Finding(AREA, name, "failed", said, fix)
    elif desired == 0 and stack.parameters.get("MinTasks") != "0":
        said = "no task is wanted: somebody set the number to 0"
        fix = (
            f"`aws ecs update-service --cluster {cluster} --service {name} --desired-count 1`, "
            "or deploy again"
        )
        yield Finding(AREA, name, "failed", said, fix)
    else:
        said = f"{count(running, 'task')} run" if running != 1 else "1 task runs"
        said += ": it rests until there is work" if desired == 0 else f", {desired} wanted"
        yield Finding(AREA, name, "ok", said)


def _deployments(name: str, service: Description) -> Iterator[Finding]:
    for deployment in service.get("deployments", ()):
        if deployment.get("status") != "PRIMARY":
            continue
        state = deployment.get("rolloutState", "COMPLETED")
        why = shorten(str(deployment.get("rolloutStateReason", "")), 300)
        if state == "FAILED":
            said = f"the last deployment failed: {why}"
            yield Finding(AREA, name, "failed", said, "put that right and deploy again")
        elif state == "IN_PROGRESS":
            said = f"a deployment is under way: {why}"
            yield Finding(AREA, name, "warning", said, "look again when that has ended")


def _wanted(aws: Aws, name: str, task: str, stack: Stack) -> Iterator[Finding]:
    """ECS takes a deployment back by itself when its tasks do not start."""
    wanted = physical_ids(aws, stack, "AWS::ECS::TaskDefinition")
    if wanted and task not in wanted:
        said = f"it runs {_short(task)}, and the stack made {_short(wanted[0])}: it was taken back"
        fix = "see the service's events for why the new tasks did not start, then deploy again"
        yield Finding(AREA, name, "failed", said, fix)


def _container(container: Description, stack: Stack) -> Iterator[Finding]:
    image = str(container.get("image", ""))
    wanted = stack.parameters.get("ImageUri", image)
    tag = image.rpartition(":")[2]
    version = _VERSION.fullmatch(tag)
    if image != wanted:
        said = f"it runs {image}, and the stack says {wanted}"
        yield Finding(AREA, "image", "failed", said, "deploy infra/container.yml again")
    elif tag == "latest":
        said = f"{image}: a task that starts tomorrow may run another image than one of today"
        fix = "deploy a tag that does not move, or a digest"
        yield Finding(AREA, "image", "warning", said, fix)
    elif version and version[1] != __version__:
        fix = "check out what is deployed, or deploy an image of this checkout"
        yield Finding(AREA, "image", "warning", f"{image}; this is {__version__}", fix)
    else:
        yield Finding(AREA, "image", "ok", image)
    stop_s = int(container.get("stopTimeout", LEAST_STOP_S))
    if stop_s < LEAST_STOP_S:
        said = f"it is killed {stop_s} s after it is told to stop, and needs up to 25"
        fix = "set StopTimeout to 30, as infra/container.yml does"
        yield Finding(AREA, "stop", "failed", said, fix)
    else:
        yield Finding(AREA, "stop", "ok", f"has {stop_s} s to end")


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
