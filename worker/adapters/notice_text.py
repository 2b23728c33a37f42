"""A notice as the text that every board keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from worker.ports.notices import CircuitNotice, HoldReason


def notice_to_text(notice: CircuitNotice) -> str:
    """The notice as JSON."""
    return json.dumps(
        {
            "toldAt": _text(notice.told_at),
            "reason": notice.reason and str(notice.reason),
            "since": _text(notice.since),
            "nextTryAt": _text(notice.next_try_at),
            "said": notice.said,
            "metBy": notice.met_by,
        },
        ensure_ascii=False,
    )


def notice_from_text(text: str) -> CircuitNotice | None:
    """The notice in a text; None for one of another release that this one cannot read."""
    try:
        document = json.loads(text)
        return CircuitNotice(
            told_at=datetime.fromisoformat(document["toldAt"]),
            reason=document["reason"] and HoldReason(document["reason"]),
            since=_moment(document["since"]),
            next_try_at=_moment(document["nextTryAt"]),
            said=str(document["said"]),
            met_by=str(document.get("metBy") or ""),  # not in notices of the first release
        )
    except (ValueError, TypeError, KeyError):
        return None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
