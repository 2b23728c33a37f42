"""boto3 clients for a local emulator that no AWS setting of the machine can redirect."""

import functools
import os
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

REGION = "eu-west-1"

Service = Literal["cloudformation", "dynamodb", "s3", "secretsmanager", "sns", "sqs", "sts"]
UntypedService = Literal["cloudwatch", "ec2", "ecr", "ecs", "events", "iam", "lambda", "logs"]
"""Few calls of these are made, so their types are not installed."""

_session_lock = Lock()


@dataclass(frozen=True, slots=True)
class LocalAws:
    """Where a local emulator listens and the made-up keys it takes.

    Endpoint, region and keys are handed to each client, and the machine's AWS profile, config
    files, endpoint variables and proxies are shut out: a test can never reach a real account.
    """

    endpoint_url: str
    region: str = REGION
    access_key_id: str = "test"
    secret_access_key: str = field(default="test", repr=False)

    @overload
    def client(self, service: Literal["cloudformation"]) -> "CloudFormationClient": ...
    @overload
    def client(self, service: Literal["dynamodb"]) -> "DynamoDBClient": ...
    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...
    @overload
    def client(self, service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
    @overload
    def client(self, service: Literal["sns"]) -> "SNSClient": ...
    @overload
    def client(self, service: Literal["sqs"]) -> "SQSClient": ...
    @overload
    def client(self, service: Literal["sts"]) -> "STSClient": ...
    @overload
    def client(self, service: UntypedService) -> Any: ...
    def client(self, service: Service | UntypedService) -> Any:
        """A client for one service, the same one each time; safe to use from several threads."""
        keys = (self.access_key_id, self.secret_access_key)
        return _client(service, self.endpoint_url, self.region, keys)


@functools.cache
def _session() -> boto3.Session:
    # Name in the config file, environment variable, default, conversion. AWS_PROFILE matters even
    # when keys are given: a profile that does not exist is an error at the first client.
    nothing: dict[str, Any] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=nothing))


@functools.cache
def _client(
    service: Service | UntypedService, endpoint_url: str, region: str, keys: tuple[str, str]
) -> Any:
    with _session_lock:  # a session makes one client at a time; the clients are safe to share
        return _session().client(
            service,
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            config=Config(
                proxies={},  # {} means none; None would mean those of the environment
                retries={"mode": "standard", "total_max_attempts": 3},
                connect_timeout=5,
                read_timeout=60,
                s3={"addressing_style": "path"},
            ),
        )
