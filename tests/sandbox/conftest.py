"""The local stack for tests that need a real worker process; one per test module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.aws.processes import EmulatorError
from sandbox.local import LocalStack
from sandbox.samples import SampleFiles, write_samples
from tests.support.aws import missing_need


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """A garment and a pose, as files."""
    return write_samples(tmp_path_factory.mktemp("samples"))


@pytest.fixture
def local_stack() -> Iterator[Callable[..., LocalStack]]:
    """Starts stacks with the given options; they are stopped after the test."""
    started: list[LocalStack] = []

    def start(**options: object) -> LocalStack:
        stack = LocalStack(**options)  # type: ignore[arg-type]  # -- LocalStack checks them
        try:
            stack.__enter__()
        except EmulatorError as error:
            missing_need(error)
        started.append(stack)
        return stack

    yield start
    for stack in started:
        stack.close()


@pytest.fixture
def photos(samples: SampleFiles) -> Callable[[LocalStack], dict[str, str]]:
    """Puts both samples into a stack's input bucket; gives their URIs by name."""

    def put(stack: LocalStack) -> dict[str, str]:
        return {
            "garment": stack.upload(Path(samples.garment), "raw/garment.png"),
            "pose": stack.upload(Path(samples.pose), "poses/pose.png"),
        }

    return put
