"""The table of errors in the docs is what the engine does: each of them meets a job once."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import body
from tests.docs.generate import decisions_markdown
from tests.scenarios.harness import Service
from tests.scenarios.test_trouble import failing
from worker import errors
from worker.engine.circuit import FAILURES_MOST
from worker.jobs.job import JobState
from worker.ports.notices import HoldReason

_ROW = re.compile(
    r"^\| `(\w+)` \| .* \| ([\w –-]+) \| [^|]* \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE
)
ROWS = {
    name: (family, attempt, intake)
    for name, family, attempt, intake in _ROW.findall(decisions_markdown())
}

NOT_MET = {
    "AnswerUnknownError": "only the paid call raises it, and submit deals with it",
    "HautechDownError": "made of others by the watch on Hautech",
    "SettingsError": "ends the start",
    "RulesError": "of a file, not of a job",
}


def made(name: str, service: Service) -> Exception:
    kind: Any = getattr(errors, name)
    if kind is errors.LeaseHeldError:
        return errors.LeaseHeldError(service.world.clock.now() + timedelta(seconds=9))
    if kind is errors.HeldBackError:
        return errors.HeldBackError("not now", retry_after_s=9)
    if kind is errors.InvalidRequestError:
        return errors.InvalidRequestError([errors.Problem("input", "", "wrong")])
    error: Exception = kind()
    return error


def test_every_error_of_the_tree_is_in_the_table() -> None:
    def below(kind: type[errors.WorkerError]) -> set[str]:
        kinds = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
        names = {sub.__name__ for sub in kinds}
        return names.union(*(below(sub) for sub in kinds))

    assert set(ROWS) == below(errors.WorkerError)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_MET])
def test_an_error_of_an_upload_is_dealt_with_as_the_table_says(name: str) -> None:
    family, attempt, intake = ROWS[name]
    service = Service()
    failing(service.world.hautech, "upload", iter([made(name, service)]))
    service.send(body())
    service.step()
    job = service.job
    assert (job.state is JobState.FAILED) == (family == "permanent")
    assert job.failures == (1 if attempt == "yes" else 0)
    assert (service.intake.reason not in {None, HoldReason.PACE}) == (intake == "at once")
    if family == "held back":
        assert not any("not now" in entry.because for entry in job.history)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_MET])
def test_errors_in_a_row_hold_intake_as_the_table_says(name: str) -> None:
    _, _, intake = ROWS[name]
    service = Service()
    failing(
        service.world.hautech, "upload", iter([made(name, service) for _ in range(FAILURES_MOST)])
    )
    for number in range(FAILURES_MOST):
        service.handle_request(body(requestId=f"sku-{number}"))
    held_by_the_circuit = service.intake.reason not in {None, HoldReason.PACE}
    assert held_by_the_circuit == (intake != "no")
