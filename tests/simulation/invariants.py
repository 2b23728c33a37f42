"""What must be true after every run, each as a function that names what is not.

What must hold at every moment (leases, money, no event before its outputs) is noted by the witness
as it happens; `violations_of` puts all of it together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS
from tests.simulation.batch_invariants import BATCH_INVARIANTS
from tests.simulation.canaries import MARK
from tests.simulation.service import SimService
from tests.simulation.witness import untrue_outputs
from worker.adapters.memory.hautech import MemoryRun
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.readable import readable_request_id
from worker.contracts.request import content_digest, parse_request
from worker.contracts.s3_uri import S3Uri
from worker.engine.accept import message_digest
from worker.errors import PipelineLostError, RequestCancelledError, RequestError
from worker.jobs.document import to_document
from worker.jobs.job import Job, JobState, JsonObject, Step
from worker.jobs.keys import event_id, refusal_event_id, rejection_event_id
from worker.jobs.output_keys import document_key
from worker.jobs.plan import own_ids, resolved_input

_SHORT_TTL_S = 7200.0
"""After an hour, Hautech is about to forget such an upload: it is made again, and all that is made of it."""

_NEW_S = 58.0
"""A pipeline is new for a minute; workers agree about the time to a second or two."""

Invariant = Callable[[SimService], Iterator[str]]


def queues_are_empty(service: SimService) -> Iterator[str]:
    """When everything works again, every message comes to its end."""
    for kind, queue in service.queues.items():
        for body in queue.bodies():
            yield f"still on the {kind} queue: {body[:80]}"


def every_job_is_over(service: SimService) -> Iterator[str]:
    """Every accepted request is done, or failed with a reason."""
    for job in service.store.all_jobs():
        if not job.state.is_final:
            yield f"job {job.request_id} is {job.state}"
        if (job.state is JobState.FAILED) != (job.failure is not None):
            yield f"job {job.request_id} is {job.state} with failure {job.failure}"


def every_request_has_one_outcome(service: SimService) -> Iterator[str]:
    """Each message became a job, or was announced as refused; never both, never neither."""
    jobs = {job.request_id: job for job in service.store.all_jobs()}
    announced = {one.document()["id"] for one in service.job_events}
    for body in service.request_bodies():
        job = jobs.get(readable_request_id(body) or "")
        is_job = job is not None and _is_of(job, body)
        # A request that is too late has one event id as a job and as a refused message.
        is_turned_down = _refusal_id(body) in announced and not is_job
        is_refused = is_turned_down or rejection_event_id(body) in announced
        if is_job == is_refused:
            what = "both a job and refused" if is_job else "neither a job nor refused"
            yield f"{what}: {body[:120]}"


def every_job_is_announced_once(service: SimService) -> Iterator[str]:
    """One event id per outcome, with one content: the record's, and one failure per redrive."""
    by_subject: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    own = {_late_id(job) for job in service.store.all_jobs()}
    refusals = {
        one_id
        for body in service.request_bodies()
        for one_id in (rejection_event_id(body), _refusal_id(body))
        if one_id not in own
    }
    for one in service.job_events:
        event = one.document()
        if event["id"] not in refusals:
            by_subject[event["subject"]][event["id"]].add(one.text)
    for job in service.store.all_jobs():
        told = by_subject.pop(job.request_id, {})
        status = "failed" if job.failure else "succeeded"
        before = (replace(job, redrives=number) for number in range(job.redrives))
        outcomes = [*(event_id(one, "failed") for one in before), event_id(job, status)]
        # That it came too late is its first failure under another name.
        first, late_id = event_id(replace(job, redrives=0), "failed"), _late_id(job)
        known_as = sorted(first if one == late_id else one for one in told)
        if job.state.is_final and known_as != sorted(outcomes):
            yield f"job {job.request_id} ({job.state}) was announced as {sorted(told)}"
        if any(len(texts) > 1 for one, texts in told.items() if one != late_id):
            yield f"job {job.request_id}: one event id with different contents"
    for subject in by_subject:
        yield f"an event of {subject}, which is no job"


