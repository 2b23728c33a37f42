"""Reads the environment once, checks all of it, and says everything that is wrong together."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from worker.contracts.s3_uri import S3Uri
from worker.errors import Problem, SettingsError
from worker.hautech.config import RunRoute
from worker.settings.credentials import TOKEN, Credentials, read_credentials
from worker.settings.reading import EnvironmentReader
from worker.settings.secret import Secret

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_SWITCH = ("on", "off")

_POLLS_MOST = 400
"""Polls that one pipeline may take. The polls queue gives a message up after 1,000 receives
(infra/resources.yml), the same message follows two pipelines of a `naomi` job in turn, and some
receives are kept for the closer polls at the beginning and for trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. Secrets are wrapped; times in seconds.

    A required value that `load_settings` was told not to need is "" (an empty set, None).
    """

    request_queue_url: str
    poll_queue_url: str
    dead_letter_queue_url: str
    job_table: str
    result_topic_arn: str
    input_buckets: tuple[str, ...]
    output_buckets: tuple[str, ...]
    drop_rules: S3Uri | None
    hautech_api_url: str
    hautech_credentials: Credentials | None
    hautech_upload_ttl_s: int
    hautech_run_route: RunRoute
    hautech_download_hosts: tuple[str, ...]
    hautech_private_hosts: tuple[str, ...]
    concurrency: int
    poll_min_s: float
    poll_max_s: float
    pipeline_timeout_s: float
    max_attempts: int
    hautech_requests_per_s: float | None
    """Per process; None: no limit but Hautech's own."""
    in_flight_most: int | None
    """Jobs, of all workers; None: no limit but Hautech's own."""
    batch_open_rows: int
    reuses: bool
    """Whether what is at Hautech already is used again."""
    shares_poses: bool
    """Whether `full-naomi` is planned as `naomi`, to share prepared poses."""
    image_max_bytes: int
    image_max_px: int
    source_max_bytes: int
    source_max_pixels: int
    visibility_s: int
    health_port: int | None
    """None: no health endpoints. 0: any free port."""
    health_host: str
    log_format: LogFormat | None
    """None: `console` on a terminal, else `json`."""
    log_level: LogLevel
    emits_metrics: bool
    """Whether metrics go to stdout once a minute, in CloudWatch's embedded format."""
    metrics_service: str
    proxy_url: Secret | None
    """HTTP proxy for the Hautech API; None also when NO_PROXY excludes its host."""
    ca_bundle: str | None
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """Sentences about variables that look like ours and are not."""


def load_settings(environ: Mapping[str, str], *, needs: Collection[str] | None = None) -> Settings:
    """The settings in `environ`, usually `os.environ`.

    Args:
        environ: Variables by name. White space around values is ignored.
        needs: Names of the required variables that this use cannot do without; the others may
            be missing. HAUTECH_API_TOKEN stands for any way to sign in. None means all.

    Raises:
        SettingsError: with every problem. What is set must be right, needed or not.
    """
    reader = EnvironmentReader(environ, needs)
    settings = _read(reader)
    if reader.problems:
        raise SettingsError(reader.all_problems())
    return settings


