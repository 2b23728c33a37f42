"""`python -m bench.cold_start`: how long a function takes to start, next to doing the same by hand.

The package is made and unpacked as Lambda does it. Each start is a process of its own; function and
floor take turns, so that what else the machine does hits both. Where valgrind is installed, it also
counts instructions, which nothing else on the machine changes. The exit code says whether it could
be measured, never whether the numbers are good.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench import cold_record
from bench.cold_process import CountError, Folders, Told
from infra.lambda_package.build import ROOT, build_package
from infra.lambda_package.bytecode import byte_compile
from infra.lambda_package.errors import PackageError
from infra.lambda_package.install import install_packages
from infra.lambda_package.interpreters import find_interpreter
from infra.lambda_package.target import DEFAULT_PYTHON, Target, target_of

_MACHINES: Final = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}

AIM: Final = 1.2
"""At most so many times the floor, in instructions or CPU time."""

FUNCTIONS: Final = ("requests", "polls", "reconcile")


@dataclass(slots=True)
class Starts:
    """Starts of one function and of its floor, in turn; CPU time is user and system time of both.

    Attributes:
        function_cpu_s, function_wall_s: of the function, without the interpreter's own.
        floor_cpu_s, floor_wall_s: of the four libraries, with `BaseModel`, and the same clients.
        bare_cpu_s: of the floor with `import pydantic` alone, which brings hardly any of it.
        record_cpu_s: of the first record after a start; none for a function that gets no records.
    """

    function_cpu_s: list[float] = field(default_factory=list)
    function_wall_s: list[float] = field(default_factory=list)
    floor_cpu_s: list[float] = field(default_factory=list)
    floor_wall_s: list[float] = field(default_factory=list)
    bare_cpu_s: list[float] = field(default_factory=list)
    record_cpu_s: list[float] = field(default_factory=list)

    def add(self, function: Told, floor: Told) -> None:
        """One start of each."""
        self.function_cpu_s.append(function["cpu_s"])
        self.function_wall_s.append(function["wall_s"])
        self.floor_cpu_s.append(floor["cpu_s"])
        self.floor_wall_s.append(floor["wall_s"])
        self.bare_cpu_s.append(floor["cpu_s"] - floor["model_cpu_s"])

    def row(self, name: str) -> str:
        """What the table says of it: for each way to choose one start of many, CPU time and ratios."""
        cells = [f"{name:<10}"]
        for chosen in (min, median):
            function, floor, bare = (
                chosen(times_s)
                for times_s in (self.function_cpu_s, self.floor_cpu_s, self.bare_cpu_s)
            )
            cells.append(
                f"{function * 1000:5.0f} ms {_ratio(function, floor)} {_ratio(function, bare)}"
            )
        wall = median(self.function_wall_s) / median(self.floor_wall_s)
        record = f"{median(self.record_cpu_s) * 1000:5.0f} ms" if self.record_cpu_s else "    none"
        return "  ".join([*cells, f"{wall:6.2f}", record])


def _ratio(function: float, floor: float) -> str:
    ratio = function / floor
    return f"{ratio:6.2f} {'✓' if ratio <= AIM else '✗'}"


HEAD: Final = "            least CPU   × floor  × bare    median CPU  × floor  × bare    × floor, clock  first record"

NO_COUNTER: Final = "instructions were not counted: that needs valgrind"


def measure(folders: Folders, repetitions: int) -> dict[str, Starts]:
    """Starts each function so many times, and its floor in turn with it."""
    starts = {name: Starts() for name in FUNCTIONS}
    for repetition in range(repetitions + 1):
        for name in FUNCTIONS:
            function, floor = folders.start(name)
            if repetition == 0:
                continue  # brings the files into memory
            starts[name].add(function, floor)
            if name in cold_record.BODIES:
                starts[name].record_cpu_s.append(folders.first_record(name)["cpu_s"])
    return starts


def count(folders: Folders, counter: Path) -> str:
    """The table of instructions; one start of each, for they hardly differ from one to the next."""
    lines = [f"{'':<10}  instructions  × floor"]
    for name in FUNCTIONS:
        counted = folders.instructions(name, counter)
        ratio = _ratio(counted.function, counted.floor)
        lines.append(f"{name:<10}  {counted.function / 1e6:10,.0f} M  {ratio}")
    return "\n".join(lines)


def target_here(python: str | None) -> Target:
    """A package that runs on this machine; without a Python it is Lambda's, or else this one.

    Raises:
        PackageError: a package for that Python could not run here.
    """
    here = target_of("native", None)
    if python is None:
        try:
            find_interpreter(DEFAULT_PYTHON)
        except PackageError:
            return here
    wanted = python or DEFAULT_PYTHON
    return here if wanted == here.python else target_of(_MACHINES[platform.machine()], wanted)


def prepare(target: Target, scratch: Path) -> Folders:
    """Makes the package and unpacks it as Lambda does; installs what the floor imports.

    Raises:
        PackageError: it could not be made.
    """
    interpreter, _ = find_interpreter(target.python)
    folders = Folders(interpreter, scratch / "task", scratch / "floor")
    with zipfile.ZipFile(build_package(target, scratch).path) as archive:
        archive.extractall(folders.function)
    folders.floor.mkdir()
    install_packages(ROOT / "requirements" / "runtime.txt", folders.floor, target)
    byte_compile(folders.floor, interpreter)
    return folders


def main() -> int:
    """Measures and prints a table; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--python", help=f"such as 3.12 (default: {DEFAULT_PYTHON} if it is here)")
    arguments = parser.parse_args()
    try:
        target = target_here(arguments.python)
        with tempfile.TemporaryDirectory(prefix="hautech-cold-") as scratch:
            folders = prepare(target, Path(scratch))
            print(f"Python {target.python}, load average {os.getloadavg()[0]:.1f}")
            measured = measure(folders, max(1, arguments.repetitions))
            print(HEAD, *(starts.row(name) for name, starts in measured.items()), sep="\n")
            counter = shutil.which("valgrind")
            print(count(folders, Path(counter)) if counter else NO_COUNTER)
    except (PackageError, CountError) as error:
        print(f"the bench could not be done: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"a process did not start:\n{error.stderr}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
