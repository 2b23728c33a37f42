"""The secret with Hautech's token: found, checked and kept, its value never shown, logged or written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError, PreflightError
from infra.deployment.stage import Stage
from worker.adapters.aws.errors import error_code
from worker.adapters.aws.secrets_manager import SecretsManager
from worker.contracts.text import redact, shorten
from worker.errors import SettingsError, WorkerError
from worker.settings import StoredCredentials, parse_stored_credentials

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+")
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
            "HAUTECH_SECRET_ARN=arn:aws:secretsmanager:… on the command line of make"
        )


def find_secret(account: Account, stage: Stage, arn: str) -> SecretPlace:
    """The secret of that ARN, or the stage's own when it is empty; it was read and has what it takes.

    Raises:
        SecretMissingError: the stage has none of its own.
        PreflightError: it cannot be read, or does not hold credentials. No part of its value is named.
    """
    client = account.session.client("secretsmanager")
    name = arn or stage.secret_name
    if arn and not _ARN.fullmatch(arn):
        raise PreflightError(
            f"HAUTECH_SECRET_ARN: {shorten(redact(arn), 120)}: must be the ARN of a Secrets Manager secret, "
            "as `make secret` prints it: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-…"
        )
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


def _check(client: SecretsManagerClient, arn: str) -> None:
    try:
        values = SecretsManager(client).read_secret(arn)
        parse_stored_credentials(values, StoredCredentials(arn))
    except SettingsError as error:  # in the words of whoever set a variable: here nobody did
        (problem,) = error.problems
        raise PreflightError(f"secret {arn}: {problem.rule}; {problem.fix}") from error
    except WorkerError as error:
        raise PreflightError(error.message) from error


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