def succeeded_means_outputs(service: SimService) -> Iterator[str]:
    """What a succeeded event refers to is there, complete, with the stated hash; and so is its document."""
    for one in service.job_events:
        event = one.document()
        if event["data"]["status"] != "succeeded":
            continue
        yield from untrue_outputs(event["data"], service.objects)
        job = service.store.load(event["subject"])
        if job is None:
            continue  # another invariant says so
        place = S3Uri.parse(job.output_uri)
        document = S3Uri(place.bucket, document_key(place.key, event["subject"]))
        stored = service.objects.stored(document)
        if stored is None or json.loads(stored.data) != event["data"]:
            yield f"{document} is not what the event says"


def dead_letters_have_reasons(service: SimService) -> Iterator[str]:
    """Nothing is dead-lettered by the queue alone; each failure is there with its reason."""
    for message in service.dead_letters.contents():
        if DeadLetterReason.from_attributes(message.attributes) is None:
            yield f"dead-lettered without a reason: {message.body[:120]}"
    # A letter that was redriven is gone, but it was sent.
    sent = [DeadLetterReason.from_attributes(one.attributes) for one in service.dead_letters.sent]
    reasons = {reason.event_id for reason in sent if reason}
    for one in service.job_events:
        event = one.document()
        if event["data"]["status"] != "failed" or _is_cancelled(event):
            continue
        if event["id"] not in reasons:
            yield f"failed event of {event['subject']} without a dead letter"


def failed_jobs_have_their_dead_letter(service: SimService) -> Iterator[str]:
    """It is in the queue now, with the job's own event: a redrive takes it only if it reopens the job."""
    letters = service.dead_letters.contents()
    reasons = [DeadLetterReason.from_attributes(one.attributes) for one in letters]
    told = {reason.event_id for reason in reasons if reason}
    for job in service.store.all_jobs():
        if job.state is not JobState.FAILED or job.event is None or _is_cancelled(job.event):
            continue
        if job.event["id"] not in told:
            yield f"failed job {job.request_id} has no dead letter any more"


def records_tell_what_was_paid(service: SimService) -> Iterator[str]:
    """A pipeline in a record was really run for that step; a succeeded step has one."""
    runs = {run.pipeline_id: run for run in service.hautech.runs}
    for job in service.store.all_jobs():
        for step in job.steps:
            if step.pipeline is None:
                continue
            run = runs.get(step.pipeline.pipeline_id)
            ours = run.metadata["hautechWorker"] if run else {}
            is_own = (ours.get("jobId"), ours.get("step")) == (job.request_id, step.name)
            if not is_own and not (run and _was_adopted_for(run, job, step)):
                yield f"job {job.request_id}, step {step.name}: not its pipeline"


def no_pipeline_is_forgotten(service: SimService) -> Iterator[str]:
    """Whoever paid for a pipeline that a worker could see has it in a record."""
    known = {
        run.pipeline_id
        for job in service.store.all_jobs()
        for step in job.steps
        for run in (step.pipeline, *step.earlier)
        if run
    }
    excused = {(one.request_id, one.step) for one in service.witness.paid_twice}
    for run in service.hautech.runs:
        ours = run.metadata["hautechWorker"]
        job = service.store.load(ours["jobId"])
        code = job.failure.code if job and job.failure else ""
        given_up = job.step(ours["step"]).failure if job else None
        codes = {code, given_up.code if given_up else ""}
        is_told = "submission.unknown" in codes or (ours["jobId"], ours["step"]) in excused
        # The job has another pipeline without a key, which was asked for just the same.
        is_told = is_told or (
            job is not None and any(_was_adopted_for(run, job, step) for step in job.steps)
        )
        if run.pipeline_id not in known and not is_told:
            yield f"pipeline of {ours['jobId']}, step {ours['step']}, is in no record"


def what_is_shared_is_prepared_once(service: SimService) -> Iterator[str]:
    """Of equal poses and garments one is prepared, and only trouble with it makes another one."""
    if not service.rules.reuses or _may_have_lost_a_claim(service):
        return
    owners: dict[str, list[str]] = defaultdict(list)
    for run in service.hautech.runs:
        ours = run.metadata["hautechWorker"]
        job = service.store.load(ours["jobId"])
        asset = job.step(ours["step"]).asset if job else None
        if job is None or asset is None or run.failure is not None:
            continue
        if job.failure is None and not job.redrives:
            owners[asset].append(job.request_id)
    for asset, jobs in owners.items():
        if len(jobs) > 1:
            yield f"{asset} was prepared by {jobs}"


