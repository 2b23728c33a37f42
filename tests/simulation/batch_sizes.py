"""Batches in small: a few rows are already many groups, checkpoints, parts and renewals."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest.mock import patch

from worker.batches import capping
from worker.engine import batch_expansion, batch_following, batch_report, batch_rows

PROBE_ROWS = 2


@contextmanager
def small_batches(rng: random.Random) -> Iterator[None]:
    """The sizes of a seed, instead of those that 100,000 rows want. Waits stay as they are."""
    with ExitStack() as stack:

        def set_to(module: object, **sizes: object) -> None:
            for name, size in sizes.items():
                stack.enter_context(patch.object(module, name, size))

        set_to(capping, PROBE_ROWS=PROBE_ROWS)
        group_rows = rng.choice((1, 2, 100))
        set_to(batch_expansion, _GROUP_ROWS=group_rows, _CHECKPOINT_GROUPS=rng.choice((1, 2)))
        set_to(batch_rows, GROUP_ROWS=group_rows, _WINDOW_ROWS=rng.choice((2, 3, 2_000)))
        part_bytes = rng.choice((1, batch_report.PART_BYTES))
        set_to(batch_report, GROUP_ROWS=group_rows, PART_BYTES=part_bytes)
        renew_after_s = rng.choice((60.0, 600.0, 43_200.0))
        set_to(batch_following, RENEW_AFTER=timedelta(seconds=renew_after_s))
        yield
