"""A deployed stage: emulated AWS that enforces IAM, the stand-in of Hautech, and the functions."""

from __future__ import annotations

import json
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import psutil

from infra.deployment.env_file import FOLDER
from infra.deployment.stage import Stage
from sandbox.aws import MiniStack, StackOutputs, subscribe_queue
from sandbox.children import StandInProcess
from sandbox.hautech import ControlClient
from sandbox.stack_user import StackUser
from tests.deploy.permissions import DeployedRole
from tests.support.deployment import environment_of, run_deployment

ROOT: Final = Path(__file__).resolve().parents[2]

FUNCTIONS: Final = ("requests", "polls", "reconcile")

DEADLINE_S: Final = 120.0
"""For things that take a few seconds; the machine may be busy."""

FUNCTION_TIMEOUT_S: Final = 40
"""Short, so that a function that hangs is soon seen to; the worker itself demands 28 s, and
a cold start on a busy machine has taken 6 s of it."""

VISIBILITY_S: Final = FUNCTION_TIMEOUT_S
"""The least that Lambda takes, so that the messages of a killed function are soon back. On AWS it is six timeouts, so that
nobody else gets them meanwhile; here others do get them, and have to leave the job alone."""

AGAIN_S: Final = FUNCTION_TIMEOUT_S + VISIBILITY_S + DEADLINE_S
"""Until somebody else has the message of a function that ended, and the job that it held."""

PIPELINE_S: Final = 1.0

_LOOK_EVERY_S: Final = 0.1
_LOG_LINES_SHOWN: Final = 60

Found = TypeVar("Found")


