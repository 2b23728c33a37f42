"""Compares the settings that something deployed has with the outputs of its resources stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from worker.contracts.text import redact, shorten
from worker.runtime.commands.deployed.stacks import Stack
from worker.runtime.commands.findings import Finding
from worker.settings import SETTINGS

FROM_OUTPUTS: Final[Mapping[str, str]] = {
    "WORKER_REQUEST_QUEUE_URL": "RequestQueueUrl",
    "WORKER_POLL_QUEUE_URL": "PollQueueUrl",
    "WORKER_DEAD_LETTER_QUEUE_URL": "DeadLetterQueueUrl",
    "WORKER_JOB_TABLE": "JobTableName",
    "WORKER_RESULT_TOPIC_ARN": "ResultTopicArn",
    "WORKER_INPUT_BUCKETS": "InputBucketName",
    "WORKER_OUTPUT_BUCKETS": "OutputBucketName",
}
"""Variable and the output of the resources stack that it comes from."""

_LISTS: Final = {"WORKER_INPUT_BUCKETS", "WORKER_OUTPUT_BUCKETS"}
"""May name further buckets beside that of the stack."""

_SECRETS: Final = tuple(spec.name for spec in SETTINGS if spec.secret)


def settings_of_outputs(resources: Stack) -> dict[str, str]:
    """The variables that a resources stack gives, where its outputs are there."""
    return {
        variable: resources.outputs[output]
        for variable, output in FROM_OUTPUTS.items()
        if resources.outputs.get(output)
    }


def check_variables(
    area: str, name: str, has: Mapping[str, str], resources: Stack
) -> Iterator[Finding]:
    """Finds variables that are missing or name something else, and secrets in plain sight.

    Args:
        area: of the findings.
        name: what has the variables.
        has: the variables.
        resources: whose outputs count.
    """
    fix = "deploy it again; a stack keeps the values of its last deployment"
    for variable, wanted in settings_of_outputs(resources).items():
        value = has.get(variable, "")
        values = {one.strip() for one in value.split(",")} if variable in _LISTS else {value}
        if not value:
            yield Finding(area, name, "failed", f"{variable} is not set", fix)
        elif wanted not in values:
            said = (
                f"{variable} is {_shown(value)}, and the output {FROM_OUTPUTS[variable]} {wanted}"
            )
            yield Finding(area, name, "failed", said, fix)
    service = has.get("POWERTOOLS_SERVICE_NAME", "")
    if service != resources.name:
        said = (
            f"POWERTOOLS_SERVICE_NAME is {_shown(service) or 'not set'}: its figures do not reach "
            f"the alarms and the dashboard of {resources.name}"
        )
        yield Finding(area, name, "warning", said, fix)
    for variable in _SECRETS:
        if has.get(variable):
            said = f"{variable} stands in its configuration, where many may read it"
            fix = "put it into Secrets Manager (`make secret`), and its ARN into HAUTECH_SECRET_ARN"
            yield Finding(area, name, "warning", said, fix)


def _shown(value: str) -> str:
    return shorten(redact(value), 120)