def _may_have_lost_a_claim(service: SimService) -> bool:
    """Whether a claim or an asset may have ended before its time, for all that a worker could know."""
    met = service.storm.met
    patience = timedelta(seconds=service.rules.pipeline_timeout_s)
    return bool(
        service.witness.kills
        or service.witness.clocks_set
        or service.aws_time.odd_rate
        or service.hautech.image_ttl_s == _SHORT_TTL_S
        or any(one.startswith(("assets.", "hautech.run:", "outage:")) for one in met)
        or any("frozen" in one or "backlog" in one for one in met)
        or any(run.ends_at - run.created_at > patience for run in service.hautech.runs)
    )


def _was_adopted_for(run: MemoryRun, job: Job, step: Step) -> bool:
    """Whether the step has adopted a pipeline that nobody can tell from this one, for they lost their keys.

    All that they were given is the same and shared, so what they give is, too.
    """
    adopted = any(one.adopted for one in (step.pipeline, *step.earlier) if one)
    return adopted and not own_ids(job, step) and resolved_input(job, step) == run.input


def lost_pipelines_were_old(service: SimService) -> Iterator[str]:
    """No paid job fails because Hautech does not know a pipeline yet that it has just begun."""
    if service.witness.clocks_set or service.aws_time.odd_rate:
        return  # a worker may have been wrong about its age
    for job in service.store.all_jobs():
        if job.failure is None or job.failure.code != PipelineLostError.code:
            continue
        ids = [step.pipeline.pipeline_id for step in job.steps if step.pipeline]
        ages_s = [service.witness.not_found_age_s.get(one, 0.0) for one in ids]
        if max(ages_s, default=0.0) < _NEW_S:
            yield f"job {job.request_id} gave its new pipeline up, at {max(ages_s):.0f} s"


def secrets_stay_secret(service: SimService) -> Iterator[str]:
    """No planted secret in a log line, record, event, dead letter or object of ours."""
    for line in service.leaks:
        yield f"a secret in the log: {line[:60]}"
    for job in service.store.all_jobs():
        if MARK in to_document(job):
            yield f"a secret in the record of {job.request_id}"
    for one in service.topic.events:
        if MARK in one.text or MARK in str(one.attributes):
            yield "a secret in an event"
    for letter in service.dead_letters.sent:
        if MARK in letter.body or MARK in str(letter.attributes):
            yield "a secret in a dead letter"


INVARIANTS: tuple[Invariant, ...] = (
    queues_are_empty,
    every_job_is_over,
    every_request_has_one_outcome,
    every_job_is_announced_once,
    succeeded_means_outputs,
    dead_letters_have_reasons,
    failed_jobs_have_their_dead_letter,
    records_tell_what_was_paid,
    no_pipeline_is_forgotten,
    what_is_shared_is_prepared_once,
    lost_pipelines_were_old,
    secrets_stay_secret,
    *BATCH_INVARIANTS,
)


def violations_of(service: SimService, *, is_drained: bool) -> list[str]:
    """All that is wrong after a run, the witness's findings first."""
    found = list(service.witness.violations)
    if not is_drained:
        found.append("did not come to an end in time")
    for invariant in INVARIANTS:
        found += [f"{invariant.__name__}: {one}" for one in invariant(service)]
    return found


def _is_cancelled(event: JsonObject) -> bool:
    """Whether whoever cancelled the batch knows already, so that no dead letter is wanted."""
    error = event["data"]["error"] or {}
    return bool(error.get("code") == RequestCancelledError.code)


def _late_id(job: Job) -> str:
    return refusal_event_id(job.request_id, job.content_digest)


def _refusal_id(body: str) -> str | None:
    try:
        request = parse_request(body, input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS)
    except RequestError:
        return None
    return refusal_event_id(request.request_id, content_digest(request))


def _is_of(job: Job, body: str) -> bool:
    if job.message_digest == message_digest(body):
        return True
    try:
        return bool(json.loads(body) == job.request)
    except ValueError:
        return False
