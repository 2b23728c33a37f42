"""Building blocks of the wire models: shared configuration, image references, points in time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from worker.contracts.s3_uri import S3Uri

REQUEST_CONFIG = ConfigDict(
    strict=True,
    extra="forbid",
    frozen=True,
    defer_build=True,  # see READ_AT_ONCE
    alias_generator=to_camel,
    validate_by_name=True,  # in Python code; messages are read with by_name=False
    validate_by_alias=True,
    serialize_by_alias=True,
)
"""For what producers write: exact types, and an unknown field is an error."""

OWN_CONFIG = ConfigDict(
    extra="ignore",
    frozen=True,
    defer_build=True,  # see READ_AT_ONCE
    alias_generator=to_camel,
    validate_by_name=True,
    validate_by_alias=True,
    serialize_by_alias=True,
    json_schema_serialization_defaults_required=True,  # what we write has every field
)
"""For what workers write: readers skip unknown fields, so that releases can be mixed."""

READ_AT_ONCE = ConfigDict(defer_build=False)
"""Besides: for what nearly every process reads or writes as a whole, which is made ready at the start. A
part of another model need not be: pydantic makes it ready when it is read by itself, if it ever is."""

MAX_ID_CHARACTERS = 200
S3_OBJECT_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*[^/]$"
_ID_PATTERN = rf"[^\s/]{{1,{MAX_ID_CHARACTERS}}}"
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def broken_rule(rule: str, fix: str = "") -> PydanticCustomError:
    """A validation error in our own words; `plain_words` makes a Problem of it."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "fix": fix})


def looks_like_s3(text: str) -> bool:
    """Whether `text` is meant as an S3 URI, well-formed or not."""
    return text[:3].lower() == "s3:"


def parse_object_uri(text: str) -> S3Uri:
    """The S3 object that `text` names.

    Raises:
        ValueError: with the broken rule; a place that is no object (a bucket, a folder) too.
    """
    uri = S3Uri.parse(text)
    if not uri.key or uri.key.endswith("/"):
        raise ValueError("names a folder, not an object; add the file name")
    return uri


def _image_reference(text: str) -> str:
    if looks_like_s3(text):
        try:
            parse_object_uri(text)
        except ValueError as error:
            raise broken_rule(
                str(error), "s3://bucket/key or s3://bucket/key?versionId=…"
            ) from None
    elif not re.fullmatch(_ID_PATTERN, text):
        raise broken_rule(
            f"must be a Hautech id (1 to {MAX_ID_CHARACTERS} characters without spaces or slashes) "
            "or an s3:// URI",
            "the worker fetches no other URLs: put the image in S3" if "/" in text else "",
        )
    return text


ImageReference = Annotated[
    str,
    AfterValidator(_image_reference),
    Field(
        json_schema_extra={
            "anyOf": [
                {"pattern": S3_OBJECT_PATTERN},
                {"pattern": f"^{_ID_PATTERN}$"},
            ]
        }
    ),
]
"""A Hautech id (opaque), or the S3 URI of an image that the worker turns into an id."""


def utc_from_rfc3339(value: Any) -> datetime:
    """An RFC 3339 text, or a datetime with a time zone, as aware UTC, cut to the millisecond.

    What is read is then exactly what is written again, see `rfc3339`.
    Source: RFC 3339, section 5.6. Leap seconds (":60") are refused: Python has none.
    """
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError:
            value = None  # the form is right, the day or the hour does not exist
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            at = value.astimezone(UTC)
            return at.replace(microsecond=at.microsecond // 1000 * 1000)
        except OverflowError:  # year 1 east of Greenwich, year 9999 west of it
            pass
    raise broken_rule(
        "must be a date and time with time zone (RFC 3339)", 'such as "2030-01-31T12:00:00Z"'
    )


def rfc3339(at: datetime) -> str:
    """An aware time as RFC 3339 text in UTC with milliseconds: 2030-01-31T12:00:00.000Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


UtcTime = Annotated[
    datetime,
    BeforeValidator(utc_from_rfc3339),
    PlainSerializer(rfc3339, return_type=str),
    Field(json_schema_extra={"format": "date-time"}),
]
"""Aware UTC in code, RFC 3339 on the wire."""
