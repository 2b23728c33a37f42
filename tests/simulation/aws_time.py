"""What time the answers of AWS say it is: each service has hosts of its own, and one of them may be odd."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_APART_S = 0.4
"""How far a host's clock is off at most: with the fraction that a header cuts off, workers still agree to a second or so."""

_ODD_S = (-4000.0, -90.0, 45.0, 86_400.0)


@dataclass
class AwsTime:
    """Dates of answers, as the Date header gives them. `odd_rate`: the share of wrong ones."""

    rng: random.Random
    apart_s: float
    odd_rate: float
    _offsets_s: dict[str, float] = field(default_factory=dict)

    @classmethod
    def exact(cls, rng: random.Random) -> AwsTime:
        """All hosts agree."""
        return cls(rng, apart_s=0.0, odd_rate=0.0)

    @classmethod
    def draw(cls, rng: random.Random) -> AwsTime:
        """The hosts of a seed."""
        apart_s = rng.choice((0.0, 0.0, _APART_S))
        return cls(rng, apart_s=apart_s, odd_rate=rng.choice((0.0, 0.0, 0.002)))

    def date(self, host: str, at: datetime) -> datetime:
        """The date that an answer of this service carries, which was given at the true moment `at`."""
        if host not in self._offsets_s:
            self._offsets_s[host] = self.rng.uniform(-self.apart_s, self.apart_s)
        offset_s = self._offsets_s[host]
        if self.odd_rate and self.rng.random() < self.odd_rate:
            offset_s = self.rng.choice(_ODD_S)
        return (at + timedelta(seconds=offset_s)).replace(microsecond=0)
