"""What osls is given: the account that was looked at, whatever else the environment names."""

from pathlib import Path

import boto3
import pytest

from infra.deployment import osls
from infra.deployment.account import Account
from infra.deployment.stage import Stage


@pytest.fixture
def environment_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a stand-in for osls writes the environment that it was given."""
    written = tmp_path / "environment"
    command = tmp_path / "osls"
    command.write_text(f"#!/bin/sh\nenv > '{written}'\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setattr(osls, "_COMMAND", command)
    return written


def signed_in() -> Account:
    session = boto3.Session("looked-at", "looked-at-secret", region_name="eu-west-1")
    return Account(session, "123456789012", "arn:aws:iam::123456789012:user/me", "eu-west-1")


@pytest.mark.parametrize("stage", ["dev", "default"])
def test_osls_works_in_the_account_that_was_looked_at_whatever_the_environment_names_for_a_stage(
    environment_file: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    account = signed_in()
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    # osls prefers these to AWS_ACCESS_KEY_ID.
    for what in ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{stage.upper()}_{what}", "other")
    osls.deploy_functions(account, Stage(stage), {})
    given = dict(
        line.split("=", 1)
        for line in environment_file.read_text(encoding="utf-8").splitlines()
        if line.startswith("AWS_")
    )
    assert "other" not in given.values()
    assert given["AWS_ACCESS_KEY_ID"] == "looked-at"
    assert given["AWS_SECRET_ACCESS_KEY"] == "looked-at-secret"
