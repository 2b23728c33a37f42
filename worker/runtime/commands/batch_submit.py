"""`hautech-worker batch submit`: a table on this machine, or lists, become a batch.

    table or lists ─► look at every row ─► upload the table ─► send one message ─► (follow)

Nothing is uploaded or sent before every row was looked at.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

from worker.batches.survey import Survey
from worker.contracts.batch import BatchMessage, parse_batch
from worker.contracts.request import Request, parse_request
from worker.contracts.s3_uri import S3Uri
from worker.errors import InvalidRequestError, ManifestError
from worker.jobs.object_marks import upload_marks
from worker.jobs.plan import plan_steps
from worker.runtime.commands.batch_costs import CostPerRow, cost_per_row
from worker.runtime.commands.batch_drafts import BatchDraft, BatchDraftError
from worker.runtime.commands.output import USAGE, fail, remark
from worker.runtime.commands.services import Services

_SPOOL_BYTES: Final = 8 * 1024 * 1024

_NO_TEMPLATE: Final = (
    "give --template FILE, a JSON file with what the requests have in common, such as\n"
    '  {"workflow": "full-naomi", "output": "s3://shop/{sku}/", "input": {…}}\n'
    "or, if each row says all of it, --results-to for the list of results"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a batch message says beside its rows."""

    batch_id: str | None = None
    results_to: str | None = None
    credit_cap: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A batch that was looked at, and its message."""

    draft: BatchDraft
    survey: Survey
    message: BatchMessage
    body: str
    cost: CostPerRow | None
    can_estimate: bool = True
    """Whether there is a table of jobs that could tell."""

    @property
    def credit_cap(self) -> Decimal | None:
        """About the most that it may cost."""
        return Decimal(self.message.credit_cap) if self.message.credit_cap else None

    @property
    def credits_in_all(self) -> Decimal | None:
        """What it is likely to cost, if that is known."""
        return None if self.cost is None else self.cost.credits * self.survey.good


@contextmanager
def opened_table(source: str) -> Iterator[tuple[BinaryIO, str]]:
    """A file, or stdin for `-`, to be read several times; and its name."""
    if source == "-":
        if sys.stdin.isatty():
            remark("Reading rows from the terminal; Ctrl-D ends them.")
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            while chunk := sys.stdin.buffer.read(65_536):
                spool.write(chunk)
            yield spool, "stdin"  # type: ignore[misc]  # it is a binary file in all but its type
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 -- closed below; only its opening is tried
    except OSError as error:
        said = f"{source}: {error.strerror or error}; give a CSV or JSON file, or - for stdin"
        raise fail(said, code=USAGE) from error
    with file:
        yield file, Path(source).name


def prepare(draft: BatchDraft, wishes: Wishes, services: Services) -> Prepared:
    """Look at every row and make the message. Ends the command with all that is wrong."""
    settings = services.settings
    buckets = {
        "input_buckets": frozenset(settings.input_buckets),
        "output_buckets": frozenset(settings.output_buckets),
    }

    def check(body: str) -> Request:
        return parse_request(body, **buckets)

    batch_id = wishes.batch_id or draft.derived_id()
    document = _document(draft, batch_id, wishes, services)
    body = json.dumps(document)
    try:
        message = parse_batch(body, **buckets)
        survey = draft.survey(
            batch_id, check, reuses=settings.reuses, shares_poses=settings.shares_poses
        )
    except InvalidRequestError as error:
        # Without a template there is no output, and so no place for results: one thing is missing.
        is_bare = not draft.template and wishes.results_to is None
        told = [one for one in error.problems if not (is_bare and one.field == "resultsTo")]
        lines = "".join(f"\n  - {problem}" for problem in told)
        hint = f"\n{_NO_TEMPLATE}" if is_bare else ""
        raise fail(f"the batch cannot be sent:{lines}{hint}", code=USAGE) from error
    except (ManifestError, BatchDraftError) as error:
        raise fail(f"{draft.name or 'the matrix'}: {error}", code=USAGE) from error
    cost = _cost(survey, services)
    return Prepared(
        draft=draft,
        survey=survey,
        message=message,
        body=body,
        cost=cost,
        can_estimate=bool(settings.job_table),
    )


def send(prepared: Prepared, services: Services) -> None:
    """Upload the table, if there is one, and send the message."""
    if prepared.draft.table is not None:
        _upload(prepared, services)
    services.request_queue.send_batched(prepared.body)


def _document(
    draft: BatchDraft, batch_id: str, wishes: Wishes, services: Services
) -> dict[str, Any]:
    document = {
        "batchId": batch_id,
        "manifest": str(_place(draft, services)) if draft.table is not None else None,
        "matrix": draft.matrix,
        "request": draft.template,
        "resultsTo": wishes.results_to,
        "creditCap": wishes.credit_cap,
        "expiresAt": wishes.expires_at,
    }
    return {name: value for name, value in document.items() if value is not None}


def _place(draft: BatchDraft, services: Services) -> S3Uri:
    """Where the table goes: under a name made of its content, so the same one is there once."""
    ending = "csv" if _is_csv(draft) else "json"
    key = f"uploads/batches/{draft.digest()[:32]}.{ending}"
    return S3Uri(services.settings.input_buckets[0], key)


def _is_csv(draft: BatchDraft) -> bool:
    try:
        return draft.is_csv()
    except ManifestError as error:
        raise fail(f"{draft.name}: {error.message}", code=USAGE) from error


def _cost(survey: Survey, services: Services) -> CostPerRow | None:
    if survey.sample is None or not services.settings.job_table:
        return None
    settings = services.settings
    request = parse_request(
        survey.sample.body,
        input_buckets=frozenset(settings.input_buckets),
        output_buckets=frozenset(settings.output_buckets),
    )
    steps = plan_steps(request, shares_poses=settings.reuses and settings.shares_poses)
    return cost_per_row(services.store, request.workflow, [step.name for step in steps])


def _upload(prepared: Prepared, services: Services) -> None:
    table, uri = prepared.draft.table, prepared.message.manifest_uri
    assert table is not None  # noqa: S101 -- asked by the caller
    size_bytes, sha256 = _measured(table)
    known = services.objects.head(uri)
    if known is not None and known.sha256 == sha256:
        return
    kind = "text/csv" if uri.key.endswith(".csv") else "application/json"
    services.objects.put(
        uri,
        table,
        size_bytes=size_bytes,
        content_type=kind,
        sha256=sha256,
        metadata=upload_marks(uri),
    )
    remark(f"Uploaded {prepared.draft.name} to {uri}.")


def _measured(table: BinaryIO) -> tuple[int, str]:
    hasher, size_bytes = hashlib.sha256(), 0
    table.seek(0)
    while chunk := table.read(65_536):
        hasher.update(chunk)
        size_bytes += len(chunk)
    return size_bytes, hasher.hexdigest()
