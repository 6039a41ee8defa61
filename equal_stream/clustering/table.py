"""The live clusters, one row each, in arrays that one matrix product can use.

A centroid is the direction of an exponentially windowed sum of its documents, so it follows drift.
Beside it stand what the decisions need: how heavy the cluster is, how similar its documents are to it,
and when to look at it again.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from equal_stream.clustering.base import Ids, Vectors
from equal_stream.clustering.vectors import direction

Column = NDArray[np.float32]


@dataclass
class ClusterTable:
    """Rows 0 to k - 1 of each array are live; the rest is room to grow.

    Attributes
    ----------
    ids
        Int64 (capacity,).
    centroid, total
        Float32 (capacity, d): unit centroid, and the windowed sum of documents it is the direction of.
    count
        Documents in that sum, at most the window.
    weight
        Documents, decayed by the half-life over all documents: the cluster's size.
    mean, variance
        Of the cosine between the cluster's documents and its centroid.
    learned
        Documents since the last look for a split; `patience` is how many to wait for.
    """

    ids: Ids
    centroid: Vectors
    total: Vectors
    count: Column
    weight: Column
    mean: Column
    variance: Column
    learned: Ids
    patience: Ids
    k: int = 0

    @classmethod
    def empty(cls, capacity: int, dimension: int) -> "ClusterTable":
        """Return a table with room for `capacity` clusters of `dimension` coordinates."""
        matrix, column, integers = (capacity, dimension), (capacity,), (capacity,)
        return cls(
            ids=np.zeros(integers, dtype=np.int64),
            centroid=np.zeros(matrix, dtype=np.float32),
            total=np.zeros(matrix, dtype=np.float32),
            count=np.zeros(column, dtype=np.float32),
            weight=np.zeros(column, dtype=np.float32),
            mean=np.zeros(column, dtype=np.float32),
            variance=np.zeros(column, dtype=np.float32),
            learned=np.zeros(integers, dtype=np.int64),
            patience=np.zeros(integers, dtype=np.int64),
        )

    @property
    def capacity(self) -> int:
        """Return how many clusters there is room for."""
        return len(self.ids)

    def arrays(self) -> dict[str, NDArray[np.float32] | Ids]:
        """Return every array by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "k"}

    def slot(self, cluster_id: int) -> int:
        """Return the row of a live cluster."""
        return int(np.flatnonzero(self.ids[: self.k] == cluster_id)[0])

    def add(self, cluster_id: int) -> int:
        """Append an empty row for `cluster_id` and return its position."""
        slot = self.k
        self.k += 1
        for array in self.arrays().values():
            array[slot] = 0
        self.ids[slot] = cluster_id
        return slot

    def describe(self, slot: int, rows: Vectors, count: float, weight: float) -> None:
        """Set what a row knows of its documents from a sample of them, float32 (m, d).

        `count` is how many documents the sample stands for in the window, `weight` its decayed size.
        """
        self.centroid[slot] = direction(rows.sum(axis=0))
        cosines = rows @ self.centroid[slot]
        self.total[slot] = rows.mean(axis=0) * np.float32(count)
        self.count[slot] = count
        self.weight[slot] = weight
        self.mean[slot] = cosines.mean()
        self.variance[slot] = cosines.var()

    def absorb(self, slot: int, other: int) -> None:
        """Pool the documents of row `other` into row `slot`; `other` stays until it is removed."""
        a, b = self.count[slot], self.count[other]
        share = b / max(float(a + b), 1e-9)
        step = self.mean[other] - self.mean[slot]
        self.total[slot] += self.total[other]
        self.count[slot] = a + b
        self.weight[slot] += self.weight[other]
        self.variance[slot] += (
            share * (self.variance[other] - self.variance[slot]) + share * (1 - share) * step**2
        )
        self.mean[slot] += share * step
        self.learned[slot] += self.learned[other]
        self.centroid[slot] = direction(self.total[slot])

    def remove(self, slot: int) -> None:
        """Drop a row; the last live row takes its place."""
        self.k -= 1
        for array in self.arrays().values():
            array[slot] = array[self.k]

    def shares(self) -> Column:
        """Return each live cluster's share of the weight, float32 (k,), which sums to 1."""
        weight = self.weight[: self.k]
        total = float(weight.sum())
        return (
            weight / np.float32(total) if total > 0 else np.full(self.k, 1 / max(self.k, 1), dtype=np.float32)
        )

    def background(self) -> float:
        """Return the cosine that two documents drawn at random have with this encoder, -1 to 1.

        It is the squared length of the mean document. Anisotropic encoders put it at 0.7 and more.
        """
        resultant = self.centroid[: self.k] * self.mean[: self.k, None]
        average = self.shares() @ resultant
        return float(average @ average)
