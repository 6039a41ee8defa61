"""A bandit over clusters: an index for each, the highest wins, and any passage in it is bought.

What tells these policies apart is how the index is made of what came before.
"""

from abc import abstractmethod
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice, Policy
from equal_stream.allocation.policy.stock import Stock


class ArmChoice(Policy):
    """Buys from the cluster of the highest index, any of its passages alike.

    Each ticket is, with probability `exploration`, a passage drawn uniformly from all that can be
    bought. Clusters of the same index are drawn from alike.
    """

    @abstractmethod
    def index(self, market: Market, stock: Stock) -> NDArray[np.float64]:
        """Return the index (arms,) of every cluster now; that of one with nothing to buy is not read.

        In gain per USD, or per token where tokens are free: it is held against the reserve price.
        """

    def _pull(self, market: Market) -> Generator[Choice]:
        stock = Stock(market)
        while stock.refresh() > 0:
            arms, index = highest(self.index(market, stock), stock.counts)
            if index < market.reserve_price:
                return
            choice = stock.draw(arms, self.exploration)
            yield choice
            stock.bought(choice.row)


def highest(index: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[NDArray[np.intp], float]:
    """Return the clusters (k,) that share the highest index (arms,) among those that count, and it."""
    offered = np.where(counts > 0, index, -np.inf)
    top = float(offered.max())
    return np.flatnonzero(offered == top), top
