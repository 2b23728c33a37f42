"""Which secret `make` gives a deployment."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

DEPLOYMENTS = pytest.mark.parametrize("target", ["deploy", "deploy-container"])


def _told(target: str, *given: str) -> str:
    """What `make` would run in a shell into which the settings of the stage `dev` were read."""
    environment = {**os.environ, "HAUTECH_SECRET_ARN": "arn:of-dev"}
    for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"):  # of a make that runs these tests
        environment.pop(name, None)
    command = ["make", "-n", target, "STAGE=production", *given]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return ended.stdout


@DEPLOYMENTS
def test_the_secret_of_a_stage_whose_settings_were_read_is_not_given_to_another(
    target: str,
) -> None:
    told = _told(target)

    assert "--stage 'production'" in told
    assert "--secret-arn" not in told


@DEPLOYMENTS
def test_a_secret_named_on_the_command_line_is_given(target: str) -> None:
    assert "--secret-arn 'arn:of-production'" in _told(
        target, "HAUTECH_SECRET_ARN=arn:of-production"
    )
