"""All log lines of a block, whatever level the test run is quiet at."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog


@contextmanager
def all_logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """The events that are logged inside the block, as structlog's own `capture_logs` has them."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("debug"))
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)
