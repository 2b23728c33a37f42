"""Hautech's credentials from AWS Secrets Manager; their values appear in no error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from worker.adapters.aws.errors import AwsCall, aws_errors, error_code
from worker.adapters.secret_text import parse_secret, unusable_secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_GET = AwsCall("Secrets Manager", "GetSecretValue", "secretsmanager:GetSecretValue")


class SecretsManager:
    """Reads secrets that are JSON objects of text values."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client

    def read_secret(self, arn: str) -> dict[str, str]:
        """The values of the current version of a secret: `{"HAUTECH_API_TOKEN": …}`.

        Args:
            arn: its ARN (or name).

        Raises:
            SettingsError: it does not exist, has no value, or is not such an object.
            CredentialsRefusedError: the worker's role may not read or decrypt it.
            ThrottledError, UnavailableError: later.
        """
        with aws_errors(_GET, arn):
            try:
                answer = self._client.get_secret_value(SecretId=arn)
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
                raise unusable_secret(
                    arn,
                    "there is no such secret, or it has no value yet",
                    "compare it with the secret's ARN, in this region (AWS_REGION)",
                ) from error
        return parse_secret(arn, answer.get("SecretString", ""))
