"""Pictures and renditions that take longer than one visit: the next one goes on where it was left."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import FULL_NAOMI_INPUT, body
from tests.scenarios.harness import Service
from worker.adapters.memory.pictures import draw_png
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.errors import ImageTooLargeError
from worker.jobs.job import JobState
from worker.ports.photos import Reduction

WIDTHS = (16, 24, 32)
OPTIONS = {"renditions": [{"format": "webp", "width": width} for width in WIDTHS]}


class OneReductionAVisit:
    """A budget that runs out when a rendition was made, and is full again at the next visit."""

    def __init__(self) -> None:
        self.is_spent = False

    def remaining_s(self) -> float:
        """See `WorkBudget.remaining_s`."""
        left_s, self.is_spent = (5.0 if self.is_spent else math.inf), False
        return left_s


@pytest.fixture
def reductions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The widths that were made, in order."""
    return []


def slow_service(
    monkeypatch: pytest.MonkeyPatch, reductions: list[int], *, impossible: int | None = None
) -> Service:
    service = Service()
    budget: Any = OneReductionAVisit()
    service.world.budget = budget
    reduce = PillowPhotoLab.reduce

    def reduce_slowly(self: Any, body: Any, kind: str, wanted: Reduction) -> Any:
        budget.is_spent = True
        reductions.append(wanted.width_px)
        if wanted.width_px == impossible:
            raise ImageTooLargeError("takes 9,000 MB of memory")
        return reduce(self, body, kind, wanted)

    monkeypatch.setattr(PillowPhotoLab, "reduce", reduce_slowly)
    return service


def send(service: Service) -> None:
    service.send(
        body(
            input={**FULL_NAOMI_INPUT, "seed": [7, 42]},
            outputOptions=OPTIONS,
            output="s3://shop/gen/",
        )
    )


def test_every_rendition_is_made_once_however_many_visits_that_takes(
    monkeypatch: pytest.MonkeyPatch, reductions: list[int]
) -> None:
    service = slow_service(monkeypatch, reductions)
    send(service)
    service.run()
    assert service.job_is(JobState.SUCCEEDED)
    assert reductions == [*WIDTHS, *WIDTHS]
    for number, output in enumerate(service.event.data.outputs, start=1):
        assert [one.uri for one in output.renditions] == [
            f"s3://shop/gen/sku-1042-front-{number}-{width}w.webp" for width in WIDTHS
        ]
    assert service.job.collected == (), "the event says it now"


def test_a_rendition_that_cannot_be_made_is_not_tried_again_at_each_visit(
    monkeypatch: pytest.MonkeyPatch, reductions: list[int]
) -> None:
    service = slow_service(monkeypatch, reductions, impossible=24)
    send(service)
    service.run()
    assert reductions == [*WIDTHS, *WIDTHS]
    assert [len(output.renditions) for output in service.event.data.outputs] == [2, 2]


def test_a_picture_that_is_another_one_at_the_next_visit_is_stored_anew_with_all_its_renditions(
    monkeypatch: pytest.MonkeyPatch, reductions: list[int]
) -> None:
    service = slow_service(monkeypatch, reductions)
    send(service)
    while not reductions:
        service.step()
    kept = service.job.collected[0].output
    other = draw_png("another picture")
    assert hashlib.sha256(other).hexdigest() != kept["sha256"]
    images = service.world.hautech._images
    images[kept["imageId"]] = replace(images[kept["imageId"]], data=other)
    service.run()
    first, _ = service.event.data.outputs
    assert first.sha256 == hashlib.sha256(other).hexdigest()
    assert reductions == [WIDTHS[0], *WIDTHS, *WIDTHS]
    assert len(first.renditions) == len(WIDTHS)
