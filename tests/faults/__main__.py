"""`make faults`: runs simulation, crashes, both matrices and chaos, and writes docs/reference/faults.md.

--only NAME …     some of them; the others keep the section that they had
--processes N     how many at once (default 2)
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults.page import PAGE, with_section
from tests.faults.sections import (
    run_chaos,
    run_crashes,
    run_simulation,
    run_the_entries,
    run_the_matrix,
)

PARTS = {
    "simulation": run_simulation,
    "crashes": run_crashes,
    "matrix": run_the_matrix,
    "entries": run_the_entries,
    "chaos": run_chaos,
}
"""In the order in which they are run, and in which they stand on the page."""


def main() -> int:
    """The exit code: 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    broken = 0
    for name in options.only:
        began = time.monotonic()
        section = PARTS[name](_tell, processes=options.processes)
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(with_section(page, name, section.markdown), encoding="utf-8")
        for what in section.broken:
            _tell(f"BROKEN: {what}")
        broken += len(section.broken)
        _tell(f"{name}: {len(section.broken)} broken, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
