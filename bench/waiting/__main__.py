"""`python -m bench.waiting`: what waiting costs on Lambda; prints a page, writes `build/waiting.json`.

The package must have been made: `make bench-waiting` does both. The exit code says whether the bench
could be done, never whether the numbers are good.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from bench.arrivals import ArrivalError
from bench.waiting.measuring import Plan, measure
from bench.waiting.page import show
from infra.deployment.errors import DeploymentError
from sandbox.aws.processes import EmulatorError
from sandbox.aws.stack import DeployError
from sandbox.local import LocalStackError

_DEFAULT = Plan()


def main() -> int:
    """Runs the bench; its exit code."""
    arguments = _arguments()
    progress = Console(stderr=True)
    plan = Plan(
        jobs=arguments.jobs,
        first_jobs=arguments.first_jobs,
        per_s=arguments.rate,
        pipeline_s=arguments.pipeline_seconds,
        spread_s=arguments.spread_seconds,
    )
    try:
        found = measure(plan, lambda line: progress.print(line, style="dim", highlight=False))
    except (
        ArrivalError,
        DeployError,
        DeploymentError,
        EmulatorError,
        FileNotFoundError,
        LocalStackError,
        RuntimeError,
    ) as error:
        print(f"the bench could not be done: {error}", file=sys.stderr)
        return 1
    show(found, Console(width=max(130, Console().width)))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
    print(f"all of it: {arguments.out}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.waiting", description=__doc__)
    for name, kind, default, text in (
        ("--jobs", int, _DEFAULT.jobs, "of the load that counts"),
        ("--first-jobs", int, _DEFAULT.first_jobs, "before it"),
        ("--rate", float, _DEFAULT.per_s, "requests a second"),
        ("--pipeline-seconds", float, _DEFAULT.pipeline_s, "how long pipelines take"),
        ("--spread-seconds", float, _DEFAULT.spread_s, "how much longer or shorter single ones"),
    ):
        parser.add_argument(name, type=kind, default=default, help=f"{text} (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/waiting.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
