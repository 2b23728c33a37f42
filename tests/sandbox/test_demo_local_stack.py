"""The local stack: what demo, end-to-end tests and bench stand on."""

import signal
from collections.abc import Iterator

import psutil
import pytest

from sandbox.aws import EmulatorError
from sandbox.local import LocalStack, LocalStackError
from tests.support.aws import missing_need

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """Without a worker; each test adds its own."""
    stack = LocalStack(workers=0, standin_options={"durationSeconds": 0})
    try:
        stack.__enter__()
    except EmulatorError as error:
        missing_need(error)
    yield stack
    stack.close()


def test_secrets_are_on_no_command_line_and_in_no_log(stack: LocalStack) -> None:
    worker = stack.add_worker()
    stack.wait_until_receiving(deadline_s=DEADLINE_S)
    secrets = (stack.credentials.key_secret, stack.credentials.api_token)
    assert stack.credentials.key_secret in stack.worker_environment().values()

    told = [" ".join(one.cmdline()) for one in psutil.Process().children(recursive=True)]

    worker.stop()
    told += [worker.log_text, stack.log_tails()]
    assert len(told) > 2
    assert not [secret for secret in secrets for text in told if secret in text]


def test_a_worker_that_is_asked_to_stop_ends_well_and_its_log_can_still_be_read(
    stack: LocalStack,
) -> None:
    worker = stack.add_worker()
    stack.wait_until_receiving(deadline_s=DEADLINE_S)

    worker.stop()

    assert worker.exit_code == 0
    assert not psutil.pid_exists(worker.pid)
    assert "SIGTERM" in worker.log_text
    stack.check()


def test_a_killed_worker_is_no_trouble_because_somebody_wanted_it(stack: LocalStack) -> None:
    worker = stack.add_worker()

    worker.stop(signal.SIGKILL)

    assert worker.exit_code == -signal.SIGKILL
    stack.check()


def test_a_worker_that_ends_by_itself_is_reported_with_its_last_words(stack: LocalStack) -> None:
    worker = stack.add_worker({"WORKER_CONCURRENCY": "many"})
    try:
        with pytest.raises(LocalStackError, match="ended with code") as trouble:
            stack.wait_for(lambda: False, deadline_s=DEADLINE_S)
        assert "WORKER_CONCURRENCY" in str(trouble.value)
    finally:
        stack.workers.remove(worker)
        worker.stop()


def test_waiting_in_vain_ends_with_the_logs(stack: LocalStack) -> None:
    with pytest.raises(LocalStackError, match="not within 0 s"):
        stack.wait_for(lambda: None, deadline_s=0)


def test_what_the_predicate_finds_is_returned(stack: LocalStack) -> None:
    assert stack.wait_for(lambda: ["found"], deadline_s=DEADLINE_S) == ["found"]


def test_a_second_stack_has_ports_of_its_own_and_leaves_nothing_when_it_is_closed(
    stack: LocalStack,
) -> None:
    with LocalStack(workers=1) as other:
        assert other.aws.endpoint_url != stack.aws.endpoint_url
        assert other.api_url != stack.api_url
        other.wait_until_receiving(deadline_s=DEADLINE_S)
        before = psutil.Process().children(recursive=True)
        other.close()

        after = psutil.Process().children(recursive=True)
        # MiniStack, the stand-in and the worker, each with its guard.
        assert len(before) - len(after) >= 6
        assert other.workers[0].exit_code == 0
    assert stack.standin.counters()["runs"] == 0
