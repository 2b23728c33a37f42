"""Hautech as it may be: a clock of its own, a list that lags and forgets, outputs of any shape.

What a call meets on its way is in `storm`; this is what Hautech itself does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from tests.simulation.canaries import SIGNATURE
from tests.simulation.clockwork import Scheduler, SkewedClock
from worker.adapters.memory.hautech import PICTURE_HOST, MemoryHautech, MemoryImage
from worker.adapters.memory.pictures import draw_png
from worker.errors import OutputUnusableError, PipelineLostError
from worker.hautech.outputs import ImageRef
from worker.jobs.job import JsonObject
from worker.ports.generation import DownloadedPicture, PipelineReport, RunSummary


@dataclass(frozen=True, slots=True)
class Paid:
    """What the run of one pipeline has to know beside what Hautech tells: the truth."""

    at_s: float
    """When it took effect."""
    listed_s: float
    """From when on the list shows it."""
    keeps_key: bool
    keeps_input: bool


@dataclass(frozen=True, slots=True)
class Manners:
    """How this Hautech is, drawn from the seed; rates are shares of pipelines."""

    skew_s: float
    lag_s: tuple[float, ...]
    loses_key: float
    loses_input: float
    fails: float
    stuck: float
    odd_output: float
    slow: float
    blind_s: float
    """For so long after it began a pipeline is not found."""

    @classmethod
    def good(cls) -> Manners:
        """As the documentation promises."""
        return cls(0.0, (0.0,), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

    @classmethod
    def draw(cls, rng: random.Random) -> Manners:
        """The manners of a seed."""
        return cls(
            skew_s=rng.choice((0.0, rng.uniform(-600.0, 600.0))),
            lag_s=rng.choice(((0.0,), (0.0, 2.0), (4.0, 8.0), (0.0, 30.0, 200.0))),
            loses_key=rng.choice((0.0, 0.0, 0.3, 1.0)),
            loses_input=rng.choice((0.0, 0.0, 0.5)),
            fails=rng.choice((0.0, 0.1, 0.3)),
            stuck=rng.choice((0.0, 0.0, 0.1)),
            odd_output=rng.choice((0.0, 0.2, 0.6)),
            slow=rng.choice((0.0, 0.2)),
            blind_s=rng.choice((0.0, 0.0, 0.0, 3.0, 20.0, 50.0)),
        )


class SimHautech(MemoryHautech):
    """The ImageGeneration port with these manners. `paid` has the truth about each pipeline."""

    def __init__(self, scheduler: Scheduler, rng: random.Random, manners: Manners) -> None:
        super().__init__(SkewedClock(scheduler, manners.skew_s))
        self._scheduler = scheduler
        self._rng = rng
        self._manners = manners
        self.paid: dict[str, Paid] = {}
        self.image_ttl_s = rng.choice((None, 604_800.0, 7200.0))
        self.output_of = self._shaped

    def run(self, workflow_id: str, workflow_input: JsonObject, metadata: JsonObject) -> str:
        """See `ImageGeneration.run`."""
        rng, manners = self._rng, self._manners
        self.duration_s = rng.uniform(1.0, 40.0)
        if rng.random() < manners.slow:
            self.duration_s = rng.uniform(200.0, 1500.0)
        if rng.random() < manners.stuck:
            self.duration_s = 40_000.0
        self.failures.pop(workflow_id, None)
        if rng.random() < manners.fails:
            self.failures[workflow_id] = ("INTERNAL", "the model ran out of luck")
        pipeline_id = super().run(workflow_id, workflow_input, metadata)
        now_s = self._scheduler.now_s
        self.paid[pipeline_id] = Paid(
            at_s=now_s,
            listed_s=now_s + rng.choice(manners.lag_s),
            keeps_key=rng.random() >= manners.loses_key,
            keeps_input=rng.random() >= manners.loses_input,
        )
        return pipeline_id

    def runs_since(self, since: Any) -> Iterator[RunSummary]:
        """See `ImageGeneration.runs_since`."""
        for summary in super().runs_since(since):
            paid = self.paid[summary.pipeline_id]
            if paid.listed_s <= self._scheduler.now_s:
                yield summary if paid.keeps_key else replace(summary, metadata={})

    def look(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.look`."""
        if self._scheduler.now_s - self.paid[pipeline_id].at_s < self._manners.blind_s:
            raise PipelineLostError(f"no pipeline {pipeline_id}")
        return super().look(pipeline_id)

    def read_pipeline(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.read_pipeline`."""
        report = super().read_pipeline(pipeline_id)
        return report if self.paid[pipeline_id].keeps_input else replace(report, input=None)

    def download(self, picture: ImageRef, sink: BinaryIO) -> DownloadedPicture:
        """See `ImageGeneration.download`. A link opens nothing without its signature."""
        if picture.image_id is None and picture.url:
            link, _, signature = picture.url.partition("?")
            if signature != SIGNATURE:
                raise OutputUnusableError("the link is not signed")
            picture = ImageRef(url=link)
        return super().download(picture, sink)

    def _shaped(self, workflow_input: JsonObject, usual: Any) -> Any:
        """The output as some template may give it: echoes, lists, links, rubbish."""
        rng = self._rng
        if rng.random() >= self._manners.odd_output:
            return usual
        if "imageId" not in usual:
            return rng.choice(
                ({"data": usual}, {"output": usual}, {**workflow_input, **usual}, {}, None, "?")
            )
        image_id = usual["imageId"]
        more = [draw_png(f"more of {image_id} {n}") for n in range(2)]
        others = [self._keep(MemoryImage(data=one, content_type="image/png")) for one in more]
        link = f"{PICTURE_HOST}/{image_id}.png?{SIGNATURE}"
        return rng.choice(
            (
                {"imageIds": [image_id, *others]},
                {"images": [{"id": image_id}, {"id": others[0]}]},
                [{"url": link}],
                {"url": link, "note": link},
                image_id,
                {**workflow_input, "result": usual},
                {"imageId": "no such image"},
                {"text": "x" * 40_000, **usual},
                {"deep": [[[[[[[[[[usual]]]]]]]]]]},
                {},
                None,
                42,
                "\ud800",
            )
        )
