"""The parts of a worker that need no engine: records, queues, and a way to Hautech.

What puts jobs right without touching pictures is made of these alone, and so starts without the
modules of all the others. `bootstrap` adds those.
"""

from __future__ import annotations

import random
import uuid
from functools import cached_property

from worker import __version__
from worker.adapters.aws.batch_store import DynamoBatchStore
from worker.adapters.aws.clients import AwsClients
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.notices import DynamoNoticeBoard
from worker.adapters.aws.rules import DynamoRulesShelf
from worker.adapters.aws.secrets_manager import SecretsManager
from worker.adapters.aws.sqs import SqsQueue, SqsWorkQueue
from worker.adapters.reloading_token import ReloadingToken
from worker.adapters.server_clock import ServerClock
from worker.adapters.system_clock import SystemClock
from worker.engine.rules import EngineRules
from worker.engine.world import RecordWorld
from worker.errors import CredentialsRefusedError, Problem, SettingsError
from worker.hautech.auth import KeySecretError, SelfSignedToken, StaticToken, TokenProvider
from worker.hautech.client import HautechClient
from worker.hautech.config import ClientConfig
from worker.jobs.pacing import PollBounds
from worker.settings import (
    SETTINGS,
    ApiToken,
    ApplicationKey,
    Settings,
    StoredCredentials,
    parse_stored_credentials,
)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0

PAID_CALL_S = 20.0
"""The longest that the paid call can last, all its exchanges together: the client ends it by
then, and `EngineRules.paid_call_s` reckons with it."""

HAND_BACK_LINGER_S = 0.15
"""How long a message that is handed back waits for company; its next poll is as much later."""

SEND_LINGER_S = 0.25
"""The same for a new poll message, for which a thread waits."""


