"""From what callers hold (dicts of features, arrays of any scale) to unit float32 rows."""

from collections.abc import Hashable, Mapping

import numpy as np

from equal_stream.clustering.base import InvalidVectors, Vectors

UNIT_TOLERANCE = 1e-4  # encoders normalise in float32 or bf16: rows this close to 1 are used without a copy


def unit_rows(vectors: Vectors) -> Vectors:
    """Return the rows of `vectors`, shape (n, d), scaled to length 1; zero rows stay zero.

    Rows that are already unit are returned without a copy. Raises InvalidVectors if `vectors` is not
    two-dimensional or holds a number that is not finite.
    """
    rows: Vectors = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InvalidVectors(f"clustering needs vectors of shape (n, d) with d > 0, not {rows.shape}")
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        squared = np.einsum("ij,ij->i", rows, rows)
    if np.all(np.abs(squared - 1.0) < UNIT_TOLERANCE):
        return rows
    if not np.all(np.isfinite(rows)):
        row = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise InvalidVectors(f"vector {row} of the batch holds a number that is not finite; encode it again")
    largest = np.abs(rows).max(
        axis=1, keepdims=True
    )  # scaling by it first: squares neither overflow nor vanish
    scaled: Vectors = np.divide(rows, np.where(largest > 0, largest, 1), dtype=np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    unit: Vectors = np.divide(scaled, np.where(length > 0, length, 1), dtype=np.float32)
    return unit


def direction(vector: Vectors) -> Vectors:
    """Return `vector`, shape (d,), scaled to length 1, or zeros if it has no length."""
    length = np.sqrt(vector @ vector, dtype=np.float32)
    return vector / length if length > 0 else np.zeros_like(vector)


class FeatureOrder:
    """Fixes the order of named features, so that a dict becomes the same vector every time.

    The first document decides which features there are; a feature that is missing later counts as
    zero, and one that only appears later is ignored, as the dimension of a centroid is fixed.
    """

    def __init__(self, names: list[Hashable]) -> None:
        self.names = names
        self._position = {name: i for i, name in enumerate(names)}

    @classmethod
    def of(cls, x: Mapping[Hashable, float]) -> "FeatureOrder":
        """Return the order that the features of a first document fix, whatever order they came in."""
        return cls(sorted(x, key=lambda name: (type(name).__name__, name if _sortable(name) else repr(name))))

    def row(self, x: Mapping[Hashable, float]) -> Vectors:
        """Return `x` as one row, float32 of shape (1, d)."""
        row = np.zeros((1, max(len(self.names), 1)), dtype=np.float32)
        for name, value in x.items():
            position = self._position.get(name)
            if position is not None:
                row[0, position] = value
        return row


def _sortable(name: Hashable) -> bool:
    return isinstance(name, (int, str))
