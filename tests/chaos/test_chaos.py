"""A small run of chaos; the large one is `python -m tests.chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.aws.processes import EmulatorError
from tests.chaos.run import Weather, run_chaos
from tests.support.aws import missing_need

SMALL = Weather(
    request_every_s=0.3,
    storm_most_s=30,
    pipeline_s=(0.2, 1.5),
    longest_freeze_s=8,
    visibility_s=5,
)


@pytest.mark.timeout(600)  # drained within Weather.drain_s, on whatever machine
def test_nothing_is_lost_and_nothing_paid_twice_under_fire(tmp_path: Path) -> None:
    try:
        result = run_chaos(30, 3, seed=3, weather=SMALL, folder=tmp_path)
    except EmulatorError as error:
        missing_need(error)
    assert result.violations == [], f"{result.to_markdown()}\nlogs and evidence: {tmp_path}"
    # It was a storm indeed.
    assert sum(result.signals.values()) >= 3
    assert sum(result.mischief.values()) > result.mischief["exchanges"]
    assert result.messages_sent > result.jobs
