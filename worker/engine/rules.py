"""The limits and waiting times that the engine keeps; `groundwork` fills them from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.contracts.s3_uri import S3Uri
from worker.jobs.pacing import PollBounds


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRules:
    """What the engine may do and how long it waits; times in seconds."""

    input_buckets: frozenset[str]
    """Buckets that images may be read from."""
    output_buckets: frozenset[str]
    """Buckets that outputs may be written to."""
    poll_bounds: PollBounds = field(default_factory=PollBounds)
    drop_rules: S3Uri | None = None
    """The rules file of drop folders and presets; None: there are none."""
    pipeline_timeout_s: float = 1800.0
    """A pipeline pending longer fails the job."""
    hautech_requests_per_s: float | None = None
    """Requests to Hautech of this process, on average; None: only what Hautech asks for."""
    in_flight_most: int | None = None
    """Jobs in flight, of all workers together, beyond which no new request is started; None: no limit."""
    batch_open_rows: int = 1_000
    """Rows of one batch that are open at once, at most; see `worker.batches.window`."""
    max_attempts: int = 10
    """Failed attempts in a row at one move before the job fails."""
    image_max_bytes: int = 20 * 1024 * 1024
    """Of a photo as it is sent to Hautech; one with more is saved as a smaller JPEG."""
    image_max_px: int = 8192
    """Longest side of a photo as it is sent; a larger one is scaled down."""
    source_max_bytes: int = 100 * 1024 * 1024
    """Of a photo as it is in S3."""
    source_max_pixels: int = 200_000_000
    """Width times height of a photo that is converted: what is decoded at most."""
    output_max_bytes: int = 64 * 1024 * 1024
    spool_max_bytes: int = 384 * 1024 * 1024
    """Of all pictures together that one process fetches at once; a Lambda function has 512 MB of disk."""
    output_max_pixels: int = 16_384 * 16_384
    """Width times height of an output. Beyond it, a small file unpacks to gigabytes at whoever
    opens it (a decompression bomb), which the worker itself never does."""
    paid_patience_s: float = 86_400.0
    """So long after its acceptance a job that may have been paid for is not given up."""
    request_deliveries: int = 90
    poll_deliveries: int = 900
    """After so many deliveries of its message a job fails with a reason: the queues would move the
    message away without one after 100 and 1,000 (`infra/resources.yml`)."""
    lease_s: float = 60.0
    """How long a worker holds a job without saving it; longer than most single calls take."""
    paid_call_s: float = 20.0
    """The longest that the paid call can last (connect + read timeout)."""
    settle_s: float = 5.0
    """Between two looks for a run whose answer was lost."""
    clock_margin_s: float = 1200.0
    """How far Hautech's clock may differ from ours when we look for a run: its own ten minutes, ours
    five (further off, AWS refuses what we sign), and five for one that was set just before."""
    systemic_wait_s: float = 30.0
    """How long a message rests at first while somebody else is down; it doubles up to the next."""
    systemic_wait_max_s: float = 900.0
    """Each rest is one delivery, and the requests queue gives a message up after 100: with this
    maximum that takes a day."""
    circuit_open_s: float = 30.0
    """How long nothing new is tried at first once Hautech refuses or fails all of us; it doubles up
    to the next, give or take a fifth."""
    circuit_open_max_s: float = 300.0
    reuses: bool = True
    """Whether what is at Hautech already is used again, and told to other jobs."""
    shares_poses: bool = False
    """Whether `full-naomi` requests are planned as the steps of `naomi`, to share their poses."""
    reconcile_jobs: int = 1_000
    """At most so many silent jobs are woken in one run."""
