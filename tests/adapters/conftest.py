"""Emulated AWS for the adapter tests: one emulator of each kind per test process, a stack per test.

Suites that run on memory too ask for the fixture they need only when they need it:

    @pytest.fixture(params=["memory", "ministack", "moto"])
    def store(request: pytest.FixtureRequest) -> JobStore:
        if request.param == "memory":
            return MemoryJobStore()
        aws: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
        return DynamoJobStore(aws.client("dynamodb"), aws.outputs.job_table_name)
"""

from collections.abc import Iterator

import pytest

from sandbox.aws import MiniStack, MotoServer
from sandbox.aws.ministack import EmulatorMissingError
from tests.support.aws import DeployedAws, deploy_fresh, missing_need


@pytest.fixture(scope="session")
def ministack() -> Iterator[MiniStack]:
    """A running MiniStack, started at the first test that wants it."""
    try:
        emulator = MiniStack()
    except EmulatorMissingError as missing:
        missing_need(missing)
    with emulator:
        yield emulator


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """A running moto server, started at the first test that wants it."""
    with MotoServer() as emulator:
        yield emulator


@pytest.fixture
def ministack_aws(ministack: MiniStack) -> DeployedAws:
    """A fresh stack on MiniStack."""
    return deploy_fresh("ministack", ministack.aws)


@pytest.fixture
def moto_aws(moto: MotoServer) -> DeployedAws:
    """A fresh stack on moto."""
    return deploy_fresh("moto", moto.aws)


@pytest.fixture(params=["ministack", "moto"])
def aws(request: pytest.FixtureRequest) -> DeployedAws:
    """A fresh stack, on each emulator in turn."""
    deployed: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
    return deployed
