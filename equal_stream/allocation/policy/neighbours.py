"""Which clusters look alike: as diagonal Gaussians, or by the angle between their centres.

A cluster is measured by some of its passages when it is first asked about, and again when it has twice as
many. Clusters whose passages have all been bought keep the shape they had.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market

Closeness = Literal["frechet", "cosine"]

_MEASURED = 256  # passages of a cluster, at most


class Neighbours:
    """The shapes of clusters.

    Parameters
    ----------
    threshold
        Distance below which two clusters are neighbours.
    closeness
        ``frechet``: the squared Fréchet distance |μ₁ − μ₂|² + |σ₁ − σ₂|² of Gaussians with diagonal
        covariance. ``cosine``: 1 − the cosine of the centres.
    """

    def __init__(self, threshold: float, closeness: Closeness = "frechet") -> None:
        self.threshold = threshold
        self.closeness = closeness
        self._sizes = np.zeros(0, np.int64)  # of each cluster when it was measured; 0: never
        self._centres = np.zeros((0, 0), np.float32)
        self._spreads = np.zeros((0, 0), np.float32)

    def near(self, arm: int, market: Market) -> NDArray[np.intp]:
        """Return the other clusters (k,) that are near one."""
        self._measure(market)
        if arm >= len(self._sizes) or self._sizes[arm] == 0:
            return np.zeros(0, np.intp)
        if self.closeness == "cosine":
            lengths = np.linalg.norm(self._centres, axis=1)
            products = np.maximum(lengths * lengths[arm], 1e-12)
            distances = 1 - self._centres @ self._centres[arm] / products
        else:
            distances = ((self._centres - self._centres[arm]) ** 2).sum(axis=1)
            distances += ((self._spreads - self._spreads[arm]) ** 2).sum(axis=1)
        distances[arm] = np.inf
        return np.flatnonzero((distances < self.threshold) & (self._sizes > 0))

    def forget(self, arm: int) -> None:
        """Drop the shape of a cluster that is gone or became another."""
        if arm < len(self._sizes):
            self._sizes[arm] = 0

    def _measure(self, market: Market) -> None:
        table, height = market.candidates, market.arms.height
        if len(self._sizes) < height:
            missing = height - len(self._sizes)
            self._sizes = np.concatenate([self._sizes, np.zeros(missing, np.int64)])
            empty = np.zeros((missing, table.dimension), np.float32)
            self._centres = np.concatenate([self._centres.reshape(-1, table.dimension), empty])
            self._spreads = np.concatenate([self._spreads.reshape(-1, table.dimension), empty])
        sizes = market.arms.waiting + market.arms.in_flight
        for arm in np.flatnonzero((sizes > 0) & (sizes >= 2 * self._sizes[:height])):
            taken = table.taken[: table.height] & (table.clusters[: table.height] == arm)
            vectors = table.vectors(np.flatnonzero(taken)[:_MEASURED])
            self._centres[arm], self._spreads[arm] = vectors.mean(axis=0), vectors.std(axis=0)
            self._sizes[arm] = sizes[arm]

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"sizes": self._sizes, "centres": self._centres, "spreads": self._spreads}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._sizes, self._centres, self._spreads = state["sizes"], state["centres"], state["spreads"]
