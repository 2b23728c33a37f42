"""Whoever is not signed in is told all that is missing, before anybody is asked anything."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError

from infra.deployment.account import sign_in
from infra.deployment.errors import PreflightError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with neither credentials nor a region, and no metadata service that has any."""
    for name in ("REGION", "DEFAULT_REGION", "PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "none"))


def problems() -> list[str]:
    with pytest.raises(PreflightError) as caught:
        sign_in()
    return [problem.partition(":")[0] for problem in caught.value.problems]


def test_a_missing_region_and_missing_credentials_are_told_at_once() -> None:
    assert problems() == ["AWS_REGION", "AWS credentials"]


def test_of_two_things_only_the_missing_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert problems() == ["AWS credentials"]

    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "some")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "some")
    assert problems() == ["AWS_REGION"]


def test_an_endpoint_that_does_not_answer_is_no_matter_of_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "some")
    monkeypatch.setenv("AWS_REGION", "eu-nowhere-1")
    monkeypatch.setattr(
        "botocore.httpsession.URLLib3Session.send",
        Mock(side_effect=EndpointConnectionError(endpoint_url="https://sts")),
    )
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(PreflightError) as caught:
        sign_in()

    (problem,) = caught.value.problems
    assert problem.startswith("AWS cannot be reached")
    assert "eu-nowhere-1 (AWS_REGION)" in problem
