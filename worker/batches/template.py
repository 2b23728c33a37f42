"""The request of a batch as a template (`contracts.filling`), filled with the values of a row.

template   "output": "s3://shop/{season}/{sku}/"     row   sku = 1042, season = spring
request    "output": "s3://shop/spring/1042/"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from worker.contracts import filling
from worker.contracts.filling import LEFT_FOR_LATER, NAMES_OF_PICTURES

OWN_NAMES: Final = ("row", "batchId")
"""Names that every row has."""


class RowError(ValueError):
    """A row is no request; the message says why."""


def names_in(template: Any, *, for_later: bool = False) -> frozenset[str]:
    """The names that a template needs from its rows; `for_later`: those that a row may give, and else
    the request that it becomes.
    """
    found = frozenset(
        name
        for place, text in filling.texts_in(template)
        if (place == LEFT_FOR_LATER) is for_later
        for name in filling.names_in(text)
    )
    return found - NAMES_OF_PICTURES if for_later else found


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its names filled. Raises RowError for a name without a value."""
    try:
        return filling.filled_with_values(template, values)
    except filling.BadTemplateError as error:
        raise RowError(str(error)) from None
