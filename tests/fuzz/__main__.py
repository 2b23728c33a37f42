"""`python -m tests.fuzz`: fuzzes the targets one after the other and counts executions.

A finding ends the target. Its input is kept outside of the repository and the command that repeats
it is printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.registry import TARGETS, runs_of

_HANG_S = 20
"""One input that takes longer is a finding. Wide, for machines that do other things as well."""

_MEMORY_MB = 2048


@dataclass(frozen=True, slots=True)
class Result:
    """How one target ended."""

    name: str
    executions: int
    seconds: float
    finding: Path | None


def main() -> int:
    """Runs what the options say; 1 after a finding."""
    options = _options()
    if options.replay:
        return _replay(options.target[0], options.replay)
    if find_spec("atheris") is None:
        sys.stderr.write(
            "atheris is not installed: it has wheels for Linux on x86_64 only. The short runs of "
            "`make test` need no atheris.\n"
        )
        return 2
    names = options.target or list(TARGETS)
    kept = Path(options.findings or tempfile.mkdtemp(prefix="hautech-worker-fuzz-"))
    kept.mkdir(parents=True, exist_ok=True)
    print(f"{'target':<16}{'executions':>12}{'seconds':>10}{'per second':>12}")
    results = []
    for name, runs in runs_of(options.runs, names).items():
        result = _fuzz(name, runs, options.seed, kept)
        results.append(result)
        rate = result.executions / max(result.seconds, 0.001)
        print(
            f"{name:<16}{result.executions:>12,}{result.seconds:>10.1f}{rate:>12,.0f}", flush=True
        )
        if result.finding:
            print(f"  FINDING: python -m tests.fuzz --target {name} --replay {result.finding}")
    total, seconds = sum(one.executions for one in results), sum(one.seconds for one in results)
    findings = [one for one in results if one.finding]
    print(f"{'all':<16}{total:>12,}{seconds:>10.1f}{total / max(seconds, 0.001):>12,.0f}")
    print(f"{len(findings)} finding(s) in {total:,} executions of {len(results)} targets")
    return 1 if findings else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions in all")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's choices")
    parser.add_argument("--findings", help="folder for inputs that fail (default: a new one)")
    parser.add_argument("--replay", type=Path, help="run one input; needs one --target")
    options = parser.parse_args()
    if options.replay and len(options.target or []) != 1:
        parser.error("--replay needs one --target")
    return options


def _replay(name: str, path: Path) -> int:
    TARGETS[name].check(path.read_bytes())
    print(f"{name}: {path} is fine")
    return 0


def _fuzz(name: str, runs: int, seed: int, kept: Path) -> Result:
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(target.seeds):
            (Path(folder) / f"seed-{number}").write_bytes(data)
        started_at = time.monotonic()
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.fuzz.one",
                name,
                f"-runs={runs}",
                f"-seed={seed}",
                f"-max_len={target.max_bytes}",
                f"-timeout={_HANG_S}",
                f"-rss_limit_mb={_MEMORY_MB}",
                f"-artifact_prefix={kept}/{name}-",
                "-print_final_stats=1",
                folder,
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        seconds = time.monotonic() - started_at
    said = done.stdout + done.stderr
    counted = re.search(r"stat::number_of_executed_units:\s+(\d+)", said)
    failed = re.search(r"Test unit written to (\S+)", said)
    if done.returncode and not failed:
        raise SystemExit(f"{name}: the fuzzer itself failed ({done.returncode}):\n{said[-4000:]}")
    if failed:
        (kept / f"{name}.log").write_text(said)
    return Result(
        name, int(counted[1]) if counted else 0, seconds, Path(failed[1]) if failed else None
    )


if __name__ == "__main__":
    raise SystemExit(main())
