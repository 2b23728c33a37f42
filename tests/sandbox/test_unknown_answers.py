"""Every way in which the answer of the paid call can be lost, on the real client.

    the answer is lost in one of 19 ways
      × the list shows a new pipeline at once, after one look, after the last look
      × Hautech keeps our key; it drops the key, and the step sent ids of its own; it sent none

One pipeline in every cell, but for those that `is_paid_twice` names: there nothing at Hautech can
tell the worker that its first call was heard. What happens in them is in the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from sandbox.hautech import Options, StandIn
from sandbox.hautech.faults import FaultRule
from tests.builders import FULL_NAOMI_INPUT, body
from tests.scenarios.crash import Killed, Killer
from tests.scenarios.harness import Service
from tests.support.standin import Lab, credentials, png
from worker.adapters.hautech_gateway import HautechGateway
from worker.adapters.memory import ManualClock
from worker.hautech import ClientConfig, HautechClient, StaticToken
from worker.jobs.job import JobState

RUN = "workflows.run"
LAGS_S = {"at once": 0.0, "after a look": 8.0, "too late": 600.0}
TRACES = ("key kept", "key dropped, own ids", "key dropped, no own ids")

SHORT_S = 0.5
"""The one thing that has to be waited for: that the client's own timeouts end the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to lose an answer."""

    name: str
    starts_a_pipeline: bool = True
    """Whether Hautech has heard the call whose answer is lost."""
    fault: FaultRule | None = None
    act: tuple[str, Callable[[Service, Callable[[], Any]], Any]] | None = None
    """What is done instead of the first outside call of that name."""
    limits: dict[str, float] = field(default_factory=dict)
    """Settings of the client."""

    def __str__(self) -> str:
        return self.name


def after(kind: str, **more: Any) -> FaultRule:
    return FaultRule(RUN, kind, when="after", **more)


def killed_before(_service: Service, _call: Callable[[], Any]) -> Any:
    raise Killed


def killed_after(_service: Service, call: Callable[[], Any]) -> Any:
    call()
    raise Killed


def frozen_after(service: Service, call: Callable[[], Any]) -> Any:
    """The worker stands still after the call, and others do its work meanwhile."""
    answer = call()
    service.watch(Killer())
    service.run()
    return answer


def frozen_before(service: Service, call: Callable[[], Any]) -> Any:
    """The worker stands still with the call in its hands, long after its lease has ended."""
    service.watch(Killer())
    service.run()
    return call()


def frozen_with_the_intent(service: Service, call: Callable[[], Any]) -> Any:
    """The worker stands still after it saved its intent, and looks at its lease afterwards."""
    saved = call()
    service.world.clock.advance(600)
    return saved


ON_THE_WIRE = Way(name="frozen on the wire", act=("hautech.run", frozen_before))
WAYS = (
    Way(name="no answer in time", fault=after("silence", delay_s=4 * SHORT_S), limits={"read_timeout_s": SHORT_S}),
    Way(name="answer drips past the deadline", fault=after("slow_drip", piece_bytes=1, interval_s=0.1), limits={"run_deadline_s": SHORT_S}),
    Way(name="connection reset", fault=after("reset")),
    Way(name="connection closed", fault=after("drop_after")),
    Way(name="connection closed unheard", fault=FaultRule(RUN, "drop_before"), starts_a_pipeline=False),
    Way(name="500", fault=after("status", status=500)),
    Way(name="500 unheard", fault=FaultRule(RUN, "status", status=500), starts_a_pipeline=False),
    Way(name="502 as a page", fault=after("html", status=502)),
    Way(name="503", fault=after("status", status=503, retry_after=1)),
    Way(name="408", fault=after("status", status=408)),
    Way(name="body cut", fault=after("truncate")),
    Way(name="body cut unseen", fault=after("truncate", truncation="close")),
    Way(name="body without pipelineId", fault=after("body", status=201, body='{"id": "p"}')),
    Way(name="body that is no JSON", fault=after("body", status=201, body="created")),
    Way(name="killed before the call", act=("hautech.run", killed_before), starts_a_pipeline=False),
    Way(name="killed after the call", act=("hautech.run", killed_after)),
    Way(name="frozen with the intent", act=("store.save", frozen_with_the_intent), starts_a_pipeline=False),
    Way(name="frozen after the call", act=("hautech.run", frozen_after)),
    ON_THE_WIRE,
)  # fmt: skip


