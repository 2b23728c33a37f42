"""wake: an open job gets a new poll message, whatever carried it until now.

under a lease: new ticket saved ─► poll message sent

Older poll messages are dropped by their ticket, so waking a job that was well costs two writes and
one message. A crash between the two leaves the job without a message; it is woken again.
"""

from __future__ import annotations

import structlog

from worker.contracts.poll import PollMessage
from worker.engine.world import HeldJob, RecordWorld
from worker.jobs import transitions
from worker.jobs.job import Job

log = structlog.get_logger(__name__)


def wake(world: RecordWorld, held: HeldJob, *, because: str, delay_s: int) -> None:
    """Carry a held job on by a new poll message, visible in `delay_s` seconds, and let it go."""
    held.job = transitions.wake(held.job, because=because, at=world.now())
    held.release()
    send_poll(world, held.job, delay_s=delay_s)
    log.info(
        f"woken: {because}; next poll in {delay_s} s",
        action="job_woken",
        request_id=held.job.request_id,
        job_state=held.job.state,
    )


def send_poll(world: RecordWorld, job: Job, *, delay_s: int) -> None:
    """Send the poll message that has the job's ticket. Save the job with that ticket before."""
    message = PollMessage(request_id=job.request_id, ticket=job.poll_ticket)
    world.queue.send_poll(message, delay_s=delay_s, trace=job.trace)
