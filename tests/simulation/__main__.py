"""`python -m tests.simulation`: runs many seeds and sums them up, or tells the story of one.

--seeds 10000 [--first N] [--processes 2]     figures, and the seeds that break a promise
--seed 4711 [--verbose]                       one run, line by line with --verbose
--batches                                     with either: batches are sent besides
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation.campaign import CampaignResult, Seeds, run_campaign
from tests.simulation.running import run_seed


def main() -> int:
    """The exit code: 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell of this one run")
    parser.add_argument("--verbose", action="store_true", help="the whole story of it")
    parser.add_argument("--seeds", type=int, default=1000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed of them")
    parser.add_argument("--processes", type=int, default=1, help="how many at once")
    parser.add_argument("--batches", action="store_true", help="send batches, too")
    options = parser.parse_args()
    if options.seed is not None:
        return _tell(options.seed, has_batches=options.batches, is_verbose=options.verbose)
    seeds = Seeds(options.first, options.seeds, has_batches=options.batches)
    return _sum_up(run_campaign(seeds, options.processes))


def _tell(seed: int, *, has_batches: bool, is_verbose: bool) -> int:
    run = run_seed(seed, has_batches=has_batches)
    if is_verbose:
        _say("\n".join(map(str, run.story)))
    _say(
        f"seed {seed}: {run.messages} messages, {run.jobs} jobs, {run.batches} batches, {run.faults.total()} faults, "
        f"{run.kills} kills, {run.lasted_s:.0f} s of virtual time, digest {run.digest[:16]}"
    )
    for one in run.paid_twice:
        _say(f"paid twice: {one.request_id}, step {one.step}: {one.because}")
    for violation in run.violations:
        _say(f"VIOLATION: {violation}")
    return 1 if run.violations else 0


def _sum_up(result: CampaignResult) -> int:
    _say(result.to_markdown())
    for seed in sorted(result.violations):
        _say(f"replay: {result.replay_command(seed)}")
    return 1 if result.violations else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
