"""Asks AWS about a deployment: one call by the name of the permission that it needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, UnknownServiceError

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.errors import Problem, SettingsError

_CONFIG: Final = Config(
    connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3}
)

MakeClient = Callable[[str], Any]
"""Makes the client of a service, such as `lambda`. botocore's own have no types."""


class Aws:
    """An account and region that is looked at; clients are made when first needed.

    Args:
        make_client: of botocore, or of a test.
        region: for messages.
    """

    def __init__(self, make_client: MakeClient, region: str) -> None:
        self.region = region
        self._make_client = make_client
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            self._clients[service] = self._make_client(service)
        return self._clients[service]

    def ask(
        self, action: str, resource: str, *, call: str = "", **parameters: Any
    ) -> dict[str, Any]:
        """The answer to one read.

        Args:
            action: permission that it needs, which for most reads here is the name of the call as
                well: `lambda:GetFunctionConfiguration`.
            resource: what is asked about, for messages.
            call: its name where it is another one, as `s3:GetBucketEncryption`.
            parameters: of the call.

        Raises:
            WorkerError: refused or failed; it names the permission if that is missing.
        """
        with aws_errors(_call(action), resource):
            answer: dict[str, Any] = self._method(call or action)(**parameters)
        return answer

    def list(self, action: str, resource: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
        """All entries under `key` of an answer that comes in pages; raises as `ask`."""
        service, _, operation = action.partition(":")
        with aws_errors(_call(action), resource):
            pages = self.client(service).get_paginator(xform_name(operation)).paginate(**parameters)
            return [one for page in pages for one in page.get(key, ())]

    def close(self) -> None:
        """Closes all connections."""
        for client in self._clients.values():
            client.close()

    def _method(self, action: str) -> Callable[..., Any]:
        service, _, operation = action.partition(":")
        method: Callable[..., Any] = getattr(self.client(service), xform_name(operation))
        return method


def sign_in() -> Aws:
    """The account and region of the environment; nothing is asked yet.

    Raises:
        SettingsError: there is no region, or the SDK cannot use its own settings.
    """
    try:
        session = botocore.session.Session()
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    except BotoCoreError as error:
        rule = f"the AWS SDK cannot use its settings: {error}"
        fix = "check AWS_PROFILE and AWS_CONFIG_FILE"
        raise SettingsError([Problem("AWS settings", "", rule, fix)]) from error
    if not region:
        fix = "set AWS_REGION to the region of the stack, such as eu-west-1"
        raise SettingsError([Problem("AWS_REGION", "", "not set", fix)])

    def make_client(service: str) -> Any:
        try:
            return session.create_client(service, region_name=region, config=_CONFIG)
        except UnknownServiceError as error:
            rule = "this installation has the SDK's models of the worker's own services only"
            fix = "run it from a clone: .venv/bin/hautech-worker doctor --deployed STACK"
            raise SettingsError([Problem(service, "", rule, fix)]) from error

    return Aws(make_client, region)


def _call(action: str) -> AwsCall:
    service, _, operation = action.partition(":")
    return AwsCall(service, operation, action)
