"""A dropped list of requests becomes a batch message, with an id that is derived from the file."""

from __future__ import annotations

from typing import Any

from worker.contracts.batch import shared_folder
from worker.contracts.filling import fill, filled_known, merged
from worker.contracts.s3_uri import S3Uri
from worker.drops.ids import Identified, drop_batch_id
from worker.drops.places import error_place
from worker.drops.rule_set import Match


def plan_batch(match: Match, manifest: Identified) -> dict[str, Any]:
    """The batch message of a manifest. Never raises.

    The preset is in it, and what the path says is filled in; other names in braces are left to the columns of the rows.
    """
    rule = match.rule
    below = match.rules.presets.get(rule.preset or "", {})
    request = filled_known(merged(below, rule.request), match.names)
    message: dict[str, Any] = {
        "batchId": drop_batch_id(match.stem, manifest),
        "manifest": str(S3Uri(manifest.bucket, manifest.key, manifest.version_id)),
        "request": request,
    }
    if rule.tenant is not None:
        message["tenant"] = fill(rule.tenant, match.names)
    if rule.results_to is not None:
        message["resultsTo"] = fill(rule.results_to, match.names)
    if rule.credit_cap is not None:
        message["creditCap"] = rule.credit_cap
    error = _error_place(match, message) if rule.writes_errors else None
    if error is not None:
        source = message["manifest"]
        message["origin"] = {"drop": {"source": source, "rule": rule.name, "error": error}}
    return message


def _error_place(match: Match, message: dict[str, Any]) -> str | None:
    """Beside the list of results: without a single row there is none, and no picture either."""
    output = message["request"].get("output")
    folder = message.get("resultsTo") or (
        shared_folder(output) if isinstance(output, str) else None
    )
    return error_place(match, folder)
