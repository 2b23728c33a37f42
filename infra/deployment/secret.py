"""The secret with Hautech's token: checked, read and kept, its value never shown, logged or written.

The value comes from a prompt that does not echo, or from stdin; never from a command line, which
every process of the machine can read.
"""

from __future__ import annotations

import getpass
import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError, PreflightError
from infra.deployment.stage import Stage
from worker.adapters.aws.errors import error_code
from worker.adapters.aws.secrets_manager import SecretsManager
from worker.adapters.secret_text import parse_secret
from worker.errors import WorkerError
from worker.settings import StoredCredentials, parse_stored_credentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_TOKEN = "HAUTECH_API_TOKEN"  # noqa: S105 - the name of a variable
_KEY_PARTS = ("HAUTECH_APP_ID", "HAUTECH_APP_KEY_ID", "HAUTECH_APP_KEY_SECRET")
_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]+:key/")


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """A secret that the functions can be given: its full ARN, and the key that encrypts it, if own."""

    arn: str
    key_arn: str = ""


class SecretMissingError(PreflightError):
    """The stage has no secret yet."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(
            f"secret {stage.secret_name}: there is none: store the Hautech token with "
            f"`make secret STAGE={stage.name}`, or name another secret: "
            "make deploy HAUTECH_SECRET_ARN=arn:aws:secretsmanager:…"
        )


def find_secret(account: Account, stage: Stage, arn: str) -> SecretPlace:
    """The secret of that ARN, or the stage's own when it is empty; it was read and has what it takes.

    Raises:
        SecretMissingError: the stage has none of its own.
        PreflightError: it cannot be read, or does not hold credentials. No part of its value is named.
    """
    client = account.session.client("secretsmanager")
    name = arn or stage.secret_name
    if arn and f":{account.region}:" not in arn:
        raise PreflightError(
            f"HAUTECH_SECRET_ARN: {arn} is not in region {account.region} (AWS_REGION)"
        )
    try:
        described = client.describe_secret(SecretId=name)
    except ClientError as error:
        if not arn and error_code(error) == "ResourceNotFoundException":
            raise SecretMissingError(stage) from error
        raise PreflightError(f"secret {name}: {error}") from error
    full_arn = described["ARN"]
    if "DeletedDate" in described:
        raise PreflightError(
            f"secret {full_arn}: it is being deleted: `aws secretsmanager restore-secret` first"
        )
    _check(client, full_arn)
    return SecretPlace(full_arn, _key_arn(account, described.get("KmsKeyId", "")))


def ask() -> str:
    """The text of a secret from a person at a terminal, or from stdin when that is none.

    Stdin holds the token alone, or the JSON object that the secret will be.

    Raises:
        DeploymentError: it is not what a secret must be.
    """
    text = _asked() if sys.stdin.isatty() else _given(sys.stdin.read().strip())
    _credentials(text, "the secret")
    return text


def store_secret(account: Account, stage: Stage, text: str) -> tuple[str, bool]:
    """Makes the stage's secret, or gives it a new version: its ARN, and whether it is new.

    Raises:
        DeploymentError: Secrets Manager refuses it.
    """
    client = account.session.client("secretsmanager")
    try:
        try:
            made = client.create_secret(
                Name=stage.secret_name,
                Description="How hautech-worker signs in at Hautech",
                SecretString=text,
                Tags=[{"Key": key, "Value": value} for key, value in stage.tags.items()],
            )
        except ClientError as error:
            if error_code(error) != "ResourceExistsException":
                raise
            return client.put_secret_value(SecretId=stage.secret_name, SecretString=text)[
                "ARN"
            ], False
    except ClientError as error:
        # Its text is Secrets Manager's own; it does not repeat what was sent.
        raise DeploymentError(f"secret {stage.secret_name}: {error}") from error
    return made["ARN"], True


def _asked() -> str:
    print("What Hautech gave you (developer portal, application keys). It is not shown.")
    token = getpass.getpass("API token (empty: give an application key instead): ").strip()
    if token:
        return json.dumps({_TOKEN: token})
    return json.dumps({part: getpass.getpass(f"{part}: ").strip() for part in _KEY_PARTS})


def _given(text: str) -> str:
    return text if text.startswith("{") else json.dumps({_TOKEN: text})


def _check(client: SecretsManagerClient, arn: str) -> None:
    try:
        values = SecretsManager(client).read_secret(arn)
        parse_stored_credentials(values, StoredCredentials(arn))
    except WorkerError as error:
        raise PreflightError(error.message) from error


def _credentials(text: str, name: str) -> None:
    try:
        parse_stored_credentials(parse_secret(name, text), StoredCredentials(name))
    except WorkerError as error:
        raise DeploymentError(error.message) from error


def _key_arn(account: Account, key_id: str) -> str:
    """The ARN of the secret's own key; "" for that of Secrets Manager, which needs no permission.

    Secrets Manager tells the key as it was given: its id, its ARN, or the ARN of an alias, by which
    no policy can allow a key.
    """
    if not key_id or _KEY_ARN.match(key_id):
        return key_id
    kms: Any = account.session.client("kms")
    try:
        return str(kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"])
    except ClientError as error:
        raise PreflightError(f"key {key_id} of the secret: {error}") from error
