"""How many pairs a passage will bring, learned from its vector: exercises, menus and prose look different.

Ridge regression of the pairs of each answered call on the passage's centred vector, with forgetting:
b = (λI + Σ x xᵀ)⁻¹ Σ x (y − ȳ). The prediction is a factor on the mean, so that a crawl whose passages are
all alike is left alone. Measured on recorded corpora with many empty pages it lowers the cost of 80 %
coverage by a tenth; clusters alone are too coarse to see it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_RIDGE = 1.0  # unit vectors, of which little is left once centred: some tens of answers move it
_MOST = 6.0  # pairs; a page with a hundred must not outweigh all others
_LEAST_FACTOR, _MOST_FACTOR = 0.05, 4.0
_FORGET = 0.998  # an answer
_GROWTH, _EVERY = 0.1, 64  # refit after a tenth more answers, and at the latest after so many


class PassageYields:
    """Factors on the mean number of pairs, by passage vector.

    Parameters
    ----------
    dimension
        Length of the vectors.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.version = 0
        self._gram = np.zeros((dimension, dimension))
        self._moment = np.zeros(dimension)  # Σ x y
        self._sum = np.zeros(dimension)  # Σ x
        self._pairs = 0.0  # Σ y
        self._answers = 0.0
        self._new: list[tuple[NDArray[np.float32], float]] = []
        self._centre = np.zeros(dimension, np.float32)
        self._weights = np.zeros(dimension, np.float32)

    def learn(self, vector: NDArray[np.float32], pairs: int) -> None:
        """Take in how many pairs the answer to a passage's call held; its vector is (d,)."""
        self._new.append((vector, min(float(pairs), _MOST)))

    def refit(self) -> bool:
        """Fit anew if enough answers came; tell whether predictions changed."""
        if len(self._new) < min(max(8.0, _GROWTH * self._answers), _EVERY):
            return False
        rows = np.array([vector for vector, _ in self._new], float)
        counts = np.array([count for _, count in self._new])
        kept = _FORGET ** len(rows)
        self._gram = self._gram * kept + rows.T @ rows
        self._moment = self._moment * kept + rows.T @ counts
        self._sum = self._sum * kept + rows.sum(axis=0)
        self._pairs = self._pairs * kept + counts.sum()
        self._answers = self._answers * kept + len(rows)
        self._new.clear()
        mean = self._pairs / self._answers
        centre = self._sum / self._answers
        scatter = self._gram - self._answers * np.outer(centre, centre)
        moment = self._moment - mean * self._sum
        scatter[np.diag_indices(self.dimension)] += _RIDGE
        weights = np.linalg.solve(scatter, moment) / max(mean, 1e-6)
        self._centre, self._weights = centre.astype(np.float32), weights.astype(np.float32)
        self.version += 1
        return True

    def factors(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what to multiply the mean number of pairs by, (n,) float32, for passages (n, d)."""
        raised = np.float32(1) + (vectors - self._centre) @ self._weights
        return np.clip(raised, np.float32(_LEAST_FACTOR), np.float32(_MOST_FACTOR))

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "gram": self._gram,
            "moment": self._moment,
            "sum": self._sum,
            "pairs": self._pairs,
            "answers": self._answers,
            "new_vectors": np.array([v for v, _ in self._new], np.float32).reshape(-1, self.dimension),
            "new_counts": [count for _, count in self._new],
            "centre": self._centre,
            "weights": self._weights,
            "version": self.version,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._gram, self._moment, self._sum = state["gram"], state["moment"], state["sum"]
        self._pairs, self._answers = state["pairs"], state["answers"]
        self._new = list(zip(state["new_vectors"], state["new_counts"], strict=True))
        self._centre, self._weights = state["centre"], state["weights"]
        self.version = state["version"]
