"""Where clusters lie: the mean of the passages that came under each.

A place is told anew whenever the passages of a cluster have doubled, so that a cluster of a thousand
passages moves ten times in its life and each passage costs one addition.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Centroids:
    """Sums of unit vectors by arm."""

    def __init__(self) -> None:
        self._sums = np.zeros((0, 0), np.float32)
        self._counts = np.zeros(0, np.int64)

    def add(self, arm: int, vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Take in a passage's vector (d,); return the arm's centroid (d,) when it is to be told anew."""
        self._reach(arm + 1, len(vector))
        self._sums[arm] += vector
        self._counts[arm] += 1
        count = int(self._counts[arm])
        return None if count & (count - 1) else self._centroid(arm)

    def merge(self, survivor: int, ended: int) -> NDArray[np.float32] | None:
        """Give an arm the passages of another; return its centroid if it has any."""
        self._reach(max(survivor, ended) + 1, self._sums.shape[1])
        self._sums[survivor] += self._sums[ended]
        self._counts[survivor] += self._counts[ended]
        self.clear(ended)
        return self._centroid(survivor) if self._counts[survivor] else None

    def clear(self, arm: int) -> None:
        """Forget where an arm lies."""
        if arm < len(self._counts):
            self._sums[arm], self._counts[arm] = 0.0, 0

    def _centroid(self, arm: int) -> NDArray[np.float32]:
        total = self._sums[arm]
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)

    def _reach(self, height: int, dimension: int) -> None:
        if self._sums.shape[1] != dimension:
            self._sums = np.zeros((len(self._counts), dimension), np.float32)
            self._counts[:] = 0
        missing = height - len(self._counts)
        if missing > 0:
            extra = max(missing, len(self._counts))
            self._sums = np.concatenate([self._sums, np.zeros((extra, dimension), np.float32)])
            self._counts = np.concatenate([self._counts, np.zeros(extra, np.int64)])

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"sums": self._sums, "counts": self._counts}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._sums, self._counts = state["sums"], state["counts"]
