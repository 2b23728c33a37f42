"""Times, sizes and amounts in the words that people use."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `2 min 5 s`, `1 h 4 min`, `3 d 2 h`; negative durations count as 0."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return _two(whole // _MINUTE_S, "min", whole % _MINUTE_S, "s")
    if whole < _DAY_S:
        return _two(whole // _HOUR_S, "h", whole % _HOUR_S // _MINUTE_S, "min")
    return _two(whole // _DAY_S, "d", whole % _DAY_S // _HOUR_S, "h")


def ago(at: datetime, now: datetime) -> str:
    """How long ago `at` was, in one unit: `now`, `12 s ago`, `3 min ago`, `5 d ago`."""
    seconds = int((now - at).total_seconds())
    if seconds < 1:
        return "now"
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit} ago"
    return f"{seconds} s ago"


def moment(at: datetime) -> str:
    """`2030-01-31 12:00:05 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(size_bytes: int) -> str:
    """`812 bytes`, `1.2 kB`, `3.4 MB` (powers of ten)."""
    amount = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 job`, `3 jobs`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def decimal(number: Decimal | str) -> str:
    """A decimal number as short as it may be: `0.0875`, never `0.08750` or `1E+2`."""
    return f"{Decimal(number).normalize():f}"


def shorten_middle(text: str, limit: int) -> str:
    """`text` in at most `limit` characters (3 or more), its middle left out: both ends tell most."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")
