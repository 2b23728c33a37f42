"""`python -m tests.chaos`: real workers under fire; the exit code is 1 when a promise was broken.

`python -m tests.chaos --stops` measures how long a worker takes to stop, and how soon another one
goes on after a kill.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.aws.processes import EmulatorError
from sandbox.aws.stack import DeployError
from sandbox.interruption import Interrupted, interrupts_raise
from tests.chaos.run import run_chaos
from tests.chaos.stops import measure_stops, stops_markdown
from tests.chaos.takeovers import measure_takeovers, takeovers_markdown


def main() -> int:
    """Runs chaos; its exit code."""
    arguments = _arguments()
    interrupts_raise()
    try:
        if arguments.stops:
            _stops(arguments.stops, arguments.seed)
            return 0
        result = run_chaos(
            arguments.jobs,
            arguments.workers,
            arguments.seed,
            folder=arguments.keep,
            tell=_tell,
        )
    except (EmulatorError, DeployError) as error:
        print(f"the sandbox could not be started: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("stopped", file=sys.stderr)
        return interrupted.exit_code
    print(result.to_markdown())
    # Not on stdout: the figures alone become a section of docs/reference/faults.md.
    print(f"logs and evidence: {result.folder}", file=sys.stderr)
    return 1 if result.violations else 0


def _stops(repetitions: int, seed: int) -> None:
    """Two numbers; missed ones fail nothing, since they depend on the machine."""
    print(stops_markdown(measure_stops(repetitions, seed=seed, tell=_tell)), flush=True)
    print(takeovers_markdown(measure_takeovers(max(1, repetitions // 5), tell=_tell)))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=300, help="requests (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=8, help="at a time (default: %(default)s)")
    parser.add_argument(
        "--stops",
        type=int,
        nargs="?",
        const=10,
        help="instead: measure how long so many stops take, and takeovers after kills",
    )
    parser.add_argument("--seed", type=int, default=1, help="of all dice (default: %(default)s)")
    parser.add_argument(
        "--keep", type=Path, help="folder for logs and evidence (default: a new temporary one)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
