"""The three functions of serverless.yml on the local stack, with the real package and the probe."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3

from bench.waiting.invocations import Invocation, parse_lines
from infra.deployment.account import Account
from infra.deployment.osls import deploy_functions
from infra.deployment.stage import Stage
from infra.lambda_package.build import ROOT
from infra.lambda_package.target import target_of
from sandbox.local import LocalStack

STAGE: Final = Stage("bench")
FUNCTIONS: Final = ("requests", "polls", "reconcile")
_PROBE: Final = Path(__file__).with_name("probe.py")
_ACCOUNT_ID: Final = "000000000000"
_STACK: Final = "local"
"""What `LocalStack` calls its stack of infra/resources.yml, on which the functions are built."""


def native_package() -> Path:
    """The zip that `make package ARCH=native` makes, for the interpreter of the emulator.

    Raises:
        FileNotFoundError: it has not been made.
    """
    path = ROOT / "build" / target_of("native", None).file_name
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}: run `make package ARCH=native`")
    return path


class Deployed:
    """Functions on a stack, whose invocations are written down.

    Args:
        stack: without workers.
        package: the zip.
        folder: for the probed zip and the notes of the probe; it has to outlive the stack.
        concurrency: most invocations of a function at once. Less than serverless.yml allows: each is
            a process of its own on this machine.
    """

    def __init__(
        self, stack: LocalStack, package: Path, folder: Path, *, concurrency: int = 4
    ) -> None:
        self._aws = stack.aws
        self._notes = folder / "invocations.jsonl"
        self._notes.touch()
        secret = stack.aws.client("secretsmanager").create_secret(
            Name=STAGE.secret_name,
            SecretString=json.dumps({"HAUTECH_API_TOKEN": stack.credentials.api_token}),
        )
        self._lambda: Any = stack.aws.client("lambda")
        parameters = {
            "resourcesStack": _STACK,
            "hautechApiUrl": stack.api_url,
            "hautechSecretArn": secret["ARN"],
            "artifact": str(package),
            "requestsConcurrency": str(concurrency),
            "pollsConcurrency": str(concurrency),
        }
        with _signed_in(stack) as account:
            deploy_functions(account, STAGE, parameters)
        self._put_probe(package, folder / "probed.zip")

    def invocations(self) -> list[Invocation]:
        """All so far, in the order in which they ended."""
        return parse_lines(self._notes.read_text(encoding="utf-8"))

    def invoke(self, function: str, event: object) -> Invocation:
        """One invocation by hand; what the probe wrote of it.

        Raises:
            RuntimeError: it failed.
        """
        before = len(self._of(function))
        answer = self._lambda.invoke(
            FunctionName=_name(function), Payload=json.dumps(event).encode()
        )
        if answer.get("FunctionError"):
            raise RuntimeError(f"{function}: {answer['Payload'].read()[:500]!r}")
        return self._of(function)[before]

    def stop_polling(self, function: str) -> None:
        """Takes the queue of a function away from it: its messages stay."""
        mappings = self._lambda.list_event_source_mappings(FunctionName=_name(function))
        for one in mappings["EventSourceMappings"]:
            self._lambda.update_event_source_mapping(UUID=one["UUID"], Enabled=False)

    def _of(self, function: str) -> list[Invocation]:
        # The emulator keeps to the schedule, too: reconcile runs beside all else.
        return [one for one in self.invocations() if one.function == function]

    def _put_probe(self, package: Path, probed: Path) -> None:
        shutil.copyfile(package, probed)
        with zipfile.ZipFile(probed, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.write(_PROBE, "bench_probe.py")
        code = probed.read_bytes()
        for function in FUNCTIONS:
            name = _name(function)
            found = self._lambda.get_function_configuration(FunctionName=name)
            variables = {
                **found["Environment"]["Variables"],
                "BENCH_HANDLER": found["Handler"],
                "BENCH_FILE": str(self._notes),
            }
            self._lambda.update_function_configuration(
                FunctionName=name,
                Handler="bench_probe.handle",
                Environment={"Variables": variables},
            )
            self._lambda.update_function_code(FunctionName=name, ZipFile=code)


def _name(function: str) -> str:
    return f"{STAGE.functions_stack}-{function}"


@contextmanager
def _signed_in(stack: LocalStack) -> Iterator[Account]:
    """The emulator as an account that osls can deploy to."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": stack.aws.endpoint_url,
        "SLS_AWS_MONITORING_FREQUENCY": "500",  # how often osls looks, in ms
    }
    try:
        session = boto3.Session(
            aws_access_key_id=stack.aws.access_key_id,
            aws_secret_access_key=stack.aws.secret_access_key,
            region_name=stack.aws.region,
        )
        yield Account(session, _ACCOUNT_ID, "the emulator", stack.aws.region)
    finally:
        os.environ.clear()
        os.environ |= before
