"""How many rows may be sent under a credit cap, by what the rows before them cost.

    nothing known     a probe of 10 rows, then wait for what they cost
    known             spent + (open rows + further rows) x estimate <= cap
    cap is spent      nothing further, also when nobody knows an estimate: rows that fail may cost, too

The estimate is the median of what the last rows cost. It is a forecast: a cap is kept to within what
the rows that are open at the end differ from it, and Hautech's own word is final.
"""

from __future__ import annotations

from decimal import Decimal
from statistics import median
from typing import Final

from worker.batches.batch import Batch

PROBE_ROWS: Final = 10


def credits_per_row(batch: Batch) -> Decimal | None:
    """What a row is likely to cost; None before any row has."""
    return median([Decimal(sample) for sample in batch.samples]) if batch.samples else None


def rows_allowed(batch: Batch) -> int | None:
    """So many further rows may be sent now; None: the cap sets no limit."""
    cap = batch.credit_cap
    if cap is None:
        return None
    if batch.tally.spent >= cap:
        return 0
    estimate = credits_per_row(batch)
    if estimate is None:
        return 0 if batch.unpriced else max(0, PROBE_ROWS - batch.open_rows)
    if not estimate:
        return None
    room = cap - batch.tally.spent - (batch.open_rows + batch.unpriced) * estimate
    return max(0, int(room // estimate))


def reason_to_stop(batch: Batch) -> str | None:
    """Why the cap lets no further row be sent, ever; None while one may be."""
    if batch.credit_cap is None or batch.open_rows or rows_allowed(batch) != 0:
        return None
    spent = format(batch.tally.spent, "f")
    if batch.unpriced and not batch.samples:
        return (
            f"creditCap: {batch.credit_cap}: Hautech did not say what {batch.unpriced} rows cost, "
            "so it cannot be kept (send the rest without one)"
        )
    return (
        f"creditCap: {batch.credit_cap}: {spent} are spent, and one more row would likely go beyond "
        "it (send the rest as another batch, with a cap of its own)"
    )
