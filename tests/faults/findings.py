"""What is left of a job when all is quiet: its record, its events, its objects, what was paid."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tests.faults.catalogue import BATCHES, VANISHED
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.contracts.batch_event import BATCH_COMPLETED
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
    notes: tuple[str, ...] = ()
    """What people see less of than they should; the log tells them."""
    others: tuple[Findings, ...] = ()
    """Of the other jobs that came of the same message: what is counted of each job alone."""


def read_findings(experiment: Experiment, exchanges: dict[str, int]) -> Findings:
    """Looks at everything, past the gateway. The jobs beside the first are its `others`."""
    rig, outputs = experiment.rig, experiment.outputs
    sqs: Any = rig.aws.client("sqs")
    left = _Left(
        events=_drain(sqs, experiment.events_url),
        dead_letters=_drain(sqs, outputs.dead_letter_queue_url),
    )
    scene = experiment.scene
    ids = _job_ids(rig.aws.client("dynamodb"), outputs.job_table_name)
    jobs = [_of_job(experiment, request_id, left) for request_id in ids or [experiment.request_id]]
    seen = scene.look(rig.logs.getvalue())
    problems = [*jobs[0].problems, *seen.problems, *_batch_problems(experiment, left)]
    problems += _secret_problems(experiment, [*left.events, *left.dead_letters])
    if len(ids) != scene.jobs:
        problems.append(f"there are {len(ids)} jobs, not {scene.jobs}")
    retries = [one for one in experiment.notes.outcomes if isinstance(one, RetryLater)]
    return replace(
        jobs[0],
        problems=tuple(problems),
        notes=seen.notes,
        others=tuple(jobs[1:]),
        exchanges=exchanges,
        retries=len(retries),
        rests=sum(one.rests for one in jobs),
        deliveries=rig.gateway.receipts.deliveries,
        deaths=experiment.deaths,
        failed_lookups=sum(rig.moments.lookups.hits.values()),
        failed_receives=experiment.notes.failed_receives,
        failed_answers=experiment.notes.failed_answers,
    )


@dataclass(frozen=True, slots=True)
class _Left:
    """What lies in queues in the end."""

    events: list[str]
    dead_letters: list[str]

    def events_of(self, request_id: str) -> list[str]:
        named = [(text, json.loads(text)["data"].get("requestId")) for text in self.events]
        return [text for text, name in named if name == request_id]

    def batch_events(self) -> list[str]:
        return [text for text in self.events if json.loads(text)["type"] == BATCH_COMPLETED]


def _of_job(experiment: Experiment, request_id: str, left: _Left) -> Findings:
    rig, outputs = experiment.rig, experiment.outputs
    job = DynamoJobStore(rig.aws.client("dynamodb"), outputs.job_table_name).load(request_id)
    events = left.events_of(request_id)
    # What failed for an image that Hautech had forgotten is foreseen; what comes after it counts.
    paid = [
        run
        for run in rig.stand_in.runs()
        if _job_of(run) == request_id and VANISHED not in json.dumps(run)
    ]
    history = job.history if job else ()
    steps = job.steps if job else ()
    problems = [
        *_output_problems(rig.aws.client("s3"), events),
        *_secret_problems(experiment, [str(job)]),
    ]
    if job is not None and job.lease is not None:
        problems.append("the record is still leased")
    return Findings(
        state=str(job.state) if job else "none",
        error_code=job.failure.code if job and job.failure else "",
        paid=len(paid),
        paid_calls=sum(step.submission.calls for step in steps if step.submission),
        adopted=any(step.pipeline.adopted for step in steps if step.pipeline),
        event_ids=tuple(json.loads(event)["id"] for event in events),
        event_status=json.loads(events[0])["data"]["status"] if events else "none",
        dead_letters=len(left.dead_letters),
        problems=tuple(problems),
        rests=sum("resting" in entry.because for entry in history),
    )


def _job_ids(dynamodb: Any, table: str) -> list[str]:
    keys = [item["pk"]["S"] for item in dynamodb.scan(TableName=table)["Items"]]
    return sorted(key.removeprefix("job#") for key in keys if key.startswith("job#"))


def _batch_problems(experiment: Experiment, left: _Left) -> list[str]:
    if experiment.call.flow not in BATCHES:
        return []
    events = [json.loads(text) for text in left.batch_events()]
    problems: list[str] = []
    if len({event["id"] for event in events}) != 1:
        problems.append(f"{len(events)} events of the batch, not of one id")
    for event in events:
        counts = event["data"]["counts"]
        if (counts["rows"], counts["succeeded"], counts["refused"]) != (3, 2, 1):
            problems.append(f"the event of the batch counts {counts}")
    return problems


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
