"""Everything random: which fault a request meets and how long it is processed.

Request number n meets the same fate under the same seed and rates, whatever came before it and
however many arrive at once.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log

from equal_stream.simulate.outcomes import FAULTS, Outcome


class RatesError(ValueError):
    """Rates, or the latency, are outside what can be drawn."""


@dataclass(frozen=True)
class Draw:
    """The fate of one request; `generator` goes on from there for what the answer needs."""

    outcome: Outcome
    latency: float
    generator: random.Random


@dataclass(frozen=True)
class Chance:
    """Draws the fate of each request.

    Parameters
    ----------
    rates
        Probability of each fault; what is left of 1 is good answers.
    spread
        Probability that is added, in equal parts, to all faults.
    latency
        Mean seconds of processing, lognormal.
    sigma
        Standard deviation of the logarithm of the latency; 0 makes it constant.
    seed
        Another seed, another run.

    Raises
    ------
    RatesError
        A rate is negative or they add up to more than 1, or latency or sigma is negative.
    """

    rates: Mapping[Outcome, float] = field(default_factory=dict)
    spread: float = 0.0
    latency: float = 0.0
    sigma: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        all_rates = [*self.rates.values(), self.spread]
        if not all(rate >= 0 for rate in all_rates):
            raise RatesError(f"a fault rate is a probability from 0 to 1, got {min(all_rates)}")
        if sum(all_rates) > 1 + 1e-9:
            raise RatesError(f"the fault rates add up to {sum(all_rates):g}; together they cannot exceed 1")
        if not (self.latency >= 0 and self.sigma >= 0):
            raise RatesError("latency and its sigma are in seconds and cannot be negative")

    def draw(self, ordinal: int) -> Draw:
        """Return the fate of request number `ordinal`."""
        generator = random.Random(f"{self.seed}/{ordinal}")  # noqa: S311 - a simulation, not a secret
        point = generator.random()
        outcome = Outcome.ANSWERED
        for fault in FAULTS:
            point -= self.rates.get(fault, 0.0) + self.spread / len(FAULTS)
            if point < 0:
                outcome = fault
                break
        latency = 0.0
        if self.latency > 0:
            latency = generator.lognormvariate(log(self.latency) - self.sigma**2 / 2, self.sigma)
        return Draw(outcome, latency, generator)
