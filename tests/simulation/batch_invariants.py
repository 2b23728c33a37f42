"""What must be true of batches after every run, each as a function that names what is not."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS
from tests.simulation.batch_sizes import PROBE_ROWS
from tests.simulation.batch_workload import BatchPlan
from tests.simulation.service import SimService
from worker.batches.batch import Batch
from worker.batches.keys import batch_event_id, batch_refusal_event_id
from worker.batches.rows import row_request_id
from worker.contracts.batch import batch_digest, parse_batch
from worker.contracts.batch_event import BATCH_COMPLETED
from worker.contracts.origin import BatchRow, batch_of
from worker.contracts.s3_uri import S3Uri
from worker.errors import RequestCancelledError, RequestError
from worker.jobs.job import Job, JobState

_NO_JOB_MEANT = frozenset({"cancelled", "skipped"})


def every_batch_ends(service: SimService) -> Iterator[str]:
    """When everything works again, every batch comes to its end."""
    for batch in service.batches.all_batches():
        if not batch.state.is_final:
            yield f"batch {batch.batch_id} is {batch.state}"


def every_batch_message_has_one_outcome(service: SimService) -> Iterator[str]:
    """Each became a batch, or was announced as refused; never both, never neither."""
    known = {batch.content_digest for batch in service.batches.all_batches()}
    announced = {event["id"] for event in _events(service)}
    for body in _bodies(service):
        is_batch = _digest_of(body) in known
        is_refused = batch_refusal_event_id(body) in announced
        if is_batch == is_refused:
            yield f"{'both' if is_batch else 'neither'} a batch and refused: {body[:120]}"


def every_batch_is_announced_once(service: SimService) -> Iterator[str]:
    """One event id with one content, however often it is published: the record's."""
    refusals = {batch_refusal_event_id(body) for body in _bodies(service)}
    told: dict[str | None, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for event in _events(service):
        if event["id"] not in refusals:
            told[event["subject"]][event["id"]].append(event)
    for batch in service.batches.all_batches():
        by_id = told.pop(batch.batch_id, {})
        if [*by_id] != [batch_event_id(batch)]:
            yield f"batch {batch.batch_id} was announced as {[*by_id]}"
        if any(event != batch.event for events in by_id.values() for event in events):
            yield f"batch {batch.batch_id}: an event that is not the one in its record"
    for subject in told:
        yield f"an event of {subject}, which is no batch"


def the_list_has_each_row_once(service: SimService) -> Iterator[str]:
    """All rows of the manifest, in their order; none only if nothing was counted."""
    for batch, plan in _batches(service):
        rows = [line["row"] for line in _lines(service, batch)]
        if rows != list(range(1, (batch.rows or 0) + 1)):
            yield f"batch {batch.batch_id} of {batch.rows} rows lists {rows}"
        if batch.rows not in {None, plan.rows}:
            yield f"batch {batch.batch_id} has {batch.rows} rows instead of {plan.rows}"


def counts_and_credits_are_those_of_the_list(service: SimService) -> Iterator[str]:
    """The event says how many rows ended how, and what they cost, as the list does."""
    for batch, _ in _batches(service):
        if batch.event is None:
            continue
        data = batch.event["data"]
        lines = _lines(service, batch)
        counts = dict(data["counts"])
        if counts.pop("rows") != (batch.rows or 0):
            yield f"batch {batch.batch_id}: {data['counts']} of {batch.rows} rows"
        if +Counter(counts) != Counter(line["status"] for line in lines):
            yield f"batch {batch.batch_id}: {counts} and other lines"
        costs = sum((_credits(line) for line in lines), Decimal(0))
        if Decimal(data["credits"]) != costs:
            yield f"batch {batch.batch_id}: {data['credits']} credits, and {costs} in its list"


def rows_ended_as_their_jobs(service: SimService) -> Iterator[str]:
    """A line says of its row what the job's record says. What was redriven may end otherwise later."""
    for batch, plan in _batches(service):
        jobs = _jobs_of(service, batch)
        for line in _lines(service, batch):
            job = jobs.get(line["row"])
            if job is not None and job.redrives:
                continue
            if job is None or (line["status"] in _NO_JOB_MEANT and job.failure is not None):
                trouble = _of_no_job(line, plan, job)
            else:
                trouble = _of_job(line, job)
            if trouble:
                yield f"batch {batch.batch_id}, row {line['row']}: {line['status']}, but {trouble}"


def every_row_is_one_request(service: SimService) -> Iterator[str]:
    """A row is at most one job, under its own id; bad ones are none, and all are of one manifest."""
    by_batch: dict[str, list[tuple[BatchRow, Job]]] = defaultdict(list)
    for job in service.store.all_jobs():
        if (row := batch_of(job.request)) is not None:
            by_batch[row.id].append((row, job))
    for plan in service.plans:
        found = by_batch.pop(plan.batch_id, [])
        for row, job in found:
            if job.request_id != row_request_id(plan.batch_id, row.row):
                yield f"row {row.row} of {plan.batch_id} is job {job.request_id}"
            if row.row in plan.bad or row.row > plan.rows:
                yield f"row {row.row} of {plan.batch_id} is bad, and a job"
        takes = {job.request["input"]["prompt"] for _, job in found}
        if len(takes) > 1:
            yield f"rows of {plan.batch_id} are of two manifests: {sorted(takes)}"
    for batch_id in by_batch:
        yield f"rows of {batch_id}, which nobody sent"


def no_row_is_paid_twice(service: SimService) -> Iterator[str]:
    """One run for each submission of a row, but where nobody could know of the first."""
    excused = {(one.request_id, one.step) for one in service.witness.paid_twice}
    rows = {job.request_id for job in service.store.all_jobs() if batch_of(job.request)}
    runs = [run.metadata["hautechWorker"] for run in service.hautech.runs]
    paid = Counter((one["jobId"], one["step"], one["submitKey"]) for one in runs)
    for (request_id, step, _), times in paid.items():
        if times > 1 and request_id in rows and (request_id, step) not in excused:
            yield f"step {step} of row {request_id} was paid {times} times"


def what_was_cancelled_or_skipped_is_not_paid(service: SimService) -> Iterator[str]:
    """Nothing runs for a row that is listed so."""
    paid = {run.metadata["hautechWorker"]["jobId"] for run in service.hautech.runs}
    for batch, _ in _batches(service):
        jobs = _jobs_of(service, batch)
        for line in _lines(service, batch):
            job = jobs.get(line["row"])
            is_unpaid = line["status"] in _NO_JOB_MEANT and job is not None and not job.redrives
            if is_unpaid and job is not None and job.request_id in paid:
                yield f"row {job.request_id} is {line['status']}, and was paid for"


def a_cap_is_about_kept(service: SimService) -> Iterator[str]:
    """Beyond it goes at most a probe, and what open rows cost more than those before them."""
    for batch, _ in _batches(service):
        if batch.credit_cap is None or batch.event is None:
            continue
        costs = [cost for line in _lines(service, batch) if (cost := _credits(line))]
        if not costs:
            continue
        most = max(
            batch.credit_cap + PROBE_ROWS * max(costs), batch.credit_cap * max(costs) / min(costs)
        )
        spent = Decimal(batch.event["data"]["credits"])
        if spent > most:
            yield f"batch {batch.batch_id} spent {spent} with a cap of {batch.credit_cap}"


def _of_no_job(line: dict[str, Any], plan: BatchPlan, job: Job | None) -> str | None:
    """What speaks against the line of a row that was not worked on."""
    is_bad = line["row"] in plan.bad
    code = (line["error"] or {}).get("code")
    match line["status"]:
        case "refused" if not is_bad and code not in {"request.conflict", "request.expired"}:
            return f"it is a good one, refused for {code}"
        case "succeeded" | "failed":
            return "it is no job"
        case "cancelled" if job and job.failure and job.failure.code != RequestCancelledError.code:
            return f"its job failed with {job.failure.code}"
    return None


def _of_job(line: dict[str, Any], job: Job) -> str | None:
    """What speaks against the line of a row that became this job."""
    is_done = job.state is JobState.SUCCEEDED
    if line["status"] != ("succeeded" if is_done else "failed"):
        return f"its job is {job.state}"
    data = (job.event or {})["data"]
    if line["outputs"] != data["outputs"] or line["error"] != data["error"]:
        return "its job's event says something else"
    return None


def _batches(service: SimService) -> Iterator[tuple[Batch, BatchPlan]]:
    plans = {plan.batch_id: plan for plan in service.plans}
    for batch in service.batches.all_batches():
        yield batch, plans[batch.batch_id]


def _bodies(service: SimService) -> dict[str, None]:
    return dict.fromkeys(one.body for plan in service.plans for one in plan.sent)


def _events(service: SimService) -> list[dict[str, Any]]:
    published = service.topic.events
    return [one.document() for one in published if one.attributes.get("type") == BATCH_COMPLETED]


def _lines(service: SimService, batch: Batch) -> list[dict[str, Any]]:
    """The list of results; empty when there is none."""
    place = (batch.event or {}).get("data", {}).get("results")
    stored = service.objects.stored(S3Uri.parse(place)) if place else None
    return [] if stored is None else [json.loads(line) for line in stored.data.splitlines()]


def _jobs_of(service: SimService, batch: Batch) -> dict[int, Job]:
    jobs = ((batch_of(job.request), job) for job in service.store.all_jobs())
    return {row.row: job for row, job in jobs if row is not None and row.id == batch.batch_id}


def _credits(line: dict[str, Any]) -> Decimal:
    return Decimal(line.get("credits") or 0)


def _digest_of(body: str) -> str | None:
    try:
        batch = parse_batch(body, input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS)
    except RequestError:
        return None
    return batch_digest(batch)


BATCH_INVARIANTS = (
    every_batch_ends,
    every_batch_message_has_one_outcome,
    every_batch_is_announced_once,
    the_list_has_each_row_once,
    counts_and_credits_are_those_of_the_list,
    rows_ended_as_their_jobs,
    every_row_is_one_request,
    no_row_is_paid_twice,
    what_was_cancelled_or_skipped_is_not_paid,
    a_cap_is_about_kept,
)
