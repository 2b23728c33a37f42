"""What limits new work towards Hautech at a moment, for people and for figures."""

from __future__ import annotations

from dataclasses import dataclass

from worker.engine.circuit import CircuitState
from worker.engine.in_flight import InFlightState
from worker.engine.pace import PaceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The three of them; a look at them asks nobody."""

    circuit: CircuitState
    pace: PaceState
    in_flight: InFlightState
