"""All log lines of a block, whatever level the test run is quiet at."""

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog


@contextmanager
def all_logs(*, bound: bool = False) -> Iterator[list[MutableMapping[str, Any]]]:
    """The events that are logged inside the block, as structlog's own `capture_logs` has them.

    Those that are `bound` to a context have its values, too.
    """
    processors = [structlog.contextvars.merge_contextvars] if bound else []
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("debug"))
    try:
        with structlog.testing.capture_logs(processors) as lines:
            yield lines
    finally:
        structlog.configure(**before)


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Whatever a test does to logging, afterwards it is as it was before."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        structlog.configure(**before)
        structlog.contextvars.clear_contextvars()
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
