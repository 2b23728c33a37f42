"""What all cells of one process share: the emulator, the stand-in, the gateway between."""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final, Self
from unittest.mock import patch

import botocore.session
import structlog
from botocore.retries.standard import ExponentialBackoff

from sandbox.aws import LocalAws, MiniStack, StackOutputs, deploy, subscribe_queue
from sandbox.aws.environment import worker_environment
from sandbox.hautech import Options, StandIn
from tests.faults.gateway import Gateway
from tests.faults.moments import Moments
from tests.faults.worker_process import READ_TIMEOUT_S
from tests.faults.world import WorldTime
from tests.support.standin import credentials, png
from worker import groundwork
from worker.adapters.aws import clients as aws_clients
from worker.adapters.aws.clients import AwsClients
from worker.adapters.server_clock import ServerClock
from worker.settings import Settings, load_settings
from worker.telemetry import configure_logging

CANARY: Final = "canary-9f3e1c-aws-secret-access-key"
"""The AWS secret key of the workers; it may be seen nowhere."""

_PIPELINE_S: Final = 40.0
"""By the world's time: the first poll, a second after the run, finds the pipeline pending and hands
its message back; the next one finds that it has ended (see `REST_S`)."""


class Rig:
    """Starts and stops what cells run on; a context manager.

    Attributes:
        world: the time at AWS and at Hautech.
        gateway: between workers and both of them.
        stand_in: Hautech.
        aws: clients that go past the gateway, for looking and for skipping time.
        moments: of the calls inside of workers.
        logs: all that workers have logged, rendered as in life.
    """

    world: WorldTime
    gateway: Gateway
    stand_in: StandIn
    aws: LocalAws

    def __init__(self) -> None:
        self.world = WorldTime()
        self.moments = Moments()
        self.logs = io.StringIO()
        self._open = ExitStack()
        self._session = botocore.session.Session()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._open = opening
            self.aws = self._open.enter_context(MiniStack()).aws
            options = Options().changed({"durationSeconds": _PIPELINE_S, "drawing": "flat"})
            self.stand_in = self._open.enter_context(
                StandIn(options=options, credentials=credentials(), clock=self.world.now)
            )
            self.gateway = self._open.enter_context(
                Gateway(
                    {
                        "aws": self.aws.endpoint_url,
                        "api": self.stand_in.api_url,
                        "media": self.stand_in.media_url,
                    },
                    now=self.world.now,
                )
            )
            self._catch_logs()
            self._open.enter_context(self.moments.watching_lookups())
            # The SDK's pauses, not its number of attempts: those are what ships.
            self._open.enter_context(
                patch.object(ExponentialBackoff, "delay_amount", lambda *_: 0.005)
            )
            # Nobody else's entries are coming, so no batch waits for company.
            self._open.enter_context(patch.object(groundwork, "HAND_BACK_LINGER_S", 0.0))
            self._open.enter_context(patch.object(groundwork, "SEND_LINGER_S", 0.0))
            self.input_bucket = self._put_images()
            self.secret_arn = self._put_secret()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def new_stack(self) -> tuple[StackOutputs, str]:
        """Queues, table, topic and bucket that no other cell uses, and a queue of its events."""
        outputs = deploy(self.aws, f"cell-{secrets.token_hex(6)}")
        self.gateway.queues = {
            outputs.request_queue_url: "requests",
            outputs.poll_queue_url: "polls",
            outputs.dead_letter_queue_url: "dead letters",
        }
        return outputs, subscribe_queue(self.aws, outputs.result_topic_arn)

    def settings(self, outputs: StackOutputs, extra: Mapping[str, str]) -> Settings:
        """The settings of a worker on this stack, whose way leads through the gateway.

        `extra` are variables on top.
        """
        return load_settings({**self._environment(outputs), **extra})

    def new_clients(self, outputs: StackOutputs, clock: ServerClock) -> AwsClients:
        """The AWS clients of a new process: with all of their retry quota."""
        clients = AwsClients(8, clock=clock)
        clients._session = self._session  # reading the service models again takes long
        timeouts = dict.fromkeys(aws_clients.READ_TIMEOUTS_S, READ_TIMEOUT_S)
        with (
            patch.dict(os.environ, self._environment(outputs)),
            patch.dict(aws_clients.READ_TIMEOUTS_S, timeouts),
        ):
            self.moments.watch(clients, self.gateway.queues)
        return clients

    def _environment(self, outputs: StackOutputs) -> dict[str, str]:
        aws = LocalAws(self.gateway.url("aws"), secret_access_key=CANARY)
        return worker_environment(
            outputs,
            aws,
            {
                "WORKER_INPUT_BUCKETS": self.input_bucket,
                "HAUTECH_API_URL": self.gateway.url("api"),
                "HAUTECH_SECRET_ARN": self.secret_arn,
            },
        )

    def _put_images(self) -> str:
        s3: Any = self.aws.client("s3")
        bucket = f"images-{secrets.token_hex(4)}"
        location = {"LocationConstraint": self.aws.region}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        for key, colour in (("pose.png", "black"), ("garment.png", "red")):
            s3.put_object(Bucket=bucket, Key=key, Body=png(colour), ContentType="image/png")
        return bucket

    def _put_secret(self) -> str:
        key = self.stand_in.credentials
        values = {
            "HAUTECH_APP_ID": key.app_id,
            "HAUTECH_APP_KEY_ID": key.key_id,
            "HAUTECH_APP_KEY_SECRET": key.key_secret,
        }
        answer = self.aws.client("secretsmanager").create_secret(
            Name=f"hautech-{secrets.token_hex(4)}", SecretString=json.dumps(values)
        )
        return answer["ARN"]

    def _catch_logs(self) -> None:
        root = logging.getLogger()
        before, handlers, level = structlog.get_config(), root.handlers[:], root.level

        def restore() -> None:
            structlog.configure(**before)
            root.handlers[:] = handlers
            root.setLevel(level)
            logging.captureWarnings(capture=False)

        configure_logging(log_format="json", level="debug", stream=self.logs)
        self._open.callback(restore)
