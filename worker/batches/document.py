"""A batch as the JSON text that is stored, and back, without loss.

As with jobs, releases read each other's records: a field that this release does not know is kept and
written back, unless `must_understand` of the record names it. `version` is a field of the store.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from worker.jobs.document import MUST_UNDERSTAND, JobDocumentError

if TYPE_CHECKING:  # imported with the first batch
    from worker.batches.batch import Batch

MAX_NEW_BYTES: Final = 300_000
"""Of a batch that has just been accepted: 400 KB are a record's limit, and it grows by some."""


def to_document(batch: Batch) -> str:
    """The batch as JSON text, without its version."""
    record: dict[str, Any] = _batches().dump_python(
        replace(batch, version=0, kept=None), mode="json", exclude_defaults=True
    )
    return json.dumps({**record, **(batch.kept or {})}, ensure_ascii=False)


def is_too_large(batch: Batch) -> bool:
    """Whether a batch that is new would outgrow its record, which would then never be saved again.

    A message may be larger as a record than it came: 1E9 is stored as 1000000000.0.
    """
    return len(to_document(batch).encode("utf-8", "surrogatepass")) > MAX_NEW_BYTES


def from_document(text: str, *, version: int) -> Batch:
    """The batch that `to_document` of this release, or of one before or after it, wrote.

    Raises JobDocumentError for anything else.
    """
    try:
        record = json.loads(text)
        kept = {name: record.pop(name) for name in sorted(record.keys() - _fields())}
        _check_understood(kept)
        batch = _batches().validate_python(record, extra="forbid", strict=False)
    except (ValidationError, ValueError, AttributeError) as error:
        raise JobDocumentError("the stored batch cannot be read") from error
    return replace(batch, version=version, kept=kept or None)


def _check_understood(kept: dict[str, Any]) -> None:
    for name in kept.get(MUST_UNDERSTAND, []):
        if name not in _fields():
            raise JobDocumentError(f"the stored batch cannot be read: {name}")


@cache
def _batches() -> TypeAdapter[Batch]:
    """Who writes and reads them. Made for the first one: every worker has the store, few ever see a batch."""
    from worker.batches.batch import Batch  # noqa: PLC0415 - as it says

    return TypeAdapter(Batch)


@cache
def _fields() -> frozenset[str]:
    from worker.batches.batch import Batch  # noqa: PLC0415 - the same

    return frozenset(field.name for field in fields(Batch)) - {"kept"}
