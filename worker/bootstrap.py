"""Where both sides meet: on the groundwork of settings and adapters, an engine.

Everything is made when it is first asked for, so a command that reads the job table opens no
queue, and nothing asks for a Hautech token before it is needed.
"""

from __future__ import annotations

import os
import random
from functools import cached_property

from worker.adapters.aws.assets import DynamoAssetCache
from worker.adapters.aws.durations import DynamoDurationBoard
from worker.adapters.aws.s3 import S3ObjectStore
from worker.adapters.aws.sns import SnsResultTopic
from worker.adapters.hautech_gateway import GatewayConfig, HautechGateway
from worker.adapters.period_tally import PeriodTally
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.photo_lab.room import memory_limit_bytes
from worker.adapters.tally import Tally
from worker.engine.engine import Engine
from worker.engine.observing import Observers
from worker.engine.rules import EngineRules
from worker.groundwork import Groundwork, needed, new_token
from worker.ports.observer import Observer
from worker.settings import Settings


class Application(Groundwork):
    """All parts of a worker. Any of them raises SettingsError as those of the groundwork do."""

    @cached_property
    def assets(self) -> DynamoAssetCache:
        """What is at Hautech already for any job to use."""
        table = needed("WORKER_JOB_TABLE", self.settings.job_table)
        return DynamoAssetCache(self.clients.dynamodb, table)

    @cached_property
    def duration_board(self) -> DynamoDurationBoard:
        """What all workers have seen of how long pipelines take."""
        table = needed("WORKER_JOB_TABLE", self.settings.job_table)
        return DynamoDurationBoard(self.clients.dynamodb, table)

    @cached_property
    def objects(self) -> S3ObjectStore:
        """Images in, pictures out."""
        return S3ObjectStore(self.clients.s3)

    @cached_property
    def photo_lab(self) -> PillowPhotoLab:
        """Makes photos ready that Hautech would not take as they are."""
        return PillowPhotoLab(memory_bytes=memory_limit_bytes(os.environ))

    @cached_property
    def topic(self) -> SnsResultTopic:
        """Where results are announced."""
        arn = needed("WORKER_RESULT_TOPIC_ARN", self.settings.result_topic_arn)
        return SnsResultTopic(self.clients.sns, arn)

    @cached_property
    def gateway(self) -> HautechGateway:
        """Hautech, as the engine sees it."""
        config = GatewayConfig(
            upload_ttl_s=self.settings.hautech_upload_ttl_s,
            output_max_bytes=self.rules.output_max_bytes,
        )
        return HautechGateway(self.hautech, config)

    @cached_property
    def tally(self) -> Tally:
        """What the engine did, in figures."""
        return Tally()

    @cached_property
    def engine(self) -> Engine:
        """The story of a job, with all of the above."""
        return self.new_engine(self.rules, self.observer)

    @cached_property
    def period(self) -> PeriodTally:
        """The same since somebody last asked."""
        return PeriodTally()

    @cached_property
    def observer(self) -> Observer:
        """Who counts what the engine does."""
        if self.settings.emits_metrics:
            return Observers(self.tally, self.period)
        return self.tally

    def new_engine(self, rules: EngineRules, observer: Observer) -> Engine:
        """Another engine of the same parts, with rules of its own."""
        return Engine(
            store=self.store,
            batches=self.batches,
            queue=self.work_queue,
            objects=self.objects,
            lab=self.photo_lab,
            assets=self.assets,
            topic=self.topic,
            hautech=self.gateway,
            clock=self.clock,
            rules=rules,
            random=random.Random(),  # noqa: S311 - spreads retries, keeps no secret
            new_token=new_token,
            board=self.board,
            duration_board=self.duration_board,
            shelf=self.shelf,
            observer=observer,
        )

    def make_clients(self) -> None:
        """Makes what the engine calls, all that takes its time, before it is needed."""
        _ = (
            self.store,
            self.batches,
            self.board,
            self.assets,
            self.work_queue,
            self.objects,
            self.topic,
            self.gateway,
        )


def build_application(settings: Settings) -> Application:
    """The parts of a worker with these settings. Makes nothing yet."""
    return Application(settings)


def build_engine(settings: Settings) -> Engine:
    """An engine on AWS and Hautech."""
    return build_application(settings).engine
