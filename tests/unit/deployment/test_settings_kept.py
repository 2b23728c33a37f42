"""What a deployment leaves for the command line."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.deployment import rollout
from infra.deployment.stage import Stage

OUTPUTS = (
    "RequestQueueUrl",
    "PollQueueUrl",
    "DeadLetterQueueUrl",
    "JobTableName",
    "ResultTopicArn",
    "InputBucketName",
    "OutputBucketName",
)


def kept(monkeypatch: pytest.MonkeyPatch, api_url: str | None) -> dict[str, str]:
    written: dict[str, str] = {}

    def write(_stage: str, values: dict[str, str]) -> Path:
        written.update(values)
        return Path("env")

    monkeypatch.setattr(rollout, "write_env_file", write)
    account = cast("Any", SimpleNamespace(region="eu-west-1"))
    ready = cast("Any", SimpleNamespace(secret=SimpleNamespace(arn="arn:secret")))
    outputs = {name: f"of {name}" for name in OUTPUTS}
    rollout.keep_settings(account, Stage("dev"), ready, outputs, api_url)
    return written


def test_the_file_names_the_secret_and_never_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = kept(monkeypatch, None)
    assert written["HAUTECH_SECRET_ARN"] == "arn:secret"
    assert written["AWS_REGION"] == "eu-west-1"
    assert written["WORKER_JOB_TABLE"] == "of JobTableName"
    assert "HAUTECH_API_URL" not in written


def test_an_address_of_the_api_that_was_given_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept(monkeypatch, "https://h.example")["HAUTECH_API_URL"] == "https://h.example"
