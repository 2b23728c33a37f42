"""`python -m bench.cold_start`: how long a function takes to start, next to doing the same by hand.

The package is made and unpacked as Lambda does it. Each start is a process of its own; function and
floor take turns, so that what else the machine does hits both. The exit code says whether it could
be measured, never whether the numbers are good.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench import cold_floor
from infra.lambda_package.build import ROOT, build_package
from infra.lambda_package.bytecode import byte_compile
from infra.lambda_package.errors import PackageError
from infra.lambda_package.install import install_packages
from infra.lambda_package.target import Target, target_of

AIM: Final = 1.2
"""At most so many times the floor, in CPU time."""

CLIENTS: Final = {
    "requests": ("dynamodb", "s3", "sns", "sqs"),
    "polls": ("dynamodb", "s3", "sns", "sqs"),
    "reconcile": ("dynamodb", "sqs"),
}
"""Which clients each function makes while it starts, and the floor with it."""

_QUEUES: Final = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
_SETTINGS: Final = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "HAUTECH_API_TOKEN": "none",
    "WORKER_REQUEST_QUEUE_URL": f"{_QUEUES}requests",
    "WORKER_POLL_QUEUE_URL": f"{_QUEUES}polls",
    "WORKER_DEAD_LETTER_QUEUE_URL": f"{_QUEUES}dead-letters",
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:results",
    "WORKER_INPUT_BUCKETS": "catalog",
    "WORKER_OUTPUT_BUCKETS": "catalog",
    "WORKER_LOG_FORMAT": "json",
}
"""Nothing is called; they only have to be such that a function starts."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts of one function and of its floor, in turn.

    Attributes:
        function_cpu_s, floor_cpu_s: user and system time of each, without the interpreter's own.
        function_wall_s, floor_wall_s: the same by the clock.
    """

    function_cpu_s: list[float] = field(default_factory=list)
    floor_cpu_s: list[float] = field(default_factory=list)
    function_wall_s: list[float] = field(default_factory=list)
    floor_wall_s: list[float] = field(default_factory=list)

    @property
    def cpu_ratio(self) -> float:
        """Median of the function as a multiple of the floor's."""
        return median(self.function_cpu_s) / median(self.floor_cpu_s)

    @property
    def wall_ratio(self) -> float:
        """The same by the clock."""
        return median(self.function_wall_s) / median(self.floor_wall_s)


def measure(repetitions: int) -> dict[str, Starts]:
    """Makes the package and starts each function so many times.

    Raises:
        PackageError: it could not be made.
        subprocess.CalledProcessError: a function did not start; its stderr says why.
    """
    target = target_of("native", None)
    interpreter = Path(sys.executable)
    with tempfile.TemporaryDirectory(prefix="hautech-cold-") as scratch:
        package = build_package(target, Path(scratch))
        unpacked, by_hand = Path(scratch, "task"), Path(scratch, "floor")
        with zipfile.ZipFile(package.path) as archive:
            archive.extractall(unpacked)
        _install_floor(by_hand, target, interpreter)
        starts = {name: Starts() for name in CLIENTS}
        for repetition in range(repetitions + 1):
            for name, clients in CLIENTS.items():
                handler = f"worker.runtime.aws_lambda.handle_{name}"
                function = _start(interpreter, unpacked, ["function"], handler=handler)
                floor = _start(interpreter, by_hand, ["floor", *clients])
                if repetition == 0:
                    continue  # brings the files into memory
                starts[name].function_cpu_s.append(function["cpu_s"])
                starts[name].function_wall_s.append(function["wall_s"])
                starts[name].floor_cpu_s.append(floor["cpu_s"])
                starts[name].floor_wall_s.append(floor["wall_s"])
    return starts


def _install_floor(folder: Path, target: Target, interpreter: Path) -> None:
    folder.mkdir()
    install_packages(ROOT / "requirements" / "runtime.txt", folder, target)
    byte_compile(folder, interpreter)


def _start(
    interpreter: Path, folder: Path, words: list[str], *, handler: str = ""
) -> dict[str, float]:
    # -I -S: neither this folder nor the packages of this environment are seen. -B: read-only.
    command: list[str | Path] = [interpreter, "-I", "-S", "-B", cold_floor.__file__, folder, *words]
    environment = {**_SETTINGS, "_HANDLER": handler, "PATH": os.defpath}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> int:
    """Measures and prints a table; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=15, help="(default: %(default)s)")
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, load average {os.getloadavg()[0]:.1f}")
    try:
        measured = measure(max(1, arguments.repetitions))
    except PackageError as error:
        print(f"the bench could not be done: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"a process did not start:\n{error.stderr}", file=sys.stderr)
        return 1
    print("            CPU time              by the clock        × floor, CPU   by the clock")
    for name, starts in measured.items():
        mark = "✓" if starts.cpu_ratio <= AIM else "✗"
        print(
            f"{name:<11} {_ms(starts.function_cpu_s)} to {_ms(starts.floor_cpu_s)}"
            f"     {_ms(starts.function_wall_s)} to {_ms(starts.floor_wall_s)}"
            f"     {starts.cpu_ratio:6.2f} {mark}       {starts.wall_ratio:6.2f}"
        )
    return 0


def _ms(times_s: list[float]) -> str:
    return f"{median(times_s) * 1000:5.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
