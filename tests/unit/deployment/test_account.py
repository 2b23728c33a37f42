"""Whoever is not signed in is told all that is missing, before anybody is asked anything."""

from pathlib import Path

import pytest

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