def is_paid_twice(way: Way, lag: str, trace: str) -> bool:
    """The cells in which two pipelines are started, because nobody can know of the first.

    The list hides it for longer than the worker looks; or it neither carries our key nor holds an
    id that only we can have sent; or it is started when everybody has stopped looking.
    """
    hidden = lag == "too late" or trace == "key dropped, no own ids"
    return way is ON_THE_WIRE or (way.starts_a_pipeline and hidden)


class Follower:
    """The stand-in's clock: that of the service under test."""

    clock = ManualClock()

    def __call__(self) -> datetime:
        return self.clock.now()


@pytest.fixture(scope="module")
def follower() -> Follower:
    return Follower()


@pytest.fixture(scope="module")
def lab(follower: Follower) -> Iterator[Lab]:
    options = Options().changed({"durationSeconds": 0, "drawing": "flat"})
    with StandIn(options=options, credentials=credentials(), clock=follower) as stand_in:
        lab = Lab(stand_in, follower)  # type: ignore[arg-type]  # -- nobody moves it from here
        yield lab
        lab.session.close()


class Interference:
    """A watch that puts something else in the place of the first outside call of a name."""

    def __init__(self, service: Service, way: Way) -> None:
        self._service = service
        self._acts = [way.act] if way.act else []

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        if self._acts and self._acts[0][0] == name:
            _, act = self._acts.pop()
            return act(self._service, call)
        return call()


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("lag", LAGS_S)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_lost_answer_of_the_paid_call_is_paid_once_or_counted(
    lab: Lab, follower: Follower, way: Way, lag: str, trace: str
) -> None:
    service = Service()
    follower.clock = service.world.clock
    lab.fresh(dropMetadata=trace != "key kept", listLagSeconds=LAGS_S[lag])
    message = body()
    if trace == "key dropped, no own ids":
        ready = {name: lab.upload(png())["id"] for name in ("poseImageId", "imageId")}
        message = body(input={**FULL_NAOMI_INPUT, **ready})
    config = ClientConfig(api_url=lab.stand_in.api_url, **way.limits)  # type: ignore[arg-type]
    with HautechClient(config, StaticToken(lab.stand_in.credentials.api_token)) as client:
        service.world.hautech = HautechGateway(client)  # type: ignore[assignment]  # -- the same port
        service.watch(Interference(service, way))
        if way.fault:
            lab.stand_in.add_fault(way.fault)
        service.send(message)
        service.run()

    paid = len(lab.stand_in.runs())
    assert service.job.state is JobState.SUCCEEDED
    assert len({event.id for event in service.events}) == 1
    assert (len(service.world.requests), len(service.world.polls)) == (0, 0)
    assert paid == (2 if is_paid_twice(way, lag, trace) else 1)
    submission = service.job.step("full-naomi").submission
    assert submission is not None
    if paid == 2:
        assert submission.calls == 2
        told = [entry.because for entry in service.job.history]
        assert "two looks found no pipeline with our key; sending the run once more" in told


def test_the_cells_in_which_two_pipelines_are_started_are_these_and_no_others() -> None:
    cells = [(way, lag, trace) for way in WAYS for lag in LAGS_S for trace in TRACES]
    heard = sum(way.starts_a_pipeline for way in WAYS)
    twice = sum(is_paid_twice(*cell) for cell in cells)
    # Five of nine for each way whose call was heard; all nine for the frozen call.
    assert (len(cells), twice) == (171, 5 * (heard - 1) + 9)
