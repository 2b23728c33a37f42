"""Fixtures: a deployment in which all is well, and the doctor's look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.deployed.answers import answering_aws
from tests.unit.deployed.world import RESOURCES, World
from worker import __version__
from worker.runtime.commands.deployed.examining import Caller, examine_deployment
from worker.runtime.commands.findings import Finding

Look = Callable[..., list[Finding]]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def manifest(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the zip says of itself."""
    told = {"version": __version__, "commit": "a" * 40, "python": "3.13", "architecture": "arm64"}
    monkeypatch.setattr(
        "worker.runtime.commands.deployed.check_package.read_manifest", lambda _: dict(told)
    )
    return told


@pytest.fixture
def look(world: World, manifest: dict[str, Any]) -> Look:
    """All findings on the world, from the stack of that name."""

    def find(name: str = RESOURCES) -> list[Finding]:
        aws = answering_aws(world.answers())

        def check() -> Iterator[Finding]:
            yield from examine_deployment(aws, name)

        return list(Caller().findings(check()))

    return find


@pytest.fixture
def wrong(look: Look) -> Callable[..., Finding]:
    """The one finding that is not ok."""

    def find(name: str = RESOURCES) -> Finding:
        (found,) = (one for one in look(name) if one.level != "ok")
        return found

    return find
