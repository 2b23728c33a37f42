"""What may be set in the environment: one line per variable, the source of the reference page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSpec:
    """One environment variable.

    Attributes:
        name: The variable.
        meaning: What it does, its unit and its rule, in a sentence.
        default: The text that counts when it is not set; None when there is none.
        required: Whether the worker cannot start without it.
        secret: Whether its value must never be shown.
        source: Where the value comes from: a stack output, a page, a command.
    """

    name: str
    meaning: str
    default: str | None = None
    required: bool = False
    secret: bool = False
    source: str = ""


def _output(name: str) -> str:
    return f"stack output {name} of infra/resources.yml"


_PORTAL: Final = "Hautech developer portal, application keys"

SETTINGS: Final = (
    SettingSpec(
        name="WORKER_REQUEST_QUEUE_URL",
        meaning="SQS queue with the requests.",
        required=True,
        source=_output("RequestQueueUrl"),
    ),
    SettingSpec(
        name="WORKER_POLL_QUEUE_URL",
        meaning="SQS queue whose invisible messages are the jobs that wait.",
        required=True,
        source=_output("PollQueueUrl"),
    ),
    SettingSpec(
        name="WORKER_DEAD_LETTER_QUEUE_URL",
        meaning="SQS queue for requests that failed, with the reason as attributes.",
        required=True,
        source=_output("DeadLetterQueueUrl"),
    ),
    SettingSpec(
        name="WORKER_JOB_TABLE",
        meaning="DynamoDB table with one item per job.",
        required=True,
        source=_output("JobTableName"),
    ),
    SettingSpec(
        name="WORKER_RESULT_TOPIC_ARN",
        meaning="SNS topic where results are announced.",
        required=True,
        source=_output("ResultTopicArn"),
    ),
    SettingSpec(
        name="WORKER_INPUT_BUCKETS",
        meaning="Buckets that images may be read from, comma-separated.",
        required=True,
        source=_output("InputBucketName"),
    ),
    SettingSpec(
        name="WORKER_OUTPUT_BUCKETS",
        meaning="Buckets that outputs may be written to, comma-separated.",
        required=True,
        source=_output("OutputBucketName"),
    ),
    SettingSpec(
        name="WORKER_DROP_RULES",
        meaning=(
            "Rules file of drop folders and presets: an s3:// URI in one of these buckets, read again "
            "within 30 s when it changes. Not set: there are none."
        ),
    ),
    SettingSpec(
        name="HAUTECH_API_URL",
        meaning="Base URL of the Hautech API: https, or http on this machine.",
        default="https://api.hautech.ai",
    ),
    SettingSpec(
        name="HAUTECH_API_TOKEN",
        meaning="Ready-made API token. One of three ways to sign in; set exactly one.",
        secret=True,
        source=_PORTAL,
    ),
    SettingSpec(
        name="HAUTECH_APP_ID",
        meaning="Application id; with the next two, the worker signs its own tokens.",
        source=_PORTAL,
    ),
    SettingSpec(
        name="HAUTECH_APP_KEY_ID",
        meaning="Id of the application key.",
        source=_PORTAL,
    ),
    SettingSpec(
        name="HAUTECH_APP_KEY_SECRET",
        meaning="Secret of the application key: base64 of a PKCS#8 RSA key, or a PEM.",
        secret=True,
        source=_PORTAL,
    ),
    SettingSpec(
        name="HAUTECH_SECRET_ARN",
        meaning=(
            "Secrets Manager secret: a JSON object with HAUTECH_API_TOKEN, or with HAUTECH_APP_ID, "
            "HAUTECH_APP_KEY_ID and HAUTECH_APP_KEY_SECRET. Read again when Hautech refuses it."
        ),
        source="`aws secretsmanager list-secrets`",
    ),
    SettingSpec(
        name="HAUTECH_ACCOUNT_ID",
        meaning=(
            "Account that self-signed tokens act for. Not set: the application's own (root token)."
        ),
    ),
    SettingSpec(
        name="HAUTECH_UPLOAD_TTL_SECONDS",
        meaning="How long Hautech keeps uploaded images: 7,200 to 31,536,000 s.",
        default="604800",
    ),
    SettingSpec(
        name="HAUTECH_RUN_ROUTE",
        meaning=(
            "Which of the two routes starts a run: `docs`, `sdk`, or `auto` (the first, and the "
            "other if it does not exist)."
        ),
        default="auto",
    ),
    SettingSpec(
        name="HAUTECH_DOWNLOAD_HOSTS",
        meaning=(
            "Further hosts that upload and download links may lead to, comma-separated; "
            "`.example.com` means all its subdomains. `hautech.ai` and its subdomains always may."
        ),
    ),
    SettingSpec(
        name="HAUTECH_PRIVATE_HOSTS",
        meaning=(
            "Hosts of the API or of links that are reached at private addresses (a VPC endpoint, "
            "internal DNS), comma-separated, in the same form. All others must have public ones."
        ),
    ),
    SettingSpec(
        name="WORKER_CONCURRENCY",
        meaning="Messages worked on at once in one process: 2 to 512.",
        default="32",
    ),
    SettingSpec(
        name="WORKER_POLL_MIN_SECONDS",
        meaning="Least seconds between two polls of one job: 1 to 900.",
        default="1",
    ),
    SettingSpec(
        name="WORKER_POLL_MAX_SECONDS",
        meaning=(
            "Most seconds between two polls of one job, once a tenth of such pipelines would have "
            "ended: 1 to 900, and at least a 400th of WORKER_PIPELINE_TIMEOUT_SECONDS."
        ),
        default="30",
    ),
    SettingSpec(
        name="WORKER_PIPELINE_TIMEOUT_SECONDS",
        meaning="A pipeline that is pending longer fails its job: 1 to 43,200 s.",
        default="1800",
    ),
    SettingSpec(
        name="WORKER_MAX_ATTEMPTS",
        meaning="Failed attempts in a row at one move before the job fails: 1 to 1,000.",
        default="10",
    ),
    SettingSpec(
        name="WORKER_HAUTECH_REQUESTS_PER_SECOND",
        meaning=(
            "HTTP requests to Hautech that one process makes per second on average: 0.1 to 10,000. "
            "At once may go those of a second, and the calls of one piece of work, such as all "
            "pictures of a job; others wait the longer then. Not set: as many as Hautech takes."
        ),
    ),
    SettingSpec(
        name="WORKER_MAX_PIPELINES_IN_FLIGHT",
        meaning=(
            "Jobs in flight, of all workers together, beyond which no new request is started: 1 to "
            "100,000; approximate. A job runs one pipeline at a time, one of `naomi` two at first. "
            "Not set: as many as Hautech takes."
        ),
    ),
    SettingSpec(
        name="WORKER_BATCH_OPEN_ROWS",
        meaning=(
            "Rows of one batch that are open at once: 1 to 100,000. The others are sent as these end, so "
            "that other requests do not stand behind all of them. With "
            "`WORKER_MAX_PIPELINES_IN_FLIGHT`, at most twice as many (but 20). More make sense only if "
            "Hautech runs more than 750 of your jobs at once."
        ),
        default="1000",
    ),
    SettingSpec(
        name="WORKER_REUSE",
        meaning=(
            "`on`: an image, a prepared pose or a prepared garment that is at Hautech already is used "
            "again, whichever request it was for. `off`: each request brings and pays for its own."
        ),
        default="on",
    ),
    SettingSpec(
        name="WORKER_SHARE_POSES",
        meaning=(
            "`on`: `full-naomi` from two S3 images runs as the three pipelines of `naomi`, so that its "
            "prepared pose can be used again. The price is another one and pictures may differ a "
            "little. Needs WORKER_REUSE."
        ),
        default="off",
    ),
    SettingSpec(
        name="WORKER_IMAGE_MAX_BYTES",
        meaning=(
            "Most bytes of a photo as it is sent to Hautech; one with more is saved as a smaller JPEG."
        ),
        default="20971520",
    ),
    SettingSpec(
        name="WORKER_IMAGE_MAX_PIXELS",
        meaning=(
            "Longest side of a photo as it is sent to Hautech, in pixels; a larger one is scaled down."
        ),
        default="8192",
    ),
    SettingSpec(
        name="WORKER_SOURCE_MAX_BYTES",
        meaning="Most bytes of a photo as it is in S3: 1 to 1,073,741,824; one with more is refused.",
        default="104857600",
    ),
    SettingSpec(
        name="WORKER_SOURCE_MAX_PIXELS",
        meaning=(
            "Most pixels, width times height, of a photo that has to be converted: 1 to "
            "1,000,000,000; one with more is refused."
        ),
        default="200000000",
    ),
    SettingSpec(
        name="WORKER_VISIBILITY_SECONDS",
        meaning=(
            "How long a received message stays hidden before the worker extends it, and so how "
            "soon another worker takes over from a killed one: 5 to 43,200 s. On Lambda the queue's own "
            "timeout counts instead."
        ),
        default="60",
    ),
    SettingSpec(
        name="WORKER_HEALTH_PORT",
        meaning="TCP port of `/healthz`, `/readyz` and `/metrics`; 0 takes any free port, empty turns it off.",
        default="8080",
    ),
    SettingSpec(
        name="WORKER_HEALTH_HOST",
        meaning="Address that the health port listens on; `127.0.0.1` keeps it on this machine.",
        default="0.0.0.0",  # noqa: S104 - probes of ECS and Kubernetes come from outside
    ),
    SettingSpec(
        name="WORKER_LOG_FORMAT",
        meaning="`json` or `console`. Not set: `console` on a terminal, else `json`.",
    ),
    SettingSpec(
        name="WORKER_LOG_LEVEL",
        meaning="`debug`, `info`, `warning` or `error`.",
        default="info",
    ),
    SettingSpec(
        name="WORKER_METRICS",
        meaning=(
            "`emf`: write the metrics for CloudWatch to stdout once a minute, as lines in its embedded "
            "metric format. Not set: none. Lambda functions always write them."
        ),
    ),
    SettingSpec(
        name="POWERTOOLS_SERVICE_NAME",
        meaning="The dimension `service` of these metrics: the name of the resources stack.",
        default="hautech-worker",
    ),
    SettingSpec(
        name="HTTPS_PROXY",
        meaning="HTTP proxy for calls to Hautech and AWS; `NO_PROXY` lists hosts it is not for.",
        secret=True,
    ),
    SettingSpec(
        name="REQUESTS_CA_BUNDLE",
        meaning="File with trusted certificates for calls to Hautech (`AWS_CA_BUNDLE` for AWS).",
    ),
)
"""Every variable that the worker reads, in the order of the reference page."""

SPECS: Final[Mapping[str, SettingSpec]] = {spec.name: spec for spec in SETTINGS}
