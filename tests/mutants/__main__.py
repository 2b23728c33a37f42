"""Takes out each guard of the service, one at a time, and says which test noticed.

    python -m tests.mutants [WORD …]      only mutants whose guard or name has one of the words

Ends with 0 only if every mutant was killed. The same tests have to pass without a mutant first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.guards import MUTANTS
from tests.mutants.mutant import Mutant, MutantRottenError
from tests.mutants.scratch import CannotRunError, Verdict, copy_of_the_repository, run_tests

_AT_ONCE = 2
_LINE = "{:<24}{:<64}{:>6}  {}"


def main(words: Sequence[str]) -> int:
    """Runs all mutants, or those that are meant. Returns the exit code."""
    chosen = [one for one in MUTANTS if not words or any(word in str(one) for word in words)]
    if not chosen:
        print(f"no mutant has any of: {', '.join(words)}")
        return 2
    try:
        return _run(chosen)
    except (CannotRunError, MutantRottenError) as error:
        print(f"cannot tell: {error}")
        return 1


def _run(chosen: list[Mutant]) -> int:
    with copy_of_the_repository() as root:
        whole = run_tests(root, sorted({test for mutant in chosen for test in mutant.tests}))
    if whole.failed:
        print(f"{whole.failed} fails without any mutant: nothing can be said")
        return 1
    print(f"all guards in place: the tests pass ({whole.took_s:.0f} s)\n")
    print(_LINE.format("guard", "without it", "s", "noticed by"))
    survivors: list[Mutant] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for mutant, verdict in zip(chosen, pool.map(_try, chosen), strict=True):
            noticed = verdict.failed or "NOBODY"
            print(_LINE.format(mutant.guard, mutant.name, f"{verdict.took_s:.1f}", noticed))
            survivors += [] if verdict.failed else [mutant]
    guards = {mutant.guard for mutant in chosen}
    guarded = guards - {mutant.guard for mutant in survivors}
    killed = len(chosen) - len(survivors)
    print(f"\n{killed}/{len(chosen)} mutants; guards: {len(guarded)}/{len(guards)} killed")
    return 1 if survivors else 0


def _try(mutant: Mutant) -> Verdict:
    with copy_of_the_repository() as root:
        mutant.apply(root)
        return run_tests(root, mutant.tests)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
