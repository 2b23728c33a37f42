"""What the commands touch: the worker's own parts, made when a command first asks for them.

Tests hand in theirs as Typer's `obj`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol, cast

import typer

from worker.adapters.messages import QueueMessage
from worker.adapters.system_clock import SystemClock
from worker.bootstrap import build_application
from worker.engine.world import RecordWorld
from worker.ports.batches import BatchStore
from worker.ports.clock import Clock
from worker.ports.jobs import JobStore
from worker.ports.objects import ObjectStore
from worker.ports.rules import RulesShelf
from worker.ports.topic import ResultTopic
from worker.runtime.commands.environment import load_with_region
from worker.runtime.redriving import RequestQueue
from worker.settings import Settings


class DeadLetterQueue(Protocol):
    """Where dead letters are looked at."""

    def receive(
        self, *, max_messages: int = 10, wait_s: int = 20, visibility_s: int
    ) -> Sequence[QueueMessage]:
        """Some messages, hidden from others for `visibility_s` seconds."""

    def change_visibility(self, receipt_handle: str, seconds: float) -> bool:
        """Hides a message for so long from now; 0 shows it again."""

    def delete(self, receipt_handle: str) -> bool:
        """Deletes a message. False when it may be delivered again all the same."""


class Services(Protocol):
    """The part of `worker.bootstrap.Application` that commands use."""

    @property
    def settings(self) -> Settings:
        """The settings; those that the command did not name as needed may be empty."""

    @property
    def clock(self) -> Clock:
        """What time it is."""

    @property
    def store(self) -> JobStore:
        """The job records."""

    @property
    def batches(self) -> BatchStore:
        """The records of batches."""

    @property
    def objects(self) -> ObjectStore:
        """Photos and pictures."""

    @property
    def shelf(self) -> RulesShelf:
        """The last good rules, and what is wrong with those there are."""

    @property
    def request_queue(self) -> RequestQueue:
        """Where requests are sent."""

    @property
    def dead_letter_queue(self) -> DeadLetterQueue:
        """Where dead letters are looked at."""

    @property
    def topic(self) -> ResultTopic:
        """Where results are announced."""

    @property
    def record_world(self) -> RecordWorld:
        """What it takes to put a job right."""


def clock_for(ctx: typer.Context) -> Clock:
    """What time it is, for what is done before any setting is needed."""
    return cast("Services", ctx.obj).clock if ctx.obj is not None else SystemClock()


def services_for(ctx: typer.Context, *needs: str) -> Services:
    """The services of a command that needs these settings and can do without the others.

    Raises SettingsError with everything that is wrong.
    """
    if ctx.obj is not None:
        return cast("Services", ctx.obj)
    return build_application(load_with_region(os.environ, needs=needs))
