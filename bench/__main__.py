"""`python -m bench`: measures, prints a page of numbers and writes `build/bench.json`.

The exit code says whether the bench could be done, never whether the numbers are good.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from bench.arrivals import ArrivalError
from bench.floor import FloorError
from bench.plan import Effort, run
from bench.report import show
from sandbox.aws.processes import EmulatorError
from sandbox.aws.stack import DeployError
from sandbox.local import LocalStackError

_DEFAULT = Effort()


def main() -> int:
    """Runs the bench; its exit code."""
    arguments = _arguments()
    progress = Console(stderr=True)
    effort = Effort(
        jobs=arguments.jobs,
        repetitions=arguments.repetitions,
        steady_per_s=arguments.rate,
        in_flight=arguments.in_flight,
    )
    try:
        result = run(effort, lambda line: progress.print(line, style="dim", highlight=False))
    except (ArrivalError, DeployError, EmulatorError, FloorError, LocalStackError) as error:
        print(f"the bench could not be done: {error}", file=sys.stderr)
        return 1
    # Into a file or a narrow pipe, too, each row is one line.
    show(result, Console(width=max(100, Console().width)))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
    print(f"all of it: {arguments.out}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--jobs", type=_at_least(10), default=_DEFAULT.jobs, help="per load (default: %(default)s)"
    )
    parser.add_argument(
        "--repetitions",
        type=_at_least(1),
        default=_DEFAULT.repetitions,
        help="of floor and worker in turn (default: %(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        default=_DEFAULT.steady_per_s,
        help="requests a second of the steady load (default: %(default)s)",
    )
    parser.add_argument(
        "--in-flight",
        type=_at_least(0),
        default=_DEFAULT.in_flight,
        help="jobs whose memory is looked at; 0: leave it out (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/bench.json"),
        help="where the numbers go (default: %(default)s)",
    )
    return parser.parse_args()


class _at_least:  # noqa: N801 - argparse shows the name of a type in its errors
    def __init__(self, least: int) -> None:
        self._least = least

    def __call__(self, text: str) -> int:
        number = int(text)
        if number < self._least:
            raise argparse.ArgumentTypeError(f"{number}: must be {self._least} or more")
        return number


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text}: must be above 0, and 1,000 at most")
    return rate


if __name__ == "__main__":
    sys.exit(main())
