"""That every mutant still fits the code; `make mutants` runs them."""

import pytest

from tests.mutants.guards import GUARDS, MUTANTS
from tests.mutants.mutant import Mutant, MutantRottenError
from tests.mutants.scratch import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_every_mutant_changes_one_place_and_still_compiles(mutant: Mutant) -> None:
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    assert mutant.mutate(source) != source


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_tests_that_are_to_notice_a_mutant_exist(mutant: Mutant) -> None:
    for test in mutant.tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name.partition('[')[0]}(" in text if name else text


def test_the_ten_guards_are_there() -> None:
    assert GUARDS == (
        "lease",
        "intent",
        "adopt",
        "own token",
        "deterministic event id",
        "verify before announce",
        "conditional create",
        "stale poll check",
        "host check",
        "bucket check",
    )


@pytest.mark.parametrize("text", ["nothing like it", "the guard; the guard"])
def test_a_mutant_whose_text_is_gone_or_ambiguous_fails_loudly(text: str) -> None:
    mutant = Mutant(guard="g", name="n", path="p", old="the guard", new="", tests=())
    with pytest.raises(MutantRottenError, match="not once"):
        mutant.mutate(text)
