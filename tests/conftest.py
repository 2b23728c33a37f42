"""What every test gets: quiet logs, and no AWS or Hautech settings of the person who runs it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# No test is judged by how long it takes: the machine may be busy with others.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_FOREIGN = ("AWS_", "HAUTECH_", "WORKER_")


@pytest.fixture(autouse=True, scope="session")
def _quiet_logs() -> None:
    """Only what is worth a warning is rendered; tests that look at logs capture them."""
    structlog.configure(
        # Not the default: its tracebacks are drawn with all local values, half a second each.
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> Iterator[None]:
    """No setting of the machine's owner reaches a test or a process that it starts."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_FOREIGN)}
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    yield
    os.environ.update(taken)
