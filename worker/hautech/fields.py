"""Reads fields of a JSON answer tolerantly: null is absent, a wrong type is named, never guessed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MAX_ID_CHARACTERS: Final = 200
_MAX_AMOUNT_CHARACTERS: Final = 64


class ShapeError(ValueError):
    """A field that we cannot do without is missing or has the wrong type."""


def as_object(document: Any, name: str) -> Mapping[str, Any]:
    """The JSON object, or ShapeError naming what came instead."""
    if isinstance(document, dict):
        return document
    raise ShapeError(f"{name}: expected an object, got {_kind(document)}")


def required_text(document: Mapping[str, Any], *names: str) -> str:
    """The first of the named fields that is a non-empty string.

    Raises:
        ShapeError: None of them is.
    """
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value:
            return value
    raise ShapeError(f"{names[0]}: expected a string, got {_kind(document.get(names[0]))}")


def required_id(document: Mapping[str, Any], *names: str) -> str:
    """The first of the named fields that can be an id: 1 to 200 visible characters.

    Ids are kept in records and shown in logs. One of a megabyte would fit into no record, which
    then could not be written any more; one with control characters would write lines of its own.

    Raises:
        ShapeError: None of them is.
    """
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and is_id(value):
            return value
    raise ShapeError(
        f"{names[0]}: expected an id of 1 to {MAX_ID_CHARACTERS} visible characters, "
        f"got {_kind(document.get(names[0]))}"
    )


def is_id(value: str) -> bool:
    """Whether a text can be an id: opaque, but neither endless nor invisible."""
    return 1 <= len(value) <= MAX_ID_CHARACTERS and value.isprintable() and " " not in value


def text(document: Mapping[str, Any], name: str) -> str | None:
    """The field as text; None when absent, null or not a string."""
    value = document.get(name)
    return value if isinstance(value, str) else None


def whole_number(document: Mapping[str, Any], name: str) -> int | None:
    """The field as an integer; 832 and 832.0 are the same. None when absent or not a number.

    Source: the API's schema types sizes as floats.
    """
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):  # NaN and Infinity, which Python's JSON reader accepts
        return None


def moment(document: Mapping[str, Any], name: str) -> datetime | None:
    """The RFC 3339 field as an aware UTC time; one without offset is taken as UTC."""
    value = document.get(name)
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def credits_of(value: Any) -> Decimal | None:
    """An amount of credits: a decimal string, a number, or an object that holds one.

    Source: `balance` is a string in one schema and an object in another. A float is read
    through its shortest text, so 0.1 stays 0.1.
    """
    if isinstance(value, dict):
        return next(
            (credits_of(value[key]) for key in ("balance", "amount", "value") if key in value),
            None,
        )
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return None
    digits = str(value).strip()
    if len(digits) > _MAX_AMOUNT_CHARACTERS:  # a record has room for an amount, not for a book
        return None
    try:
        amount = Decimal(digits)
    except InvalidOperation:
        return None
    # "1E+3000000" is a number, too, and three million characters when it is written out.
    return amount if amount.is_finite() and abs(amount.adjusted()) < 20 else None


def object_or_empty(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The field as an object; empty when absent, null or something else."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return {dict: "an object", list: "a list", str: "text", bool: "a boolean"}.get(
        type(value), "a number"
    )
