"""Coverage-greedy retrieval: the passage that is predicted to add most a unit of cost, without learning.

What a good engineer builds first: the passages most similar to the references, discounted by what is
covered already, cheapest first. It believes its predictions everywhere alike.
"""

from collections.abc import Generator
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice, Policy
from equal_stream.allocation.policy.shortlist import Pick, Shortlist

_NEAR: Final = 0.5  # of what is drawn at random; other policies buy there too, and it brings nearly as much


class Retrieval(Policy):
    """Buys by predicted marginal gain ÷ predicted cost.

    Each ticket is, with probability `exploration`, drawn at random: half of these uniformly from all
    passages that can be bought, half from the shortlist; otherwise it is the best passage.
    """

    name: ClassVar[str] = "retrieval"

    def multipliers(self, market: Market) -> NDArray[np.float32]:
        """Return what the predictions of each arm are multiplied by: (arms,) float32."""
        return np.ones(market.arms.height, np.float32)

    def prepare(self, market: Market) -> None:
        """List the passages that promise most."""
        factors = self.multipliers(market)
        shortlist = Shortlist(market, factors)
        shortlist.look_ahead(factors)
        shortlist.close()

    def _pull(self, market: Market) -> Generator[Choice]:
        factors = self.multipliers(market)
        shortlist = Shortlist(market, factors)
        try:
            while True:
                pick = shortlist.best(factors)
                if pick is None or pick.value < market.reserve_price:
                    return
                choice = self._explore(market, shortlist, pick, factors)
                yield choice
                shortlist.bought(choice.row)
                factors = self.multipliers(market)
        finally:
            shortlist.close()

    def _explore(
        self, market: Market, shortlist: Shortlist, pick: Pick, factors: NDArray[np.float32]
    ) -> Choice:
        row, gain, propensity = pick.row, pick.gain, 1.0
        if self.exploration > 0:
            near = shortlist.offered()
            if market.rng.random() < self.exploration:
                row = int(market.rng.choice(near)) if market.rng.random() < _NEAR else market.draw()
            propensity = self.exploration * (1 - _NEAR) / market.stock()
            if row in near:
                propensity += self.exploration * _NEAR / len(near)
            if row == pick.row:
                propensity += 1 - self.exploration
            else:
                gain = float(market.gains(market.covers_of(row)[None] * market.scale)[0])
        weight = min(1.0, float(factors[market.candidates.clusters[row]]))
        return Choice(row, gain, propensity, weight)
