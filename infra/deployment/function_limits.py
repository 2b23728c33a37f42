"""What the `params` of serverless.yml may be, before osls or AWS refuse them with half a stage made.

Their limits are Lambda's; those that become settings are read as the worker itself will read them.
(Sources: Lambda guide, "Lambda quotas" and "Using Lambda with Amazon SQS"; CloudWatch Logs API,
PutRetentionPolicy.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from infra.deployment.parameters import Declared
from infra.deployment.yaml_file import ROOT, read_yaml
from worker.errors import SettingsError
from worker.runtime.lambda_queue import SHORTEST_S
from worker.settings import load_settings

FILE: Final = "serverless.yml"

_LARGEST_WITHOUT_WINDOW: Final = 10
"""Messages in a batch that Lambda does not gather for."""

_TIMEOUT: Final = {"Type": "Number", "MinValue": SHORTEST_S, "MaxValue": 900}
_AT_ONCE: Final = {"Type": "Number", "MinValue": 2, "MaxValue": 1000}
_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

LIMITS: Final[Mapping[str, Declared]] = {
    "architecture": {"Type": "String", "AllowedValues": ["arm64", "x86_64"]},
    "memoryMb": {"Type": "Number", "MinValue": 128, "MaxValue": 10_240},
    # It has no window, see serverless.yml.
    "requestsBatch": {"Type": "Number", "MinValue": 1, "MaxValue": _LARGEST_WITHOUT_WINDOW},
    "requestsConcurrency": _AT_ONCE,
    "requestsTimeoutSeconds": _TIMEOUT,
    "pollsBatch": {"Type": "Number", "MinValue": 1, "MaxValue": 10_000},
    "pollsWindowSeconds": {"Type": "Number", "MinValue": 0, "MaxValue": 300},
    "pollsConcurrency": _AT_ONCE,
    "pollsTimeoutSeconds": _TIMEOUT,
    "logRetentionDays": {"Type": "Number", "AllowedValues": _DAYS},
}
"""By name; in the form in which CloudFormation declares a parameter."""

_VISIBILITY: Final = {
    "requestsTimeoutSeconds": "RequestVisibilityTimeoutSeconds",
    "pollsTimeoutSeconds": "PollVisibilityTimeoutSeconds",
}


def problems_of_functions(
    given: Mapping[str, str], values: Mapping[str, str], resources: Mapping[str, str]
) -> Iterator[str]:
    """What no limit of one value can tell.

    Args:
        given: of the values, those that a person gave, now or before.
        values: all params of serverless.yml.
        resources: what the parameters of infra/resources.yml come to.
    """
    yield from _settings(given)
    yield from _zip(given, values)
    batch, window = values["pollsBatch"], values["pollsWindowSeconds"]
    if window == "0" and batch.isdigit() and int(batch) > _LARGEST_WITHOUT_WINDOW:
        yield (
            f"PARAMS: pollsBatch={batch} pollsWindowSeconds=0: without a window, "
            f"{_LARGEST_WITHOUT_WINDOW} at most: Lambda does not gather more at once"
        )
    for name, visibility in _VISIBILITY.items():
        timeout, hidden = values[name], resources.get(visibility, "")
        if timeout.isdigit() and hidden.isdigit() and int(timeout) > int(hidden):
            yield (
                f"PARAMS: {name}={timeout}: longer than its queue hides a message ({hidden} s), which "
                f'Lambda refuses: RESOURCE_PARAMS="{visibility}=…", six times as much'
            )


def _settings(given: Mapping[str, str]) -> Iterator[str]:
    """Values that become a variable of the worker, as its own reader finds them."""
    variables: Mapping[str, Any] = read_yaml(FILE)["provider"]["environment"]
    for variable, text in variables.items():
        found = re.fullmatch(r"\$\{param:(\w+)\}", str(text))
        if found is None or not given.get(found[1]):
            continue
        try:
            load_settings({variable: given[found[1]]}, needs=())
        except SettingsError as error:
            for problem in error.problems:
                shown = f"={problem.value.strip(chr(39))}" if problem.value else ""
                yield f"PARAMS: {found[1]}{shown}: {problem.rule}"


def _zip(given: Mapping[str, str], values: Mapping[str, str]) -> Iterator[str]:
    """A zip of one's own is there, and is for the machine that runs it."""
    artifact, architecture = given.get("artifact"), values["architecture"]
    usual: Mapping[str, str] = read_yaml(FILE)["params"]["default"]
    if artifact and artifact != usual["artifact"] and not (ROOT / Path(artifact)).is_file():
        yield f"PARAMS: artifact={artifact}: there is no such file: `make package` makes zips in build/"
    if not artifact and architecture != usual["architecture"]:
        yield (
            f"PARAMS: architecture={architecture}: its zip is another one: `make package "
            f'ARCH={architecture}`, then PARAMS="architecture={architecture} '
            f'artifact=build/hautech-worker-{architecture}-py3.13.zip"'
        )