class DeployedStage(StackUser):
    """The worker on emulated Lambda for as long as a `with` block lasts.

    Attributes:
        stage: its names.
        standin: steers the stand-in of Hautech and tells what it was asked.
        canaries: texts that must not turn up in any log.
        roles: those of the functions, by the functions' short names.
    """

    stage: Stage
    standin: ControlClient
    canaries: tuple[str, ...]
    roles: dict[str, DeployedRole]

    def __init__(self) -> None:
        self.stage = Stage(f"test-{secrets.token_hex(3)}")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Starts emulator and stand-in, stores the secret and deploys.

        Raises:
            EmulatorError: AWS or the stand-in did not start.
            AssertionError: a command failed; it shows what the command said.
        """
        try:
            self._start()
        except BaseException:  # also Ctrl-C while it starts
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stops all of it."""
        self.close()

    def close(self) -> None:
        """Stops all of it. May be repeated."""
        self._open.close()

    # -- what somebody does who deploys ------------------------------------------------------

    def run(self, *arguments: str, given: str = "", is_wrong: bool = False) -> str:
        """Runs a command of `infra.deployment` for this stage; all that it said.

        Args:
            arguments: the command and its options.
            given: what it reads from stdin.
            is_wrong: whether it must fail; otherwise it must not.
        """
        own = () if "--stage" in arguments else ("--stage", self.stage.name)
        status, said = run_deployment((*arguments, *own), self.environment(), given=given)
        assert (status != 0) == is_wrong, f"{' '.join(arguments)}:\n{said}\n{self.trouble()}"
        return said

    def deploy(self, resources: Mapping[str, str] | None = None, **changes: str) -> str:
        """Runs `deploy` with what this machine needs, and what is changed; all that it said.

        Args:
            resources: values of RESOURCE_PARAMS.
            changes: values of PARAMS.
        """
        parameters = {
            "artifact": str(self.artifact),
            "architecture": "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
            "hautechApiUrl": self._standin_process.api_url,
            "requestsTimeoutSeconds": str(FUNCTION_TIMEOUT_S),
            "pollsTimeoutSeconds": str(FUNCTION_TIMEOUT_S),
            "requestsConcurrency": "4",
            "pollsConcurrency": "4",
            "logLevel": "debug",
            **changes,
        }
        of_resources = {
            "RequireTls": "false",  # the emulator speaks plain HTTP and enforces policies
            "RequestVisibilityTimeoutSeconds": str(VISIBILITY_S),
            "PollVisibilityTimeoutSeconds": str(VISIBILITY_S),
            **(resources or {}),
        }
        said = self.run(
            *("deploy", "--params", _pairs(parameters), "--resource-params", _pairs(of_resources)),
            *("--monitoring-params", "UseMetricMath=false"),  # the emulator has none
        )
        self.roles = {name: self._role(name) for name in FUNCTIONS}
        return said

    def environment(self) -> dict[str, str]:
        """Of the commands: nothing of our own but the way to Python and Node."""
        return {
            **environment_of(self.aws, self._ministack.folder),
            "SLS_AWS_MONITORING_FREQUENCY": "500",  # osls looks at its stack twice a second
        }

    @cached_property
    def artifact(self) -> Path:
        """The zip for this machine, relative to the repository."""
        version = f"py{sys.version_info.major}.{sys.version_info.minor}"
        return Path("build") / f"hautech-worker-native-{version}.zip"

    # -- what somebody sees who looks --------------------------------------------------------

    def function(self, name: str) -> str:
        """The full name of `requests`, `polls` or `reconcile`."""
        return f"{self.stage.functions_stack}-{name}"

    def log(self, name: str, *, since: float = 0.0) -> list[str]:
        """The lines of a function's log group, those from a moment (epoch seconds) on."""
        pages = self.aws.client("logs").get_paginator("filter_log_events")
        group = f"/aws/lambda/{self.function(name)}"
        return [
            str(event["message"])
            for page in pages.paginate(logGroupName=group, startTime=int(since * 1000))
            for event in page["events"]
        ]

    def processes(self, name: str) -> list[psutil.Process]:
        """The processes of a function that run now: those of our own emulator only."""
        mark = f"ministack-lambda-{self.function(name)}-"
        found = []
        for process in psutil.Process(self._ministack.pid).children(recursive=True):
            try:
                if mark in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def start_anew(self, name: str, **environment: str) -> None:
        """The next invocation of a function has a new process, with these further settings."""
        client, function = self.aws.client("lambda"), self.function(name)
        known = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        # The emulator goes by the environment; a changed description alone would change nothing.
        started = {"STARTED_ANEW": str(time.time())}
        client.update_function_configuration(
            FunctionName=function, Environment={"Variables": {**known, **started, **environment}}
        )

    def enable(self, name: str, *, is_on: bool) -> None:
        """Whether a function is given the messages of its queue."""
        client = self.aws.client("lambda")
        function = self.function(name)
        (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=is_on)

    def invoke(self, name: str) -> dict[str, Any]:
        """What a function answers that is called by hand; its error, if it fails."""
        answer = self.aws.client("lambda").invoke(FunctionName=self.function(name), Payload=b"{}")
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def wait_for(self, predicate: Callable[[], Found], *, deadline_s: float = DEADLINE_S) -> Found:
        """Asks `predicate` until it says something true, and returns that.

        Raises:
            AssertionError: the deadline passed; it shows what the functions logged last.
        """
        deadline = time.monotonic() + deadline_s
        while not (found := predicate()):
            assert time.monotonic() < deadline, f"not within {deadline_s:g} s\n{self.trouble()}"
            time.sleep(_LOOK_EVERY_S)
        return found

    def emulator_log(self) -> str:
        """What the emulator itself wrote."""
        return self._ministack.log()

    def trouble(self) -> str:
        """The last lines of everything, for a person to read."""
        parts = [f"--- emulator ---\n{self._ministack.log_tail()}"]
        for name in FUNCTIONS:
            try:
                lines = self.log(name)
            except self.aws.client("logs").exceptions.ResourceNotFoundException:
                continue
            parts.append("\n".join([f"--- {name} ---", *lines[-_LOG_LINES_SHOWN:]]))
        return "\n".join(parts)

    # -- starting ----------------------------------------------------------------------------

    def _start(self) -> None:
        self._standin_process = StandInProcess({"durationSeconds": PIPELINE_S})
        self._open.callback(self._standin_process.stop)
        self._ministack = self._open.enter_context(MiniStack(enforce_iam=True))
        self.aws = self._ministack.aws
        self.standin = self._open.enter_context(self._standin_process.wait_until_ready())
        credentials = self._standin_process.credentials
        self.canaries = (credentials.key_secret,)
        secret = {
            "HAUTECH_APP_ID": credentials.app_id,
            "HAUTECH_APP_KEY_ID": credentials.key_id,
            "HAUTECH_APP_KEY_SECRET": credentials.key_secret,
        }
        self._open.callback(shutil.rmtree, ROOT / ".serverless", ignore_errors=True)
        self._open.callback((FOLDER / f"{self.stage.name}.env").unlink, missing_ok=True)
        self.run("secret", given=json.dumps(secret))
        self.said = self.deploy()
        stacks = self.aws.client("cloudformation").describe_stacks(
            StackName=self.stage.resources_stack
        )["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks[0].get("Outputs", [])}
        self.outputs = StackOutputs.from_mapping(outputs)
        self.events_queue_url = subscribe_queue(self.aws, self.outputs.result_topic_arn)
        self._close_topic()

    def _close_topic(self) -> None:
        """Replaces SNS's default policy, by which the whole account may publish.

        On AWS the template does that, with the rule about TLS that would shut us out here.
        """
        topic = self.outputs.result_topic_arn
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"StringEquals": {"aws:PrincipalArn": "nobody"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.aws.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
        )

    def _role(self, name: str) -> DeployedRole:
        configuration = self.aws.client("lambda").get_function_configuration(
            FunctionName=self.function(name)
        )
        return DeployedRole(self.aws, configuration["Role"].rpartition("/")[2])


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
