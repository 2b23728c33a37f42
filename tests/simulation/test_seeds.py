"""A thousand storms, and no promise is broken in any of them."""

import os
import subprocess
import sys

import pytest

from tests.simulation.campaign import CHUNK, Seeds, run_chunk
from tests.simulation.running import run_seed

SEEDS = 1_000
SEEDS_WITH_BATCHES = 150
"""Fewer: one of these takes as long as two or three others."""


@pytest.mark.parametrize(
    "seeds",
    [
        *(pytest.param(Seeds(first, CHUNK), id=f"{first}") for first in range(0, SEEDS, CHUNK)),
        *(
            pytest.param(Seeds(first, CHUNK, has_batches=True), id=f"batches-{first}")
            for first in range(0, SEEDS_WITH_BATCHES, CHUNK)
        ),
    ],
)
def test_no_storm_breaks_a_promise(seeds):
    result = run_chunk(seeds)

    broken = [
        f"{result.replay_command(seed)}\n  " + "\n  ".join(found)
        for seed, found in result.violations.items()
    ]
    assert not broken, "\n".join(broken)
    assert result.seeds == CHUNK
    assert result.batches >= (CHUNK if seeds.has_batches else 0)
    assert result.faults.total() > CHUNK


def test_the_same_seed_is_the_same_run():
    assert run_seed(3).digest == run_seed(3).digest
    assert run_seed(3).digest != run_seed(4).digest


def test_a_run_does_not_depend_on_the_process():
    """Neither on the order of sets, nor on what ran before."""
    digests = {
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "11"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert len(digests) == 1
    assert run_seed(11).digest[:16] in digests.pop()
