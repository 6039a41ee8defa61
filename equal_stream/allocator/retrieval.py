"""Passages that had to leave the full table come back when they are near to what still lacks coverage.

The table holds a bounded number of candidates, the store all passages. Of those that leave, the store is
told the cluster, which nobody else keeps. Every so often some references are drawn, those with more need
more often, and the store is asked for the passages nearest to each. What the table lacks and may be bought
is taken in again, in the place of what is worth least. While nothing ever left the table, nothing is asked.
"""

import time
from collections.abc import Callable

import numpy as np

from equal_stream.allocation.core import AllocatorCore
from equal_stream.messages import AssignedPassage, pack_vector
from equal_stream.store.base import Point, Store

PAUSE = 30.0  # seconds between two searches
REFERENCES = 8  # a search; each is one query to the store
NEAREST = 64  # passages asked for around each


class Retrieval:
    """Looks in the store for candidates that the table lacks.

    Parameters
    ----------
    core
        Whose table it is.
    passages
        The passages' collection.
    clock
        Seconds that only grow.
    """

    def __init__(
        self, core: AllocatorCore, passages: Store, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._core = core
        self._passages = passages
        self._clock = clock
        self._rng = np.random.default_rng()  # what is looked at is no decision, and replay has no use for it
        self._due = clock() + PAUSE

    def step(self) -> int:
        """Note what has left, and search if a search is due; return how many passages were taken in again."""
        for cluster_id, left in self._core.take_left().items():
            self._passages.set_payload(left, {"cluster_id": cluster_id})
        if self._core.evicted == 0 or self._clock() < self._due:
            return 0
        self._due = self._clock() + PAUSE
        vectors, needs = self._core.needs()
        if needs.sum() <= 0:
            return 0
        count = min(REFERENCES, int(np.count_nonzero(needs)))
        drawn = self._rng.choice(len(needs), count, replace=False, p=needs / needs.sum())
        hits = self._passages.knn(vectors[drawn], NEAREST)
        near = dict.fromkeys(hit.id for each in hits for hit in each)
        lacking = self._core.lacking(list(near))
        if not lacking:
            return 0
        points = self._passages.get(lacking, vectors=True)
        found = [_assigned(point) for point in points if point is not None]
        return sum(self._core.readmit_passage(passage) for passage in found if passage is not None)


def _assigned(point: Point) -> AssignedPassage | None:
    """Return a stored passage as it was announced; None where its cluster is not known."""
    payload = point.payload
    if point.vector is None or payload.get("cluster_id") is None:
        return None
    return AssignedPassage(
        passage_id=point.id,
        doc_id=str(payload["doc_id"]),
        url=str(payload["url"]),
        cluster_id=int(payload["cluster_id"]),
        similarity=0.0,
        tokens=int(payload["tokens"]),
        vector=pack_vector(point.vector),
        text_bytes=len(str(payload["text"]).encode("utf-8", "surrogatepass")),
        before=int(payload.get("before", 0)),
        after=int(payload.get("after", 0)),
    )
