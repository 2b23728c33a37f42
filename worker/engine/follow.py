"""The follow message of a batch, sent: an open batch has one, as an open job has a poll message."""

from __future__ import annotations

from worker.batches.batch import Batch
from worker.contracts.follow import FollowMessage
from worker.engine.world import RecordWorld


def send_follow(world: RecordWorld, batch: Batch, *, delay_s: int) -> None:
    """Send the follow message that has the batch's ticket. Save the batch with it before."""
    message = FollowMessage(batch_id=batch.batch_id, ticket=batch.ticket)
    world.queue.send_follow(message, delay_s=delay_s)
