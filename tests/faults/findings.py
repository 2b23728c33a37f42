"""What is left of a job when all is quiet: its record, its events, its objects, what was paid."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.jobs.outcomes import RetryLater

if TYPE_CHECKING:
    from tests.faults.experiment import Experiment

_SECRETS: Final = (
    re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}"),  # a token
    re.compile(r"[?&](?:signature|sig|X-Amz-Signature)=[\w%-]{6,}", re.IGNORECASE),  # a signed link
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The facts, counted; nothing here is an opinion."""

    state: str
    """Of the record; "none" when there is none."""
    error_code: str = ""
    paid: int
    """Pipelines at Hautech that carry this job's id."""
    paid_calls: int
    """How often the record says that the run may have been sent."""
    adopted: bool
    event_ids: tuple[str, ...]
    """One for each event that was published, repetitions included."""
    event_status: str
    dead_letters: int
    problems: tuple[str, ...] = ()
    """Broken promises about outputs, leases and secrets."""
    exchanges: dict[str, int] = field(default_factory=dict)
    """By call, as the gateway counted them."""
    retries: int = 0
    rests: int = 0
    """Times that the engine laid a message to rest because somebody else was down."""
    deliveries: int = 0
    deaths: int = 0
    failed_lookups: int = 0
    """Name look-ups that failed: exchanges that the gateway never saw."""
    failed_receives: int = 0
    failed_answers: int = 0


def read_findings(experiment: Experiment, exchanges: dict[str, int]) -> Findings:
    """Looks at everything, past the gateway."""
    rig, outputs = experiment.rig, experiment.outputs
    store = DynamoJobStore(rig.aws.client("dynamodb"), outputs.job_table_name)
    job = store.load(experiment.request_id)
    events = _drain(rig.aws.client("sqs"), experiment.events_url)
    dead_letters = _drain(rig.aws.client("sqs"), outputs.dead_letter_queue_url)
    paid = [run for run in rig.stand_in.runs() if _job_of(run) == experiment.request_id]
    history = job.history if job else ()
    steps = job.steps if job else ()
    problems = [
        *_output_problems(rig.aws.client("s3"), events),
        *_secret_problems(experiment, [*events, *dead_letters, str(job)]),
    ]
    if job is not None and job.lease is not None:
        problems.append("the record is still leased")
    retries = [one for one in experiment.notes.outcomes if isinstance(one, RetryLater)]
    return Findings(
        state=str(job.state) if job else "none",
        error_code=job.failure.code if job and job.failure else "",
        paid=len(paid),
        paid_calls=sum(step.submission.calls for step in steps if step.submission),
        adopted=any(step.pipeline.adopted for step in steps if step.pipeline),
        event_ids=tuple(json.loads(event)["id"] for event in events),
        event_status=json.loads(events[0])["data"]["status"] if events else "none",
        dead_letters=len(dead_letters),
        problems=tuple(problems),
        exchanges=exchanges,
        retries=len(retries),
        rests=sum("resting" in entry.because for entry in history),
        deliveries=rig.gateway.receipts.deliveries,
        deaths=experiment.deaths,
        failed_lookups=sum(rig.moments.lookups.hits.values()),
        failed_receives=experiment.notes.failed_receives,
        failed_answers=experiment.notes.failed_answers,
    )


def _drain(sqs: Any, queue_url: str) -> list[str]:
    bodies: list[str] = []
    while True:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        messages = answer.get("Messages", [])
        if not messages:
            return bodies
        for message in messages:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])


def _job_of(run: dict[str, Any]) -> str | None:
    ours = run["metadata"].get("hautechWorker") or {}
    job_id: str | None = ours.get("jobId")
    return job_id


def _output_problems(s3: Any, events: list[str]) -> list[str]:
    problems: list[str] = []
    for text in events:
        data = json.loads(text)["data"]
        if data["status"] == "succeeded" and len(data["outputs"]) != 1:
            problems.append(f"the event names {len(data['outputs'])} outputs")
        for output in data["outputs"]:
            bucket, _, key = output["uri"].removeprefix("s3://").partition("/")
            stored = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            if hashlib.sha256(stored).hexdigest() != output["sha256"]:
                problems.append(f"{output['uri']} is not what the event says")
            document = s3.get_object(Bucket=bucket, Key=key.rpartition(".")[0] + ".json")
            if json.loads(document["Body"].read()) != data:
                problems.append("the document is not what the event says")
    return problems


def _secret_problems(experiment: Experiment, texts: list[str]) -> list[str]:
    from tests.faults.rig import CANARY  # noqa: PLC0415 - the rig is above us

    rig = experiment.rig
    named = {"the AWS key": CANARY, "the key secret": rig.stand_in.credentials.key_secret[40:90]}
    found: list[str] = []
    for place, text in (("a log line", rig.logs.getvalue()), ("a record", "\n".join(texts))):
        found += [f"{what} is in {place}" for what, secret in named.items() if secret in text]
        found += [f"a secret is in {place}" for shape in _SECRETS if shape.search(text)]
    return found
