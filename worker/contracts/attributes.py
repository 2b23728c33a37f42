"""Which names and values SNS takes as message attributes, and which of ours become some."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from worker.contracts.text import is_attribute_text

MAX_METADATA_ATTRIBUTES = 7
"""Text values of the metadata that become attributes of the result event.

Source: SNS developer guide, "Message attributes": SQS subscriptions with raw delivery get at most
ten attributes, and a message with more is discarded for them.
"""

# Source: the same page: A-Z a-z 0-9 _ - and dots, none at the ends and no two together, at most
# 256 characters, and no prefix AWS. or Amazon. in any case.
_NAME = re.compile(r"(?!(?:aws|amazon)\.)(?=.{1,256}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.IGNORECASE)


def is_attribute_name(name: str) -> bool:
    """Whether SNS takes `name` as the name of a message attribute."""
    return name.isascii() and _NAME.fullmatch(name) is not None


def event_attributes(own: Mapping[str, str | None], metadata: Mapping[str, Any]) -> dict[str, str]:
    """Our own attributes (those with a value), then the first text values of `metadata`.

    A metadata key that SNS does not take, or that is one of ours, is passed over: the event's
    data has it anyway.
    """
    attributes = {name: value for name, value in own.items() if value}
    room = MAX_METADATA_ATTRIBUTES
    for name, value in metadata.items():
        if not room:
            break
        if name in own or not is_attribute_name(name):
            continue
        if isinstance(value, str) and is_attribute_text(value):
            attributes[name] = value
            room -= 1
    return attributes
