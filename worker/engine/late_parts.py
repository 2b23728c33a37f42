"""Parts of the engine that most processes never use: imported with the first message that needs one.

    a batch, its follow message, a drop ─► `LateParts`
    a photo to develop, a smaller copy   ─► `developed`, `make_renditions`
    lost messages to look for            ─► `reconcile`

A function on Lambda starts without them, and without the modules that only they need; that is a tenth of
what its start would take (decision 26). Nothing else imports one of these parts, which a test looks after.
Another test imports all that a package holds: what is missing in it shows there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from worker.contracts.s3_uri import S3Uri
from worker.engine.world import HeldJob, World
from worker.jobs.photo_look import PhotoLook
from worker.ports.clock import WorkBudget
from worker.ports.objects import Reader

if TYPE_CHECKING:
    from worker.contracts.output_options import OutputOptions
    from worker.contracts.result import RenditionOutput
    from worker.engine.batch_following import BatchFollowing
    from worker.engine.batch_messages import BatchMessages
    from worker.engine.drop_messages import DropMessages
    from worker.engine.reconcile import ReconcileReport
    from worker.engine.storing import Content
    from worker.ports.photos import DevelopedPhoto

# ruff: noqa: PLC0415 - imports within functions are what this file is for


class LateParts:
    """Each is made when it is first asked for. Of two threads, both may make one: they hold nothing."""

    def __init__(self, world: World) -> None:
        self._world = world

    @cached_property
    def batch_messages(self) -> BatchMessages:
        """Takes batches in."""
        from worker.engine.batch_messages import BatchMessages

        return BatchMessages(self._world)

    @cached_property
    def batch_following(self) -> BatchFollowing:
        """Carries batches on."""
        from worker.engine.batch_following import BatchFollowing

        return BatchFollowing(self._world)

    @cached_property
    def drop_messages(self) -> DropMessages:
        """Does what notifications of S3 ask for."""
        from worker.engine.drop_messages import DropMessages

        return DropMessages(self._world)


def developed(
    world: World,
    held: HeldJob,
    uri: str,
    look: PhotoLook,
    open_source: Callable[[], Reader],
    size_bytes: int,
) -> AbstractContextManager[DevelopedPhoto]:
    """See `develop.developed`."""
    from worker.engine import develop

    return develop.developed(world, held, uri, look, open_source, size_bytes)


def make_renditions(
    world: World,
    held: HeldJob,
    options: OutputOptions,
    picture: S3Uri,
    content: Content,
    *,
    tried: int,
) -> Iterable[RenditionOutput | None]:
    """See `renditions.make_renditions`; nothing when none was asked for."""
    if not options.renditions:
        return ()
    from worker.engine import renditions

    return renditions.make_renditions(world, held, options, picture, content, tried=tried)


def reconcile(world: World, budget: WorkBudget) -> ReconcileReport:
    """See `reconcile.reconcile`: a function of a queue never does it."""
    from worker.engine import reconcile as waking

    return waking.reconcile(world, budget)
