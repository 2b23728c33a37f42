"""`/metrics`: the figures of one process in the text format of Prometheus, made when somebody asks.

Nothing is kept for it but a few counters (`tally.py`); everything else is read from the engine and the
container at that moment. Figures of all workers together are sums; those of jobs in flight are
already of all workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from worker import __version__
from worker.adapters.tally import Tally
from worker.engine.limits import Limits
from worker.ports.notices import HoldReason
from worker.runtime.container import ContainerState

PREFIX: Final = "hautech_worker_"

_CIRCUIT_REASONS: Final = (
    HoldReason.HAUTECH_DOWN,
    HoldReason.TOKEN_REFUSED,
    HoldReason.OUT_OF_FUNDS,
    HoldReason.MISCONFIGURED,
)


class LimitedEngine(Protocol):
    """What the figures need of the engine."""

    def limits(self) -> Limits:
        """What limits new work now. Asks nobody."""

    @property
    def rules_are_broken(self) -> bool:
        """Whether the rules file could not be used when this process last looked at it."""


class Metrics:
    """Reads the figures of one process.

    Args:
        engine: Knows the limits towards Hautech.
        container: Gives the present state of the loop.
        tally: Has counted since the process began.
    """

    def __init__(
        self, *, engine: LimitedEngine, container: Callable[[], ContainerState], tally: Tally
    ) -> None:
        self._engine = engine
        self._container = container
        self._tally = tally
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """All figures as text."""
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry shall not read figures when it is made."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every figure, as it is now."""
        yield _gauge("info", "Always 1; the version is in the label.", {"version": __version__}, 1)
        yield from self._of_hautech(self._engine.limits())
        yield _gauge(
            "rules_broken",
            "1 while the rules file is broken, as this process last saw it.",
            {},
            int(self._engine.rules_are_broken),
        )
        yield from self._of_the_loop(self._container())
        yield from self._counted()

    def _of_hautech(self, limits: Limits) -> Iterator[Metric]:
        circuit, pace, in_flight = limits.circuit, limits.pace, limits.in_flight
        yield _one_of(
            "circuit_open",
            "1 for the trouble at Hautech that holds requests back.",
            _CIRCUIT_REASONS,
            circuit.reason,
        )
        yield _gauge(
            "pace_requests_per_second",
            "Requests to Hautech that this process makes at most; no sample without a limit.",
            {},
            pace.limit_per_s,
        )
        yield _gauge(
            "jobs_in_flight",
            "Jobs that wait for Hautech, of all workers, as last counted; no sample if nobody counts.",
            {},
            in_flight.counted,
        )
        yield _gauge(
            "jobs_in_flight_limit",
            "Jobs beyond which none is put in flight; no sample without a limit.",
            {},
            in_flight.most,
        )

    def _of_the_loop(self, state: ContainerState) -> Iterator[Metric]:
        yield _one_of(
            "intake_held",
            "1 for the reason why requests are not received now; polls always are.",
            tuple(HoldReason),
            state.intake.reason,
        )
        yield _gauge("stopping", "1 once the stop has begun.", {}, int(state.is_stopping))
        yield _gauge("messages_in_hand", "Messages that are worked on.", {}, state.in_hand)
        yield _gauge("slots_free", "Messages that could be worked on more.", {}, state.free_slots)
        yield _gauge(
            "oldest_in_hand_seconds",
            "How long the oldest message has been worked on.",
            {},
            state.oldest_in_hand_s,
        )
        trouble = _family("receive_trouble", "1 while a queue gives no messages.", ["queue"])
        age = _family(
            "last_receive_age_seconds",
            "Seconds since a receive last succeeded, with messages or without.",
            ["queue"],
        )
        for kind, receiver in state.receivers.items():
            trouble.add_metric([str(kind)], int(receiver.trouble is not None))
            if receiver.last_success_age_s is not None:
                age.add_metric([str(kind)], receiver.last_success_age_s)
        yield from (trouble, age)

    def _counted(self) -> Iterator[Metric]:
        tally = self._tally
        yield _counter(
            "hautech_calls",
            "Calls to Hautech and how they ended: ok, or the class of the error.",
            ["call", "outcome"],
            tally.calls(),
        )
        yield _counter(
            "messages_handled",
            "Messages that the engine answered: done, poll_again or retry_later.",
            ["queue", "outcome"],
            tally.messages(),
        )
        yield _counter(
            "jobs_over",
            "Jobs that ended, each once unless a worker died in between.",
            ["status", "error_code"],
            tally.jobs(),
        )
        yield _counter(
            "requests_refused",
            "Requests that were refused before they became jobs.",
            ["error_code"],
            tally.refusals(),
        )
        yield _counter(
            "polls_dropped",
            "Poll messages that no job waited for: replaced by another, job over, or no_job.",
            ["why"],
            tally.drops(),
        )


def _family(name: str, says: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, says, labels=labels)


def _gauge(
    name: str, says: str, labels: Mapping[str, str], value: float | None
) -> GaugeMetricFamily:
    family = _family(name, says, list(labels))
    if value is not None:
        family.add_metric(list(labels.values()), value)
    return family


def _one_of(
    name: str, says: str, reasons: tuple[HoldReason, ...], present: HoldReason | None
) -> GaugeMetricFamily:
    """A sample for every reason, so that an alarm sees it go back to 0."""
    family = _family(name, says, ["reason"])
    for reason in reasons:
        family.add_metric([str(reason)], int(reason is present))
    return family


def _counter(
    name: str, says: str, labels: list[str], counts: Mapping[tuple[str, ...], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(PREFIX + name, says, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(list(values), count)
    return family
