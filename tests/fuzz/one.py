"""Fuzzes one target in this process, coverage-guided, until its runs are done or it fails.

libFuzzer takes the process over and ends it, so `python -m tests.fuzz` starts one per target.
Arguments: the target's name, then options and folders of libFuzzer.
"""

from __future__ import annotations

import sys

import atheris

# Everything is imported once without being watched; what matters is then watched, so that the
# fuzzer sees our branches and not those of the libraries.
with atheris.instrument_imports(include=["worker"]):
    from tests.fuzz.registry import TARGETS


def main() -> None:
    """Fuzzes; does not return."""
    name, *options = sys.argv[1:]
    check = TARGETS[name].check
    atheris.Setup([sys.argv[0], *options], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
