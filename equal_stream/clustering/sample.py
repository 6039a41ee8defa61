"""The most recent documents, each tagged with its cluster: the evidence for splits and merges."""

import numpy as np

from equal_stream.clustering.base import Ids, Vectors

NO_CLUSTER = -1


class RecentSample:
    """A ring of the last `size` documents and the clusters they are in.

    Parameters
    ----------
    size
        Documents kept; 4 d bytes each.
    dimension
        Coordinates of a document.
    """

    def __init__(self, size: int, dimension: int) -> None:
        self.rows: Vectors = np.zeros((size, dimension), dtype=np.float32)
        self.tags: Ids = np.full(size, NO_CLUSTER, dtype=np.int64)
        self.cursor = 0

    def add(self, rows: Vectors, tags: Ids) -> None:
        """Keep documents, float32 (n, d), with the ids of their clusters, int64 (n,)."""
        size = len(self.tags)
        rows, tags = rows[-size:], tags[-size:]
        first = min(len(rows), size - self.cursor)
        self.rows[self.cursor : self.cursor + first] = rows[:first]
        self.tags[self.cursor : self.cursor + first] = tags[:first]
        self.rows[: len(rows) - first] = rows[first:]
        self.tags[: len(rows) - first] = tags[first:]
        self.cursor = (self.cursor + len(rows)) % size

    def positions(self, tag: int, limit: int | None = None) -> Ids:
        """Return where the documents of a cluster lie, newest first, at most `limit` of them."""
        found = np.flatnonzero(self.tags == tag)
        older = np.searchsorted(found, self.cursor)
        newest_first = np.concatenate([found[:older][::-1], found[older:][::-1]])
        return newest_first[:limit]

    def count(self, tag: int) -> int:
        """Return how many documents of a cluster are kept."""
        return int(np.count_nonzero(self.tags == tag))

    def retag(self, old: int, new: int) -> None:
        """Hand the documents of one cluster to another."""
        self.tags[self.tags == old] = new
