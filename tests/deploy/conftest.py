"""One deployment for all tests of this folder, and the photos in its input bucket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.aws.processes import EmulatorError
from sandbox.samples import write_samples
from tests.deploy.drop_folder import DropFolder
from tests.deploy.orders import Desk
from tests.deploy.stage import ROOT, DeployedStage
from tests.deploy.strikes import Struck, strike_both
from tests.support.aws import missing_need

_TEST_DEADLINE_S = 400


@pytest.fixture(scope="session")
def stage() -> Iterator[DeployedStage]:
    """The functions, deployed."""
    if shutil.which("npm") is None or not (ROOT / "node_modules" / ".bin" / "osls").exists():
        missing_need("no osls: `make test-deploy` installs it with npm (Node.js 20.19 or newer)")
    deployed = DeployedStage()
    if not (ROOT / deployed.artifact).exists():
        missing_need(f"no {deployed.artifact}: `make test-deploy` makes it")
    try:
        deployed.__enter__()
    except EmulatorError as error:
        missing_need(error)
    yield deployed
    deployed.close()


@pytest.fixture(scope="session")
def desk(stage: DeployedStage, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Where requests are sent and events come in."""
    samples = write_samples(tmp_path_factory.mktemp("samples"))
    return Desk(stage, garment=Path(samples.garment), pose=Path(samples.pose))


@pytest.fixture(scope="session")
def struck(stage: DeployedStage, desk: Desk) -> Struck:
    """Two requests whose functions were struck down."""
    return strike_both(stage, desk)


@pytest.fixture(scope="session")
def in_flight(desk: Desk) -> list[str]:
    """Requests that were sent just before the drop folder was opened, by id."""
    return desk.send(*[desk.full_naomi() for _ in range(3)])


@pytest.fixture(scope="session")
def folder(desk: Desk, in_flight: list[str]) -> DropFolder:
    """The drop folder, opened by another deployment."""
    opened = DropFolder(desk)
    opened.open()
    return opened


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deploying and waiting for a lease takes minutes on a busy machine."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_TEST_DEADLINE_S))
