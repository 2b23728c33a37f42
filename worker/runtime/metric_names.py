"""The CloudWatch figures by name: what is emitted, what alarms and dashboard may ask for. One place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NAMESPACE: Final = "HautechWorker"
DIMENSION: Final = "service"
"""The one dimension; its value is the name of the resources stack, which all workers on it share."""


@dataclass(frozen=True, slots=True)
class MetricName:
    """One figure of `NAMESPACE`.

    Attributes:
        name: Its name in CloudWatch. Alarms outside of this repository rely on it.
        unit: Its unit in CloudWatch.
        meaning: What one value says.
    """

    name: str
    unit: Literal["Count", "Seconds"]
    meaning: str


JOBS_SUCCEEDED: Final = MetricName("JobsSucceeded", "Count", "Jobs that ended well.")
JOBS_FAILED: Final = MetricName("JobsFailed", "Count", "Jobs that ended with a failed event.")
REQUESTS_REFUSED: Final = MetricName(
    "RequestsRefused", "Count", "Requests that were refused before they became jobs."
)
CREDITS_SPENT: Final = MetricName("CreditsSpent", "Count", "Credits that ended pipelines cost.")
JOB_SECONDS: Final = MetricName(
    "JobSeconds", "Seconds", "From accepted to announced; one value per job."
)
PIPELINE_SECONDS: Final = MetricName(
    "PipelineSeconds", "Seconds", "How long a pipeline took; one value per pipeline."
)
HAUTECH_CALLS: Final = MetricName("HautechCalls", "Count", "Calls to Hautech.")
HAUTECH_ERRORS: Final = MetricName("HautechErrors", "Count", "Calls to Hautech that failed.")
CIRCUIT_OPEN: Final = MetricName(
    "CircuitOpen", "Count", "1 while requests are held for trouble at Hautech, else 0."
)
JOBS_IN_FLIGHT: Final = MetricName("JobsInFlight", "Count", "Open jobs that wait for Hautech.")
OLDEST_PIPELINE_AGE_SECONDS: Final = MetricName(
    "OldestPipelineAgeSeconds",
    "Seconds",
    "Age of the oldest running pipeline; 0 when there is none.",
)
JOBS_WOKEN: Final = MetricName(
    "JobsWoken", "Count", "Jobs that reconcile woke, because nothing else would have."
)
BATCHES_OPEN: Final = MetricName(
    "BatchesOpen", "Count", "Batches that are not over; at most 1,000 are counted."
)
OLDEST_BATCH_SILENCE_SECONDS: Final = MetricName(
    "OldestBatchSilenceSeconds",
    "Seconds",
    "Since something last happened to the open batch that is silent longest; 0 when none is open.",
)
RULES_BROKEN: Final = MetricName(
    "RulesBroken",
    "Count",
    "1 while the rules file is broken and the last good version is in force, if there is one; else 0.",
)
HAUTECH_BALANCE: Final = MetricName(
    "HautechBalance", "Count", "Credits left at Hautech, if the account may read them."
)

METRIC_NAMES: Final = (
    JOBS_SUCCEEDED,
    JOBS_FAILED,
    REQUESTS_REFUSED,
    CREDITS_SPENT,
    JOB_SECONDS,
    PIPELINE_SECONDS,
    HAUTECH_CALLS,
    HAUTECH_ERRORS,
    CIRCUIT_OPEN,
    JOBS_IN_FLIGHT,
    OLDEST_PIPELINE_AGE_SECONDS,
    JOBS_WOKEN,
    BATCHES_OPEN,
    OLDEST_BATCH_SILENCE_SECONDS,
    RULES_BROKEN,
    HAUTECH_BALANCE,
)
"""Every figure, in the order of the reference page."""
