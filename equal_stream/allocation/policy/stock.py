"""What a market has in stock, cluster by cluster, kept true while one pull buys from it.

For policies that choose a cluster and then any passage in it: counts of what can be bought, and draws
that say how probable they were. Counting anew costs time in proportion to all passages, so it is done
once a pull, and again when less money has put some out of reach or half of them are gone.
"""

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice


class Stock:
    """The passages of a market that can be bought.

    Attributes
    ----------
    counts
        (arms,) int64; passages by cluster.
    total
        Passages in all.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._efforts: NDArray[np.float64] | None = None
        self._count()

    def refresh(self) -> int:
        """Bring the counts up to date with the money left; return how many passages there are."""
        if self._market.largest_text < self._longest or 2 * self.total < len(self._rows):
            self._count()
        return self.total

    def efforts(self) -> NDArray[np.float64]:
        """Return the mean predicted cost of a passage by cluster: (arms,); 1 where nothing was to buy."""
        if self._efforts is None:
            clusters, height = self._market.candidates.clusters[self._rows], len(self.counts)
            sums = np.bincount(clusters, self._market.effort(self._rows), height)
            counts = np.bincount(clusters, minlength=height)
            self._efforts = np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)
        return self._efforts

    def draw(self, arms: NDArray[np.intp], exploration: float) -> Choice:
        """Return any passage of any of the clusters `arms` (k,), all of which must have some.

        With probability `exploration` it is any passage of all instead.
        """
        market, rng = self._market, self._market.rng
        if exploration > 0 and rng.random() < exploration:
            row = self._any()
        else:
            within = self._within(int(arms[rng.integers(len(arms))]))
            row = int(within[rng.integers(len(within))])
        arm = market.candidates.clusters[row]
        propensity = exploration / self.total
        if arm in arms:
            propensity += (1 - exploration) / (len(arms) * int(self.counts[arm]))
        return Choice(row, self._gain(row), propensity)

    def draw_any(self) -> Choice:
        """Return any passage."""
        row = self._any()
        return Choice(row, self._gain(row), 1 / self.total)

    def bought(self, row: int) -> None:
        """Take a passage out of the counts."""
        self.counts[self._market.candidates.clusters[row]] -= 1
        self.total -= 1

    def _gain(self, row: int) -> float:
        return float(self._market.gains(self._market.expected(np.array([row])))[0])

    def _any(self) -> int:
        while True:
            row = int(self._rows[self._market.rng.integers(len(self._rows))])
            if self._market.is_open(row):
                return row

    def _within(self, arm: int) -> NDArray[np.intp]:
        table = self._market.candidates
        rows = self._by_arm.get(arm)
        if rows is None:
            rows = self._rows[table.clusters[self._rows] == arm]
        rows = rows[table.waiting[rows]]
        self._by_arm[arm] = rows
        return rows

    def _count(self) -> None:
        table = self._market.candidates
        self._rows = self._market.open_rows()
        self._by_arm: dict[int, NDArray[np.intp]] = {}
        self._longest = float(table.bytes[self._rows].max(initial=0))
        self.counts = np.bincount(table.clusters[self._rows], minlength=self._market.arms.height)
        self.total = len(self._rows)