def _read(reader: EnvironmentReader) -> Settings:
    poll_min_s = reader.number("WORKER_POLL_MIN_SECONDS", 1, 900)
    poll_max_s = reader.number("WORKER_POLL_MAX_SECONDS", 1, 900)
    if poll_min_s > poll_max_s:
        rule = f"must not be more than WORKER_POLL_MAX_SECONDS ({poll_max_s:g})"
        reader.report(Problem("WORKER_POLL_MIN_SECONDS", f"{poll_min_s:g}", rule))
    pipeline_timeout_s = reader.number("WORKER_PIPELINE_TIMEOUT_SECONDS", 1, 43_200)
    _check_poll_count(reader, poll_max_s, pipeline_timeout_s)
    api_url = reader.api_url("HAUTECH_API_URL")
    return Settings(
        **reader.queue_urls(),
        job_table=reader.table("WORKER_JOB_TABLE"),
        result_topic_arn=reader.topic("WORKER_RESULT_TOPIC_ARN"),
        input_buckets=reader.buckets("WORKER_INPUT_BUCKETS"),
        output_buckets=reader.buckets("WORKER_OUTPUT_BUCKETS"),
        drop_rules=reader.object_uri("WORKER_DROP_RULES"),
        hautech_api_url=api_url,
        hautech_credentials=read_credentials(
            reader.text, reader.report, required=reader.is_needed(TOKEN)
        ),
        hautech_upload_ttl_s=reader.whole("HAUTECH_UPLOAD_TTL_SECONDS", 7200, 31_536_000),
        hautech_run_route=cast(
            "RunRoute", reader.choice("HAUTECH_RUN_ROUTE", ("auto", "docs", "sdk"))
        ),
        hautech_download_hosts=reader.hosts("HAUTECH_DOWNLOAD_HOSTS"),
        hautech_private_hosts=reader.hosts("HAUTECH_PRIVATE_HOSTS"),
        # Two at least: one slot is kept for polls, so that paid work is always followed.
        concurrency=reader.whole("WORKER_CONCURRENCY", 2, 512),
        poll_min_s=poll_min_s,
        poll_max_s=poll_max_s,
        pipeline_timeout_s=pipeline_timeout_s,
        max_attempts=reader.whole("WORKER_MAX_ATTEMPTS", 1, 1000),
        hautech_requests_per_s=(
            reader.number("WORKER_HAUTECH_REQUESTS_PER_SECOND", 0.1, 10_000)
            if reader.text("WORKER_HAUTECH_REQUESTS_PER_SECOND")
            else None
        ),
        in_flight_most=(
            reader.whole("WORKER_MAX_PIPELINES_IN_FLIGHT", 1, 100_000)
            if reader.text("WORKER_MAX_PIPELINES_IN_FLIGHT")
            else None
        ),
        batch_open_rows=reader.whole("WORKER_BATCH_OPEN_ROWS", 1, 100_000),
        reuses=reader.choice("WORKER_REUSE", _SWITCH) != "off",
        shares_poses=reader.choice("WORKER_SHARE_POSES", _SWITCH) == "on",
        image_max_bytes=reader.whole("WORKER_IMAGE_MAX_BYTES", 1, 1024**3),
        image_max_px=reader.whole("WORKER_IMAGE_MAX_PIXELS", 1, 65_535),
        source_max_bytes=reader.whole("WORKER_SOURCE_MAX_BYTES", 1, 1024**3),
        source_max_pixels=reader.whole("WORKER_SOURCE_MAX_PIXELS", 1, 10**9),
        visibility_s=reader.whole("WORKER_VISIBILITY_SECONDS", 5, 43_200),
        health_port=reader.port("WORKER_HEALTH_PORT"),
        health_host=reader.text("WORKER_HEALTH_HOST"),
        log_format=cast(
            "LogFormat | None", reader.choice("WORKER_LOG_FORMAT", ("json", "console")) or None
        ),
        log_level=cast(
            "LogLevel", reader.choice("WORKER_LOG_LEVEL", ("debug", "info", "warning", "error"))
        ),
        emits_metrics=reader.choice("WORKER_METRICS", ("emf",)) == "emf",
        metrics_service=reader.text("POWERTOOLS_SERVICE_NAME"),
        proxy_url=reader.proxy(api_url),
        ca_bundle=reader.text("REQUESTS_CA_BUNDLE") or None,
        warnings=reader.warnings(),
    )


def _check_poll_count(reader: EnvironmentReader, poll_max_s: float, timeout_s: float) -> None:
    """Reports a pair under which SQS could give up the only message of a job that is paid for."""
    # Polls are whole seconds apart: the part after the point does not count.
    if timeout_s / math.floor(poll_max_s) <= _POLLS_MOST:
        return
    reader.report(
        Problem(
            "WORKER_POLL_MAX_SECONDS and WORKER_PIPELINE_TIMEOUT_SECONDS",
            f"{poll_max_s:g} and {timeout_s:g}",
            f"a pipeline could be polled more than {_POLLS_MOST} times, and the polls queue gives "
            "a message up after 1,000 receives, of which a job with two pipelines in turn needs "
            "twice as many",
            f"WORKER_POLL_MAX_SECONDS of at least {math.ceil(timeout_s / _POLLS_MOST)}, or "
            "WORKER_PIPELINE_TIMEOUT_SECONDS of at most "
            f"{math.floor(poll_max_s) * _POLLS_MOST:,}",
        )
    )
