"""An AWS that answers reads from a table, each answer checked against the SDK's model of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters

from worker.runtime.commands.deployed.asking import Aws

REGION = "eu-west-1"

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


class AnswerError(Exception):
    """What AWS refuses: its code, its HTTP status and its words."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(code, status, message)
        self.code, self.status, self.message = code, status, message


def refused(action: str) -> AnswerError:
    """A missing permission, as AWS says it."""
    return AnswerError("AccessDeniedException", 400, f"is not authorized to perform: {action}")


def answering_aws(answers: Mapping[str, Answer]) -> Aws:
    """An account that answers these actions; another one is the failure of the test."""
    _answers.clear()
    _answers.update(answers)
    return Aws(_client, REGION)


_answers: dict[str, Answer] = {}
"""Of the account that was made last: clients take long to make, so all accounts share them."""


@functools.cache
def _client(service: str) -> BaseClient:
    client = _session().create_client(
        service, REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    register: Any = client.meta.events.register

    def note(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["asked"] = dict(params)

    def answer(model: Any, context: dict[str, Any], **_: object) -> tuple[AWSResponse, Any]:
        try:
            parsed = _answers[f"{service}:{model.name}"](context["asked"])
        except AnswerError as error:
            said = {"Code": error.code, "Message": error.message}
            return _http(error.status), {"Error": said, "ResponseMetadata": _told(error.status)}
        try:
            validate_parameters(parsed, model.output_shape)
        except ParamValidationError as error:
            raise AssertionError(f"AWS answers {model.name} otherwise: {error}") from error
        return _http(200), {**parsed, "ResponseMetadata": _told(200)}

    name = client.meta.service_model.service_id.hyphenize()
    register(f"before-parameter-build.{name}", note)
    register(f"before-call.{name}", answer)
    return client


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


def _http(status: int) -> AWSResponse:
    return AWSResponse("https://aws.invalid/", status, HTTPHeaders(), None)


def _told(status: int) -> dict[str, Any]:
    return {"HTTPStatusCode": status}
