"""What each arm has brought: discounted counts and sums, and how much single results vary in all.

With `forget` below 1 everything seen fades with every new result (discounted UCB); with 1 these are plain
means. Children of a split begin with half of their parent's results; a merge adds up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ArmSums:
    """Results by arm.

    Parameters
    ----------
    forget
        What is kept of all results at every new one: 0.999 remembers some 1,000.
    inherit
        Share of the parent's results that a child of a split begins with.

    Attributes
    ----------
    counts, sums
        (rows,) float64; results and what they add up to, faded. May be shorter than there are arms;
        `reach` makes them as long.
    """

    def __init__(self, forget: float = 1.0, inherit: float = 0.5) -> None:
        self.forget = forget
        self.inherit = inherit
        self.counts = np.zeros(0)
        self.sums = np.zeros(0)
        self._squares = np.zeros(0)

    def add(self, arm: int, result: float) -> None:
        """Take in one result of an arm."""
        self.reach(arm + 1)
        if self.forget < 1:
            for column in self._columns():
                np.multiply(column, self.forget, out=column)
        self.counts[arm] += 1
        self.sums[arm] += result
        self._squares[arm] += result * result

    def replace(self, arm: int, result: float) -> None:
        """Take in a result that stands for all of an arm's so far: it becomes their mean."""
        self.add(arm, result)
        self.sums[arm] = self.counts[arm] * result

    @property
    def mean(self) -> float:
        """The mean of all results; 0 before the first."""
        return float(self.sums.sum()) / max(float(self.counts.sum()), 1e-12)

    @property
    def spread(self) -> float:
        """The standard deviation of all results; 0 before the second."""
        total = max(float(self.counts.sum()), 1e-12)
        return float(np.sqrt(max(float(self._squares.sum()) / total - self.mean**2, 0.0)))

    def means(self, height: int, otherwise: float) -> NDArray[np.float64]:
        """Return the mean of each of `height` arms, (height,), `otherwise` for one without results."""
        self.reach(height)
        counts = self.counts[:height]
        return np.where(counts > 0, self.sums[:height] / np.maximum(counts, 1e-12), otherwise)

    def copy(self, arm: int, parent: int) -> None:
        """Let an arm without results begin with part of its parent's."""
        self.reach(max(arm, parent) + 1)
        if self.counts[arm] == 0:
            for column in self._columns():
                column[arm] = self.inherit * column[parent]

    def merge(self, survivor: int, ended: int) -> None:
        """Give an arm the results of another, which is left with none."""
        self.reach(max(survivor, ended) + 1)
        for column in self._columns():
            column[survivor] += column[ended]
        self.clear(ended)

    def clear(self, arm: int) -> None:
        """Drop the results of an arm."""
        self.reach(arm + 1)
        for column in self._columns():
            column[arm] = 0.0

    def reach(self, height: int) -> None:
        """Make the columns at least so long."""
        missing = height - len(self.counts)
        if missing > 0:
            self._set(*(np.concatenate([column, np.zeros(missing)]) for column in self._columns()))

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"columns": list(self._columns())}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._set(*state["columns"])

    def _columns(self) -> tuple[NDArray[np.float64], ...]:
        return self.counts, self.sums, self._squares

    def _set(
        self, counts: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64]
    ) -> None:
        self.counts, self.sums, self._squares = counts, sums, squares
