"""One client per AWS service, made when first needed and shared by all threads.

Endpoint, region and credentials come from the SDK's own settings (`AWS_REGION`,
`AWS_ENDPOINT_URL`, a role, …). Clients are safe to share between threads, sessions are not
(Source: boto3 guide, "Multithreading or multiprocessing with clients").
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, cast

import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError

from worker import __version__
from worker.adapters.aws.whole_answers import refuse_cut_answers
from worker.adapters.server_clock import ServerClock, parse_date
from worker.errors import Problem, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

Service = Literal["dynamodb", "s3", "secretsmanager", "sns", "sqs"]

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUTS_S: dict[Service, float] = {
    "dynamodb": 5.0,
    "s3": 20.0,  # between two pieces of a body, not for all of it
    "secretsmanager": 5.0,
    "sns": 10.0,
    # A long poll answers after up to 20 s (Source: SQS ReceiveMessage, WaitTimeSeconds).
    "sqs": 25.0,
}
ATTEMPTS = 3
"""Calls in all, the first one included.

Every call may be repeated without harm: a record carries the token of the write that made it, a
poll message its ticket, an event its id, an object its key; a dead letter may appear twice.
"""


TELLS_TIME: frozenset[Service] = frozenset({"dynamodb", "sqs"})
"""Whose answers tell AWS's time. All of their calls are POSTs, which no cache on the way answers."""


class AwsClients:
    """Makes the clients.

    Args:
        pool_size: The number of threads that use them at a time.
        clock: Is told AWS's time, as the answers of DynamoDB and SQS have it.

    Raises, from each property:
        SettingsError: no region is set, or the SDK's own settings cannot be read.
    """

    def __init__(self, pool_size: int, *, clock: ServerClock | None = None) -> None:
        self._pool_size = pool_size
        self._clock = clock
        self._lock = RLock()
        self._session: botocore.session.Session | None = None
        self._clients: dict[Service, Any] = {}

    @property
    def dynamodb(self) -> DynamoDBClient:
        """The job table."""
        return cast("DynamoDBClient", self._client("dynamodb"))

    @property
    def s3(self) -> S3Client:
        """Images and results."""
        return cast("S3Client", self._client("s3"))

    @property
    def secretsmanager(self) -> SecretsManagerClient:
        """Hautech's credentials."""
        return cast("SecretsManagerClient", self._client("secretsmanager"))

    @property
    def sns(self) -> SNSClient:
        """The result topic."""
        return cast("SNSClient", self._client("sns"))

    @property
    def sqs(self) -> SQSClient:
        """All queues."""
        return cast("SQSClient", self._client("sqs"))

    def close(self) -> None:
        """Closes all connections; the next call would open new ones."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def _client(self, service: Service) -> Any:
        client = self._clients.get(service)
        return client if client is not None else self._made(service)

    def _made(self, service: Service) -> Any:
        with self._lock:  # a session makes one client at a time
            if service not in self._clients:
                # The plain botocore session: boto3's adds methods to each client that we do not
                # use (S3 transfers) and makes Lambda's cold start longer.
                self._session = self._session or botocore.session.Session()
                self._clients[service] = self._create(self._session, service)
            return self._clients[service]

    def _create(self, session: botocore.session.Session, service: Service) -> Any:
        try:
            client = session.create_client(
                service,
                region_name=_region(session),
                config=client_config(service, self._pool_size),
            )
        except NoRegionError as error:
            raise SettingsError(
                [Problem("AWS_REGION", "", "must be set", "eu-west-1, say")]
            ) from error
        except (BotoCoreError, ValueError) as error:
            rule = f"the AWS SDK cannot use its settings: {error}"
            problem = Problem(
                "AWS settings", "", rule, "check AWS_PROFILE, AWS_CONFIG_FILE, AWS_ENDPOINT_URL"
            )
            raise SettingsError([problem]) from error
        refuse_cut_answers(client)
        if service == "s3":
            client.meta.events.register("request-created.s3.PutObject", _without_expect)
        if self._clock is not None and service in TELLS_TIME:
            _tell_time(client, service, self._clock)
        return client


def _tell_time(client: Any, service: Service, clock: ServerClock) -> None:
    """Let every answer, refusals included, tell the clock what time it is at AWS.

    Only AWS names the request: the page of a proxy that looks into TLS, or of an endpoint that is
    down, tells the time of another machine.

    A request is sent and answered on one thread, so a thread's last question belongs to its
    present answer (Source: botocore.endpoint, `_get_response`).
    """
    asked = threading.local()

    def note_question(**_: object) -> None:
        asked.at = clock.local_now()

    def note_answer(response_dict: Mapping[str, Any] | None, **_: object) -> None:
        headers = (response_dict or {}).get("headers", {})
        date = parse_date(headers.get("Date"))
        if date is not None and headers.get("x-amzn-requestid"):
            clock.heard(date, asked_at=getattr(asked, "at", None))

    client.meta.events.register(f"before-send.{service}", note_question)
    client.meta.events.register(f"response-received.{service}", note_answer)


def client_config(service: Service, pool_size: int) -> Config:
    """How our clients behave, whatever the machine's own SDK settings say about it.

    `parameter_validation` and the default checksums are off because they are a good part of the
    CPU time of a call; what we send is typed by us, and S3 verifies a SHA-256 that we know already.
    """
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUTS_S[service],
        # The standard mode also repeats throttled calls, with a quota that stops it when most fail.
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        # A few more than threads: a batch may be on its way while all threads work.
        max_pool_connections=pool_size + 4,
        tcp_keepalive=True,  # NAT gateways forget a connection that is silent for 350 s
        parameter_validation=False,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        disable_request_compression=True,
        endpoint_discovery_enabled=False,
        account_id_endpoint_mode="disabled",
        user_agent=f"hautech-worker/{__version__} botocore/{botocore.__version__}",
        # S3 checks x-amz-checksum-sha256; signing the payload would hash every body once more.
        s3={"payload_signing_enabled": False},
    )


def _region(session: botocore.session.Session) -> str | None:
    # Lambda and ECS set AWS_REGION, which botocore by itself does not read, only AWS_DEFAULT_REGION
    # and the profile (Source: botocore.configprovider, "region").
    region: str | None = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    return region


def _without_expect(request: AWSRequest, **_: object) -> None:
    """Sends headers and body at once instead of waiting for `100 Continue` between them.

    botocore asks for it with every file-like body. It saves bandwidth when an upload of gigabytes
    is refused; for pictures of a few megabytes it is a round trip (or a second, where the other
    side does not know it) per upload.
    """
    del request.headers["Expect"]  # no error where there is none
