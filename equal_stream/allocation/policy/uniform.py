"""Every cluster alike, any passage within it: spending spread over topics instead of over pages."""

from collections.abc import Generator
from typing import ClassVar

import numpy as np

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice, Policy


class Uniform(Policy):
    """Draws a cluster uniformly from those with passages that can be bought, then one of these."""

    name: ClassVar[str] = "uniform"

    def _pull(self, market: Market) -> Generator[Choice]:
        while len(rows := market.open_rows()):
            clusters = market.candidates.clusters[rows]
            arms = np.unique(clusters)
            within = rows[clusters == arms[market.rng.integers(len(arms))]]
            row = int(within[market.rng.integers(len(within))])
            gain = float(market.gains(market.expected(np.array([row])))[0])
            yield Choice(row, gain, 1 / (len(arms) * len(within)))
