"""UCB1 over clusters on gain ÷ cost: optimism in the face of what has been tried little.

The index of a cluster is (mean gain + α·s·√(2 ln T / n)) ÷ mean cost of what it has to sell, with n its
tickets, T those of all, and s the standard deviation of gains, since gains have no natural bound. A
ticket in flight counts into n at once, so that a batch spreads over clusters as well as waiting for each
answer would. A cluster that was never tried comes first.

Auer, Cesa-Bianchi and Fischer 2002, "Finite-time analysis of the multiarmed bandit problem".
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.arm_choice import ArmChoice
from equal_stream.allocation.policy.arm_sums import ArmSums
from equal_stream.allocation.policy.stock import Stock


class UCBRatio(ArmChoice):
    """Buys from the cluster whose gain per cost could be the highest.

    Parameters
    ----------
    exploration
        Share of tickets to draw at random, recorded in their propensity.
    alpha
        Width of the optimism, in standard deviations of the gain of one ticket.
    """

    name: ClassVar[str] = "ucb-ratio"

    def __init__(self, exploration: float = 0.0, *, alpha: float = 0.05) -> None:
        super().__init__(exploration)
        self.alpha = alpha
        self._gains = self._sums()

    def _sums(self) -> ArmSums:
        return ArmSums()

    def index(self, market: Market, stock: Stock) -> NDArray[np.float64]:
        """Return the optimistic gain per cost (arms,) of every cluster."""
        height, gains = market.arms.height, self._gains
        means = gains.means(height, gains.mean)
        tried = gains.counts[:height] + market.arms.in_flight
        width = np.sqrt(2 * np.log(max(float(tried.sum()), 2.0)) / np.maximum(tried, 1e-9))
        bonus = np.where(tried > 0, self.alpha * gains.spread * width, np.inf)
        optimistic: NDArray[np.float64] = (means + bonus) / stock.efforts()
        return optimistic

    def update(self, arm: int, predicted: float, realised: float) -> None:
        """Take in what a ticket brought."""
        del predicted
        self._gains.add(arm, realised)

    def born(self, arm: int, parent: int | None) -> None:
        """Begin with part of the parent's results, if a parent is known."""
        if parent is not None:
            self._gains.copy(arm, parent)

    def merged(self, survivor: int, ended: int) -> None:
        """Add up the results of both."""
        self._gains.merge(survivor, ended)

    def freed(self, arm: int) -> None:
        """Forget the row's results."""
        self._gains.clear(arm)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return self._gains.to_state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._gains.load_state(state)
