"""Which pairs are the hardest wrong answers for each other's passages, as the encoder sees it now.

A mined negative may be right: another passage may say the same. So a pair is no negative for a passage that
it fits about as well as the passage's own pair does (the bound of Moreira et al. 2024, NV-Retriever,
https://arxiv.org/abs/2407.15831, section 4: a share of the positive's similarity), nor when the two pairs
nearly say the same; and pairs of one passage never are negatives of each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BELOW_OWN = 0.05  # share of its own pair's similarity by which a passage must be farther from a negative
_SAME_PAIR = 0.95  # cosine at which two pairs say the same
_ROWS = 512  # pairs compared with all others at once
NOBODY = -1


@dataclass(frozen=True)
class Neighbours:
    """Who may stand beside whom as a hard negative.

    Parameters
    ----------
    passages
        Unit vectors of the passages, (p, d).
    pairs
        Unit vectors of the pairs, (n, d).
    owners
        The number of each pair's passage, (n,).
    """

    passages: NDArray[np.float32]
    pairs: NDArray[np.float32]
    owners: NDArray[np.int64]

    def hardest(self, count: int) -> NDArray[np.int64]:
        """Return for each pair the most similar admissible ones, hardest first.

        The shape is (n, count), with `NOBODY` at the end of a row that has fewer.
        """
        found = np.full((len(self.pairs), count), NOBODY, dtype=np.int64)
        everyone = np.arange(len(self.pairs))
        for first in range(0, len(self.pairs), _ROWS):
            rows = everyone[first : first + _ROWS]
            scores = np.where(self._admissible(rows, everyone), self._fits(rows, everyone), -np.inf)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
            usable = np.isfinite(np.take_along_axis(scores, best, axis=1))
            found[rows, : best.shape[1]] = np.where(usable, best, NOBODY)
        return found

    def admissible(self, one: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of `others` may be negatives of pair `one`, and it of them, as booleans."""
        rows = np.array([one])
        found: NDArray[np.bool_] = self._admissible(rows, others)[0]
        return found

    def _admissible(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return who may be a negative of whom both ways, (rows, columns)."""
        most_rows, most_columns = self._most(rows), self._most(columns)
        fits = self._fits(rows, columns)
        fits_back = self.pairs[rows] @ self.passages[self.owners[columns]].T
        allowed: NDArray[np.bool_] = (
            (self.owners[rows, None] != self.owners[columns])
            & (fits <= most_rows[:, None])
            & (fits_back <= most_columns)
            & (self.pairs[rows] @ self.pairs[columns].T < _SAME_PAIR)
        )
        return allowed

    def _fits(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how well each column's pair fits each row's passage, (rows, columns)."""
        return self.passages[self.owners[rows]] @ self.pairs[columns].T

    def _most(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the most similarity that a negative of each pair's passage may have."""
        own = np.einsum("ij,ij->i", self.passages[self.owners[rows]], self.pairs[rows])
        most: NDArray[np.float32] = own - _BELOW_OWN * np.abs(own)
        return most
