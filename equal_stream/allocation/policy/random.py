"""Any passage, all alike: the baseline every other policy has to beat."""

from collections.abc import Generator
from typing import ClassVar

import numpy as np

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice, Policy


class Random(Policy):
    """Draws uniformly from all passages that can be bought."""

    name: ClassVar[str] = "random"

    def _pull(self, market: Market) -> Generator[Choice]:
        while len(rows := market.open_rows()):
            row = int(rows[market.rng.integers(len(rows))])
            gain = float(market.gains(market.expected(np.array([row])))[0])
            yield Choice(row, gain, 1 / len(rows))
