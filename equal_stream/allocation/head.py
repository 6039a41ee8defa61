"""A linear map from passages to what their pairs look like, on top of the frozen encoder.

Ridge regression towards the identity on harvested (passage, pair) examples: W = (λI + Σ d dᵀ)⁻¹ (λI +
Σ d qᵀ). Passages are compared with the references as d W. It is used only while it predicts what comes
later better than the plain vectors do: at every outcome both predict the coverage that the pairs then
bring, and the discounted squared errors decide. This is EQUAL's contrastive alignment (arXiv 2505.12250)
made incremental; `equal-stream align` does the same to the encoder itself.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_RIDGE = 30.0  # examples' worth of identity
_FIRST, _GROWTH = 20, 0.25  # examples before the first fit; growth before each next
_FORGET = 0.998  # an outcome, in the comparison of errors
_TOGETHER = 256  # calls whose examples are added up together
_TRIAL = 20  # outcomes both must have predicted before the map may be used


class AlignmentHead:
    """The map, and whether it is in use.

    Parameters
    ----------
    dimension
        Length of the vectors.

    Attributes
    ----------
    version
        Grows whenever `apply` begins to answer otherwise.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.version = 0
        self.in_use = False
        self._left = np.eye(dimension) * _RIDGE
        self._right = np.eye(dimension) * _RIDGE
        self._new: list[tuple[int, NDArray[np.float32], NDArray[np.float32]]] = []
        self._map: NDArray[np.float32] | None = None
        self._examples = 0
        self._fitted = 0
        self._errors = np.zeros(2)  # plain, mapped
        self._outcomes = 0

    def learn(self, vector: NDArray[np.float32], pairs: NDArray[np.float32]) -> None:
        """Take in a passage's vector (d,) and those of the pairs it brought (p, d)."""
        if len(pairs) == 0:
            return
        self._new.append((len(pairs), vector, pairs.sum(axis=0)))
        self._examples += len(pairs)
        if len(self._new) >= _TOGETHER:
            self._add_up()

    def compare(self, plain_error: float, mapped_error: float) -> None:
        """Take in the squared errors of both predictions of one outcome."""
        self._errors = self._errors * _FORGET + [plain_error, mapped_error]
        self._outcomes += 1

    def refit(self) -> bool:
        """Use the better of both from now on, and fit anew if enough examples came.

        Tells whether `apply` answers otherwise now.
        """
        better = self._outcomes >= _TRIAL and bool(self._errors[1] < self._errors[0])
        changed = better != self.in_use
        self.in_use = better
        if self._examples - self._fitted >= max(_FIRST, _GROWTH * self._fitted):
            self._add_up()
            self._map = np.linalg.solve(self._left, self._right).astype(np.float32)
            self._fitted = self._examples
            changed |= self.in_use
        self.version += changed
        return changed

    def _add_up(self) -> None:
        """Take what was learned into the sums: one product of matrices costs a tenth of many of vectors."""
        if not self._new:
            return
        counts, vectors, sums = (np.array(column, float) for column in zip(*self._new, strict=True))
        self._left += (vectors.T * counts) @ vectors
        self._right += vectors.T @ sums
        self._new.clear()

    @property
    def fitted(self) -> bool:
        """Whether there is a map to try."""
        return self._map is not None

    def mapped(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (n, d) mapped, at unit length; as they are before the first fit."""
        if self._map is None:
            return vectors
        moved = vectors @ self._map
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(lengths, np.float32(1e-9)), np.float32)

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors (n, d) as they are to be compared with references."""
        return self.mapped(vectors) if self.in_use else vectors

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        self._add_up()
        return {
            "left": self._left,
            "right": self._right,
            "map": np.zeros((0, 0), np.float32) if self._map is None else self._map,
            "examples": self._examples,
            "fitted": self._fitted,
            "errors": self._errors,
            "outcomes": self._outcomes,
            "in_use": self.in_use,
            "version": self.version,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._left, self._right = state["left"], state["right"]
        self._map = state["map"] if state["map"].size else None
        self._examples, self._fitted = state["examples"], state["fitted"]
        self._errors, self._outcomes = state["errors"], state["outcomes"]
        self.in_use, self.version = state["in_use"], state["version"]
