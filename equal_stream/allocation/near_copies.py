"""Whether a vector has a near-copy among the latest so many: exact, and without comparing all of each.

The squared distance of two vectors is at least that of their beginnings, so the beginnings rule nearly all
of them out, at a sixth of the time.
"""

import numpy as np
from numpy.typing import NDArray

_BEGINNING = 64  # components
_ROUNDING = np.float32(1e-4)  # of sums of squares in float32


class NearCopies:
    """The latest vectors, at places that are used in turn.

    Parameters
    ----------
    dimension
        Length of the vectors.
    capacity
        How many there are at most.
    cosine
        From which on two vectors are near-copies: above 0, as those that were taken out are zeros.
    """

    def __init__(self, dimension: int, capacity: int, cosine: float) -> None:
        self._cosine = np.float32(cosine)
        self._vectors = np.zeros((capacity, dimension), np.float32)
        self._beginnings = np.zeros((capacity, min(_BEGINNING, dimension)), np.float32)
        self._squares = np.zeros(capacity, np.float32)
        self._beginning_squares = np.zeros(capacity, np.float32)

    def put(self, places: NDArray[np.intp], vectors: NDArray[np.float32]) -> None:
        """Keep vectors (n, d) at places (n,), in place of those that are there; zeros take one out."""
        self._vectors[places] = vectors
        beginnings = vectors[:, :_BEGINNING]
        self._beginnings[places] = beginnings
        self._squares[places] = (vectors * vectors).sum(axis=1)
        self._beginning_squares[places] = (beginnings * beginnings).sum(axis=1)

    def has(self, vector: NDArray[np.float32]) -> bool:
        """Tell whether a vector (d,) is a near-copy of one of them."""
        beginning = vector[:_BEGINNING]
        apart = self._beginning_squares - np.float32(2) * (self._beginnings @ beginning)
        farthest = self._squares + (vector @ vector - beginning @ beginning - 2 * self._cosine + _ROUNDING)
        near = np.flatnonzero(apart <= farthest)
        return bool((self._vectors[near] @ vector >= self._cosine).any())
