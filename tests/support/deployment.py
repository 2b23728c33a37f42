"""Runs `infra.deployment` as make does: a process of its own, with nothing of ours but a way to AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from infra.deployment.osls import ROOT
from sandbox.aws import LocalAws

_DEADLINE_S: Final = 240.0


def run_deployment(
    arguments: tuple[str, ...], environment: dict[str, str], *, given: str = ""
) -> tuple[int, str]:
    """The exit status of a command, and all that it said.

    Args:
        arguments: the command and its options.
        environment: all that it has; see `environment_of`.
        given: what it reads from stdin.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "infra.deployment", *arguments],
        cwd=ROOT,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    return ended.returncode, f"{ended.stdout}\n{ended.stderr}"


def environment_of(aws: LocalAws, home: Path) -> dict[str, str]:
    """Of somebody who is signed in to an emulator, with a home in which no AWS profile lies."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_REGION": aws.region,
        "AWS_ACCESS_KEY_ID": aws.access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
