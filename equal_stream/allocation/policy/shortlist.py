"""Lazy greedy selection: the best passage by present value, found by evaluating few of them.

Gains evaluated earlier are upper bounds of present gains (coverage is submodular), so the best few
hundred by old gain are evaluated anew, and after each pick only those that could be the next best
(Minoux 1978, "Accelerated greedy algorithms"). When the best listed falls well below what the rest
could be worth by their old gains, the list is drawn up again, a bounded number of times.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market

_LENGTH = 256  # 256 × 300 references × 384 dimensions are evaluated in some 3 ms
_BATCH = 16  # evaluated together after a pick: as cheap as one
_SLACK = 0.9  # of what an old gain promises; most old gains are too high by more than that


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
        (arms,) float32; what each cluster's predictions are to be multiplied by. They may only fall
        while the list is in use, or `draw` will not see what rose.
    """

    def __init__(self, market: Market, multipliers: NDArray[np.float32]) -> None:
        self._market = market
        table = market.candidates
        self._all = market.open_rows()
        self._all_efforts = market.effort(self._all)
        factors = multipliers[table.clusters[self._all]]
        self._all_values = table.gain[self._all] * factors / self._all_efforts
        self._bought = 0
        self._draw()

    def best(self, multipliers: NDArray[np.float32]) -> Pick | None:
        """Return the passage of the highest present value, or None when the list is empty."""
        while self._open.any():
            values = self._values(multipliers)
            top = int(np.argmax(values))
            if not self._market.is_open(int(self._rows[top])):
                self._open[top] = False
            elif self._fresh[top]:
                return Pick(int(self._rows[top]), float(self._gains[top]), float(values[top]))
            else:
                self._evaluate(values)
        return None

    def sample(self) -> int:
        """Return a row drawn uniformly from all that can be bought; there must be one."""
        while True:
            row = int(self._all[self._market.rng.integers(len(self._all))])
            if self._market.is_open(row):
                return row

    def __len__(self) -> int:
        """Rows that could be bought when the list was made, less those bought since."""
        return len(self._all) - self._bought

    def is_outdone(self, pick: Pick) -> bool:
        """Tell whether a passage that is not listed may be worth more."""
        return pick.value < self._ceiling * _SLACK

    def is_complete(self) -> bool:
        """Tell whether no passage is left that is not listed."""
        return self._ceiling == -np.inf

    def bought(self, row: int) -> None:
        """Take a passage off the list; what it will bring counts against all others."""
        self._bought += 1
        self._open &= self._rows != row
        self._fresh[:] = False

    def redraw(self, multipliers: NDArray[np.float32]) -> None:
        """Draw up the list anew, with the present values of those that were on it."""
        self.close()
        self._all_values[self._places] = self._values(multipliers)
        self._draw()

    def close(self) -> None:
        """Write the present gains back into the table, for the next list."""
        self._market.candidates.gain[self._rows] = self._gains

    def _draw(self) -> None:
        values = self._all_values
        if len(values) > _LENGTH:
            order = np.argpartition(-values, _LENGTH)
            self._ceiling = float(values[order[_LENGTH]])
            self._places = order[:_LENGTH]
        else:
            self._ceiling = -np.inf
            self._places = np.arange(len(values))
        self._rows = self._all[self._places]
        self._efforts = self._all_efforts[self._places]
        self._arms = self._market.candidates.clusters[self._rows]
        self._added = self._market.expected(self._rows)
        self._gains = self._market.gains(self._added)
        self._fresh = np.ones(len(self._rows), bool)
        self._open = self._market.candidates.waiting[self._rows]

    def _values(self, multipliers: NDArray[np.float32]) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._gains * multipliers[self._arms] / self._efforts
        values[~self._open] = -np.inf
        return values

    def _evaluate(self, values: NDArray[np.float32]) -> None:
        stale = np.where(self._fresh, -np.inf, values)
        batch = np.argpartition(-stale, _BATCH)[:_BATCH] if len(stale) > _BATCH else np.arange(len(stale))
        self._gains[batch] = self._market.gains(self._added[batch])
        self._fresh[batch] = True
