"""How far each cluster's predictions can be believed: realised ÷ predicted gain, with forgetting.

For each arm the discounted sums of predicted and of realised gain, shrunk towards the ratio of all arms
by the predictions of a few typical tickets. Forgetting lets a cluster that dried up, or came to life,
be believed anew. Children of a split begin with half of their parent's evidence; a merge adds up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_COLUMNS = ("realised", "predicted", "tickets")


class Posterior:
    """Ratios of realised to predicted gain by arm.

    Parameters
    ----------
    shrinkage
        Typical tickets an arm must have seen before its own ratio counts as much as everyone's.
    forget
        What is kept of all evidence at every update: 0.998 remembers some 500 tickets.
    inherit
        Share of the parent's evidence that a child of a split begins with.
    """

    def __init__(self, shrinkage: float = 3.0, forget: float = 0.998, inherit: float = 0.5) -> None:
        self.shrinkage = shrinkage
        self.forget = forget
        self.inherit = inherit
        self.realised = np.zeros(0)
        self.predicted = np.zeros(0)
        self.tickets = np.zeros(0)

    def update(self, arm: int, predicted: float, realised: float) -> None:
        """Take in one ended ticket; what was predicted as worthless teaches nothing."""
        if predicted <= 0:
            return
        self._reach(arm + 1)
        for column in _COLUMNS:
            values = getattr(self, column)
            values *= self.forget
        self.realised[arm] += realised
        self.predicted[arm] += predicted
        self.tickets[arm] += 1

    def means(
        self, height: int, promised: NDArray[np.float64] | None = None, in_flight: int = 0
    ) -> NDArray[np.float32]:
        """Return the ratio of each of `height` arms, (height,) float32.

        `promised` (height,) is predicted gain that counts as evidence that nothing came of it, from
        `in_flight` tickets.
        """
        self._reach(height)
        below = self.predicted[:height] if promised is None else self.predicted[:height] + promised
        tickets = float(self.tickets.sum()) + in_flight
        total = float(below.sum())
        if tickets <= 0 or total <= 0:
            return np.ones(height, np.float32)
        weight = self.shrinkage * total / tickets
        overall = (float(self.realised.sum()) + weight) / (float(self.predicted.sum()) + weight)
        means = (self.realised[:height] + weight * overall) / (below + weight)
        return means.astype(np.float32)

    def copy(self, arm: int, parent: int) -> None:
        """Let an arm without evidence begin with part of its parent's."""
        self._reach(max(arm, parent) + 1)
        if self.tickets[arm] == 0:
            for column in _COLUMNS:
                values = getattr(self, column)
                values[arm] = self.inherit * values[parent]

    def add(self, survivor: int, ended: int) -> None:
        """Give an arm the evidence of another."""
        self._reach(max(survivor, ended) + 1)
        for column in _COLUMNS:
            values = getattr(self, column)
            values[survivor] += values[ended]

    def clear(self, arm: int) -> None:
        """Drop the evidence of an arm."""
        self._reach(arm + 1)
        for column in _COLUMNS:
            getattr(self, column)[arm] = 0.0

    def _reach(self, height: int) -> None:
        missing = height - len(self.tickets)
        if missing > 0:
            for column in _COLUMNS:
                setattr(self, column, np.concatenate([getattr(self, column), np.zeros(missing)]))

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {column: getattr(self, column) for column in _COLUMNS}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        for column in _COLUMNS:
            setattr(self, column, state[column])
