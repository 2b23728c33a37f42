"""The trace that a request belongs to, as AWS X-Ray writes it: `Root=1-…;Parent=…;Sampled=1`.

It comes with the request's message and goes on with all that the job sends. It is of use to people
only, so one that is not as it should be is no reason to refuse anything: it is as if there were none.
"""

from __future__ import annotations

import re
from typing import Final

# Source: X-Ray developer guide, "Tracing header" and "Trace ID format".
_PARTS: Final = {
    "Root": re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}"),
    "Parent": re.compile(r"[0-9a-f]{16}"),
    "Sampled": re.compile(r"[01?]"),
}
_MAX_CHARS: Final = 1_000
"""Longer than any header that X-Ray, or Lambda with its lineage, writes."""


def clean_trace(header: object) -> str | None:
    """What of a trace header is carried on: root, parent and sampling decision, in this order.

    None for what is none, or has no root. Other parts are left out: `Lineage` counts the hops of one
    message through Lambda functions, and a job that comes a second time has not made one more.
    """
    if not isinstance(header, str) or len(header) > _MAX_CHARS:
        return None
    given = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    kept = {
        name: given[name] for name, rule in _PARTS.items() if rule.fullmatch(given.get(name, ""))
    }
    return ";".join(f"{name}={value}" for name, value in kept.items()) if "Root" in kept else None


def trace_id_of(header: str | None) -> str | None:
    """The id of the trace in a header that `clean_trace` gave, as X-Ray's pages search for it."""
    return header.partition(";")[0].removeprefix("Root=") if header else None
