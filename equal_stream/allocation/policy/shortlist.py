"""Lazy greedy selection: the best passage by present value, found by evaluating few of them.

Gains evaluated earlier are upper bounds of present gains (coverage is submodular), so the best few
hundred by old gain are evaluated anew, and after each pick only those that could be the next best
(Minoux 1978, "Accelerated greedy algorithms"). When even the best of them falls below what the rest
could be worth, the list is drawn up again.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market

_LENGTH = 256  # 256 × 300 references × 384 dimensions are evaluated in some 3 ms
_BATCH = 16  # evaluated together after a pick: as cheap as one
_SLACK = 0.999  # float32 sums differ by their order; below this the difference is real


class Pick(NamedTuple):
    """The best passage: its row, present gain, and value: multiplied gain a unit of cost."""

    row: int
    gain: float
    value: float


class Shortlist:
    """The most promising passages of a market.

    Parameters
    ----------
    market
        Where they are bought.
    multipliers
        (arms,) float32; what each cluster's predictions are to be multiplied by.
    """

    def __init__(self, market: Market, multipliers: NDArray[np.float32]) -> None:
        self._market = market
        rows = market.open_rows()
        table = market.candidates
        efforts = market.effort(rows)
        values = table.gain[rows] * multipliers[table.clusters[rows]] / efforts
        if len(rows) > _LENGTH:
            order = np.argpartition(-values, _LENGTH)
            self._ceiling = float(values[order[_LENGTH]])
            chosen = order[:_LENGTH]
        else:
            self._ceiling = -1.0
            chosen = np.arange(len(rows))
        self.rows = rows[chosen]
        self._efforts = efforts[chosen]
        self._arms = table.clusters[self.rows]
        self._added = market.expected(self.rows)
        self._gains = market.gains(self._added)
        self._fresh = np.ones(len(self.rows), bool)
        self._open = np.ones(len(self.rows), bool)

    def best(self, multipliers: NDArray[np.float32]) -> Pick | None:
        """Return the passage of the highest present value, or None when the list is empty."""
        while self._open.any():
            values = self._values(multipliers)
            top = int(np.argmax(values))
            if not self._market.is_open(int(self.rows[top])):
                self._open[top] = False
            elif self._fresh[top]:
                return Pick(int(self.rows[top]), float(self._gains[top]), float(values[top]))
            else:
                self._evaluate(values)
        return None

    def is_outdone(self, pick: Pick) -> bool:
        """Tell whether a passage that is not listed may be worth more."""
        return pick.value < self._ceiling * _SLACK

    def bought(self, row: int) -> None:
        """Take a passage off the list; what it will bring counts against all others."""
        self._open &= self.rows != row
        self._fresh[:] = False

    def close(self) -> None:
        """Write the present gains back into the table, for the next list."""
        self._market.candidates.gain[self.rows] = self._gains

    def _values(self, multipliers: NDArray[np.float32]) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._gains * multipliers[self._arms] / self._efforts
        values[~self._open] = -np.inf
        return values

    def _evaluate(self, values: NDArray[np.float32]) -> None:
        stale = np.where(self._fresh, -np.inf, values)
        batch = np.argpartition(-stale, _BATCH)[:_BATCH] if len(stale) > _BATCH else np.arange(len(stale))
        self._gains[batch] = self._market.gains(self._added[batch])
        self._fresh[batch] = True