class Groundwork:
    """Those parts, by the names under which drivers and commands use them.

    Any of them raises SettingsError when it needs a setting that `load_settings` was told not to
    need, or when a setting turns out to be unusable.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = ServerClock(SystemClock())

    @cached_property
    def clients(self) -> AwsClients:
        """The AWS SDK."""
        return AwsClients(self.settings.concurrency, clock=self.clock)

    @cached_property
    def request_queue(self) -> SqsQueue:
        """Where requests come from."""
        url = needed("WORKER_REQUEST_QUEUE_URL", self.settings.request_queue_url)
        return SqsQueue(self.clients.sqs, url, linger_s=HAND_BACK_LINGER_S)

    @cached_property
    def poll_queue(self) -> SqsQueue:
        """Where the jobs that wait come from."""
        url = needed("WORKER_POLL_QUEUE_URL", self.settings.poll_queue_url)
        return SqsQueue(self.clients.sqs, url, linger_s=HAND_BACK_LINGER_S)

    @cached_property
    def dead_letter_queue(self) -> SqsQueue:
        """Where requests go that failed."""
        url = needed("WORKER_DEAD_LETTER_QUEUE_URL", self.settings.dead_letter_queue_url)
        return SqsQueue(self.clients.sqs, url)

    @cached_property
    def work_queue(self) -> SqsWorkQueue:
        """What the engine sends."""
        url = needed("WORKER_POLL_QUEUE_URL", self.settings.poll_queue_url)
        polls = SqsQueue(self.clients.sqs, url, linger_s=SEND_LINGER_S)
        # Commands that put records right need no requests queue.
        url = self.settings.request_queue_url
        requests = SqsQueue(self.clients.sqs, url) if url else None
        return SqsWorkQueue(polls=polls, dead_letters=self.dead_letter_queue, requests=requests)

    @cached_property
    def store(self) -> DynamoJobStore:
        """The records of all jobs."""
        table = needed("WORKER_JOB_TABLE", self.settings.job_table)
        return DynamoJobStore(self.clients.dynamodb, table)

    @cached_property
    def batches(self) -> DynamoBatchStore:
        """The records of all batches."""
        table = needed("WORKER_JOB_TABLE", self.settings.job_table)
        return DynamoBatchStore(self.clients.dynamodb, table, now=self.clock.now)

    @cached_property
    def board(self) -> DynamoNoticeBoard:
        """What the workers tell people about Hautech."""
        table = needed("WORKER_JOB_TABLE", self.settings.job_table)
        return DynamoNoticeBoard(self.clients.dynamodb, table)

    @cached_property
    def shelf(self) -> DynamoRulesShelf:
        """The last rules that were good, and what is wrong with those there are."""
        table = needed("WORKER_JOB_TABLE", self.settings.job_table)
        return DynamoRulesShelf(self.clients.dynamodb, table)

    @cached_property
    def tokens(self) -> TokenProvider:
        """How we sign in at Hautech."""
        credentials = self.settings.hautech_credentials
        if isinstance(credentials, StoredCredentials):
            stored = credentials
            return ReloadingToken(lambda: self._stored_tokens(stored))
        if credentials is None:
            needed("HAUTECH_API_TOKEN", "")
            raise AssertionError("unreachable: _needed raises")
        return self._provider(credentials)

    @cached_property
    def hautech(self) -> HautechClient:
        """The Hautech API."""
        settings = self.settings
        config = ClientConfig(
            api_url=settings.hautech_api_url,
            pool_size=settings.concurrency,
            connect_timeout_s=CONNECT_TIMEOUT_S,
            read_timeout_s=READ_TIMEOUT_S,
            run_deadline_s=PAID_CALL_S,
            run_route=settings.hautech_run_route,
            allowed_hosts=settings.hautech_download_hosts,
            private_hosts=settings.hautech_private_hosts,
            proxy_url=settings.proxy_url.reveal() if settings.proxy_url else None,
            ca_bundle=settings.ca_bundle,
            user_agent=f"hautech-worker/{__version__}",
        )
        return HautechClient(config, self.tokens)

    @cached_property
    def rules(self) -> EngineRules:
        """The limits and waiting times of the engine."""
        settings = self.settings
        return EngineRules(
            input_buckets=frozenset(settings.input_buckets),
            output_buckets=frozenset(settings.output_buckets),
            poll_bounds=PollBounds(min_s=settings.poll_min_s, max_s=settings.poll_max_s),
            pipeline_timeout_s=settings.pipeline_timeout_s,
            max_attempts=settings.max_attempts,
            hautech_requests_per_s=settings.hautech_requests_per_s,
            in_flight_most=settings.in_flight_most,
            batch_open_rows=settings.batch_open_rows,
            drop_rules=settings.drop_rules,
            image_max_bytes=settings.image_max_bytes,
            image_max_px=settings.image_max_px,
            reuses=settings.reuses,
            shares_poses=settings.reuses and settings.shares_poses,
            source_max_bytes=settings.source_max_bytes,
            source_max_pixels=settings.source_max_pixels,
            lease_s=settings.visibility_s,
            paid_call_s=PAID_CALL_S,
        )

    @cached_property
    def record_world(self) -> RecordWorld:
        """What it takes to put a job right without touching Hautech or pictures."""
        return RecordWorld(
            store=self.store,
            batches=self.batches,
            queue=self.work_queue,
            clock=self.clock,
            rules=self.rules,
            random=random.Random(),  # noqa: S311 - spreads messages, keeps no secret
            new_token=new_token,
        )

    def close(self) -> None:
        """Closes the connections of what was made. Queues are flushed by their driver."""
        made = vars(self)
        if "hautech" in made:
            self.hautech.close()
        if "clients" in made:
            self.clients.close()

    def _stored_tokens(self, stored: StoredCredentials) -> TokenProvider:
        """Reads the secret. What is wrong with it is nobody's job's fault, so it is systemic."""
        try:
            values = SecretsManager(self.clients.secretsmanager).read_secret(stored.arn)
            return self._provider(parse_stored_credentials(values, stored))
        except SettingsError as error:
            raise CredentialsRefusedError(error.message) from error

    def _provider(self, credentials: ApiToken | ApplicationKey) -> TokenProvider:
        try:
            if isinstance(credentials, ApiToken):
                return StaticToken(credentials.token.reveal())
            return SelfSignedToken(
                app_id=credentials.app_id,
                key_id=credentials.key_id,
                key_secret=credentials.key_secret.reveal(),
                subject=credentials.account_id,
                # AWS's time: a token that seems to be issued in the future would be refused.
                now=lambda: self.clock.now().timestamp(),
            )
        except KeySecretError as error:
            raise SettingsError([Problem("HAUTECH_APP_KEY_SECRET", "", str(error))]) from error
        except ValueError as error:
            raise SettingsError([Problem("HAUTECH_API_TOKEN", "", str(error))]) from error


def new_token() -> str:
    """A word that nobody has used, for what must be told apart."""
    return uuid.uuid4().hex


def needed(name: str, value: str) -> str:
    """The value of that setting. Raises SettingsError when there is none."""
    if value:
        return value
    source = next(spec.source for spec in SETTINGS if spec.name == name)
    raise SettingsError([Problem(name, "", "not set", source)])
