"""RAW-UCB over clusters on gain ÷ cost: made for arms that rot, that is, bring less the more they are used.

The index is the lowest, over windows of the last 1, 2, 4, … results, of their mean plus a width that
shrinks with the window: a short window sees a fall soon, a long one is sure. Windows are kept as EFF-RAW-UCB
keeps them, one sum in use and one filling for each power of two, so a cluster costs a few numbers however
long it is used. A ticket in flight narrows every width, as the result of it would.

Seznec, Ménard, Lazaric and Valko 2020, "A single algorithm for both restless and rested rotting bandits".
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.arm_choice import ArmChoice
from equal_stream.allocation.policy.arm_sums import ArmSums
from equal_stream.allocation.policy.stock import Stock

_SCALES = 20  # windows of up to 2¹⁹ results of one cluster
_LENGTHS = 2.0 ** np.arange(_SCALES)
_FORGET = 0.999  # of the spread of gains, which falls as the references are covered


class RawUCB(ArmChoice):
    """Buys from the cluster whose gain per cost could be the highest, rotting considered.

    Parameters
    ----------
    exploration
        Share of tickets to draw at random, recorded in their propensity.
    alpha
        Width of the optimism, in standard deviations of the gain of one ticket; the square root of the
        paper's α.
    shortest
        Results of the shortest window to look at, once a cluster has as many. The paper's is 1, but the gains
        of single tickets vary so much that the lowest of the shortest windows shows little else.
    """

    name: ClassVar[str] = "raw-ucb"

    def __init__(self, exploration: float = 0.0, *, alpha: float = 0.03, shortest: int = 8) -> None:
        super().__init__(exploration)
        self.alpha = alpha
        self.shortest = shortest
        self._all = ArmSums(_FORGET)  # of all clusters together, in one row
        self._seen = np.zeros(0, np.int64)  # results of each arm
        self._windows = np.zeros((0, _SCALES))  # sums in use, of the last 2^j results or a little earlier
        self._filling = np.zeros((0, _SCALES))  # sums of the results since half a window ago

    def index(self, market: Market, stock: Stock) -> NDArray[np.float64]:
        """Return the optimistic gain per cost (arms,) of every cluster."""
        height, flying = market.arms.height, market.arms.in_flight
        self._reach(height)
        seen = self._seen[:height]
        total = max(float(seen.sum() + flying.sum()), 2.0)
        width = self.alpha * self._all.spread * np.sqrt(2 * np.log(total))
        bounds = self._windows[:height] / _LENGTHS + width / np.sqrt(_LENGTHS + flying[:, None])
        results = seen[:, None]
        too_short = (self.shortest > _LENGTHS) & (results >= 2 * _LENGTHS)  # and there is a longer one
        bounds[(results < _LENGTHS) | too_short] = np.inf
        unseen = np.where(flying > 0, self._all.mean + width / np.sqrt(np.maximum(flying, 1)), np.inf)
        optimistic: NDArray[np.float64] = np.where(seen > 0, bounds.min(axis=1), unseen) / stock.efforts()
        return optimistic

    def update(self, arm: int, predicted: float, realised: float) -> None:
        """Take in what a ticket brought."""
        del predicted
        self._all.add(0, realised)
        self._reach(arm + 1)
        self._seen[arm] += 1
        seen, windows, filling = int(self._seen[arm]), self._windows[arm], self._filling[arm]
        filling += realised
        windows[0] = realised
        for scale in range(1, _SCALES):
            half = 1 << (scale - 1)
            if seen % half:
                break
            if seen >= 2 * half:  # the filling window is full; the next has its younger half already
                windows[scale] = filling[scale]
                filling[scale] = windows[scale - 1]

    def born(self, arm: int, parent: int | None) -> None:
        """Begin with the parent's windows, if a parent is known: the next results show what differs."""
        if parent is not None:
            self._reach(max(arm, parent) + 1)
            if self._seen[arm] == 0:
                self._copy(arm, parent)

    def merged(self, survivor: int, ended: int) -> None:
        """Keep the windows of the one that was seen more: results of two cannot be put in order."""
        self._reach(max(survivor, ended) + 1)
        if self._seen[ended] > self._seen[survivor]:
            self._copy(survivor, ended)
        self._clear(ended)

    def freed(self, arm: int) -> None:
        """Forget the row's results."""
        self._reach(arm + 1)
        self._clear(arm)

    def _copy(self, arm: int, other: int) -> None:
        for column in (self._seen, self._windows, self._filling):
            column[arm] = column[other]

    def _clear(self, arm: int) -> None:
        for column in (self._seen, self._windows, self._filling):
            column[arm] = 0

    def _reach(self, height: int) -> None:
        missing = height - len(self._seen)
        if missing > 0:
            self._seen = np.concatenate([self._seen, np.zeros(missing, np.int64)])
            self._windows = np.concatenate([self._windows, np.zeros((missing, _SCALES))])
            self._filling = np.concatenate([self._filling, np.zeros((missing, _SCALES))])

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "all": self._all.to_state(),
            "seen": self._seen,
            "windows": self._windows,
            "filling": self._filling,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._all.load_state(state["all"])
        self._seen, self._windows, self._filling = state["seen"], state["windows"], state["filling"]
