"""Runs osls, which makes a stack of serverless.yml, as the person who is signed in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from infra.deployment.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = ROOT / "node_modules" / ".bin" / "osls"
_OF_STAGE = ("PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")


def deploy_functions(account: Account, stage: Stage, parameters: Mapping[str, str]) -> None:
    """Packages and deploys serverless.yml with these values of its `params`.

    Raises:
        DeploymentError: it failed; osls has said why.
    """
    _run(account, stage, "deploy", parameters)


def remove_functions(account: Account, stage: Stage) -> None:
    """Removes what `deploy_functions` made, its bucket included.

    Raises:
        DeploymentError: it failed; osls has said why.
    """
    unused = f"arn:aws:secretsmanager:{account.region}:{account.account_id}:secret:unused"
    _run(account, stage, "remove", {"hautechSecretArn": unused})


def _run(account: Account, stage: Stage, verb: str, parameters: Mapping[str, str]) -> None:
    if not _COMMAND.exists():
        raise DeploymentError(f"there is no {_COMMAND.relative_to(ROOT)}: run `npm ci`")
    command = [str(_COMMAND), verb, "--stage", stage.name, "--region", account.region]
    for name, value in sorted(parameters.items()):
        command += ["--param", f"{name}={value}"]
    try:
        subprocess.run(command, cwd=ROOT, env=_environment(account, stage), check=True)
    except subprocess.CalledProcessError as error:
        raise DeploymentError(
            f"osls {verb} ended with code {error.returncode}, see above"
        ) from error


def _environment(account: Account, stage: Stage) -> dict[str, str]:
    """Ours, with the credentials that boto3 found: osls need not know about profiles and SSO.

    Others that it would prefer are left out: what AWS_PROFILE and, of stage `dev`, AWS_DEV_PROFILE
    or AWS_DEV_ACCESS_KEY_ID name may be of an account that nobody has looked at.
    """
    credentials = account.session.get_credentials()
    if credentials is None:
        raise DeploymentError("AWS credentials: gone since they were tried")
    keys = credentials.get_frozen_credentials()
    preferred = {f"AWS_{stage.name.upper()}_{what}" for what in _OF_STAGE}
    left_out = {"AWS_PROFILE", "AWS_SESSION_TOKEN", *preferred}
    own = {name: value for name, value in os.environ.items() if name not in left_out}
    return {
        **own,
        "AWS_ACCESS_KEY_ID": keys.access_key or "",
        "AWS_SECRET_ACCESS_KEY": keys.secret_key or "",
        **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
        "AWS_REGION": account.region,
        # It warns of what the SDK will need next year, above everything that matters.
        "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
    }
