"""river's own KMeans behind our interface: the baseline that shows why it is not the default.

It works on one dict at a time, knows no lineage (its clusters are born at the first document and stay)
and collapses on unit vectors in hundreds of dimensions. Meant for comparison, not for a real stream.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from river import cluster

from equal_stream.clustering.base import (
    Ids,
    InvalidState,
    InvalidVectors,
    LineageEvent,
    UnknownCluster,
    Vectors,
)
from equal_stream.clustering.vectors import direction, unit_rows

FORMAT = "equal-stream/river-kmeans/1"


class SavedRiverKMeans(msgspec.Struct):
    """The baseline as msgpack can write it; `centres` is little-endian float64 of shape (k, d)."""

    format: str
    max_clusters: int
    halflife: float
    sigma: float
    first_id: int
    seed: int
    dimension: int
    centres: bytes
    weights: list[int]
    events: list[LineageEvent]


class RiverKMeans:
    """`river.cluster.KMeans` in batches.

    Parameters
    ----------
    max_clusters
        Clusters, all of which exist from the first document on.
    halflife
        How far a centre moves towards each of its documents, 0 to 1.
    sigma
        Standard deviation of the coordinates of the first centres.
    first_id
        Id of the first cluster.
    seed
        Seed of the first centres.
    """

    def __init__(
        self,
        max_clusters: int = 256,
        halflife: float = 0.05,
        sigma: float = 0.05,
        first_id: int = 1,
        seed: int = 0,
    ) -> None:
        self.max_clusters = max_clusters
        self.halflife = halflife
        self.sigma = sigma
        self.first_id = first_id
        self.seed = seed
        self._model: Any = cluster.KMeans(n_clusters=max_clusters, halflife=halflife, sigma=sigma, seed=seed)
        self._dimension = 0
        self._weights = np.zeros(max_clusters, dtype=np.int64)
        self._events: list[LineageEvent] = []

    def learn_many(self, vectors: Vectors) -> None:
        """Learn documents, float32 of shape (n, d), one by one."""
        self.assign_many(vectors)

    def predict_many(self, vectors: Vectors) -> Ids:
        """Return the nearest cluster of each document, int64 (n,)."""
        vectors = self._rows(vectors)
        if self._dimension == 0:
            return np.full(len(vectors), self.first_id, dtype=np.int64)
        slots = [self._model.predict_one(dict(enumerate(row))) for row in vectors.tolist()]
        return np.array(slots, dtype=np.int64) + self.first_id

    def assign_many(self, vectors: Vectors) -> tuple[Ids, Vectors]:
        """Learn documents and return their clusters, int64 (n,), and cosines to the centres, float32 (n,)."""
        vectors = self._rows(vectors)
        if self._dimension == 0 and len(vectors):
            self._start(vectors.shape[1])
        slots = np.array(
            [self._model.learn_predict_one(dict(enumerate(row))) for row in vectors.tolist()], dtype=np.int64
        )
        np.add.at(self._weights, slots, 1)
        if len(vectors) == 0:
            return slots, np.zeros(0, dtype=np.float32)
        cosines = np.einsum("ij,ij->i", vectors, self.centroids()[1][slots])
        return slots + self.first_id, cosines.astype(np.float32)

    def drain_events(self) -> list[LineageEvent]:
        """Return the births of the first document, once."""
        events, self._events = self._events, []
        return events

    def resolve(self, cluster_id: int) -> int:
        """Return `cluster_id`, which never ends; raise UnknownCluster if there is none such."""
        if self._dimension == 0 or not 0 <= int(cluster_id) - self.first_id < self.max_clusters:
            raise UnknownCluster(f"cluster {cluster_id} was never issued by this clusterer")
        return int(cluster_id)

    def sizes(self) -> dict[int, float]:
        """Return the documents learned by each cluster."""
        if self._dimension == 0:
            return {}
        return {self.first_id + slot: float(weight) for slot, weight in enumerate(self._weights.tolist())}

    def centroids(self) -> tuple[Ids, Vectors]:
        """Return the ids, int64 (k,), and the directions of the centres, float32 (k, d)."""
        if self._dimension == 0:
            return np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32)
        centres = self._centres().astype(np.float32)
        ids = np.arange(self.max_clusters, dtype=np.int64) + self.first_id
        return ids, np.stack([direction(centre) for centre in centres])

    def change_space(self, members: Mapping[int, Vectors]) -> None:
        """Go on under another encoder's vectors: float32 (n, d') by cluster id, the newest last.

        A centre without members goes where nothing is: opposite to all that is known. Raises InvalidVectors
        when no cluster has a member.
        """
        known = {cluster: unit_rows(rows) for cluster, rows in members.items() if len(rows)}
        if self._dimension == 0:
            return
        if not known:
            raise InvalidVectors("no cluster has a member in the other space")
        nowhere = -direction(np.concatenate(list(known.values())).sum(axis=0))
        self._dimension = len(nowhere)
        for slot in range(self.max_clusters):
            rows = known.get(self.first_id + slot)
            centre = nowhere if rows is None else rows.mean(axis=0)
            self._model.centers[slot].clear()
            self._model.centers[slot].update(enumerate(centre.tolist()))

    def to_state(self) -> bytes:
        """Return parameters, centres and weights: 8 d k bytes and a little."""
        centres = self._centres() if self._dimension else np.zeros(0)
        saved = SavedRiverKMeans(
            format=FORMAT,
            max_clusters=self.max_clusters,
            halflife=self.halflife,
            sigma=self.sigma,
            first_id=self.first_id,
            seed=self.seed,
            dimension=self._dimension,
            centres=centres.astype("<f8").tobytes(),
            weights=self._weights.tolist(),
            events=self._events,
        )
        return msgspec.msgpack.encode(saved)

    @classmethod
    def from_state(cls, state: bytes) -> "RiverKMeans":
        """Return the baseline that `to_state` saved; raise InvalidState if it cannot be read."""
        try:
            saved = msgspec.msgpack.decode(state, type=SavedRiverKMeans)
        except msgspec.MsgspecError as error:
            raise InvalidState(
                f"the saved clusters cannot be read ({error}); start from an older snapshot"
            ) from error
        if saved.format != FORMAT:
            raise InvalidState(
                f"the saved clusters have format {saved.format!r}; this version reads {FORMAT!r}"
            )
        model = cls(saved.max_clusters, saved.halflife, saved.sigma, saved.first_id, saved.seed)
        model._dimension = saved.dimension
        model._weights = np.array(saved.weights, dtype=np.int64)
        model._events = saved.events
        if saved.dimension:
            centres = np.frombuffer(saved.centres, dtype="<f8").reshape(-1, saved.dimension).tolist()
            for slot, centre in enumerate(centres):
                model._model.centers[slot].update(enumerate(centre))
        return model

    def _rows(self, vectors: Vectors) -> Vectors:
        rows = unit_rows(vectors)
        if self._dimension and rows.shape[1] != self._dimension:
            raise InvalidVectors(
                f"this clusterer learned vectors of {self._dimension} coordinates, not {rows.shape[1]}"
            )
        return rows

    def _start(self, dimension: int) -> None:
        """Draw every coordinate of every centre, in order, and record the births."""
        self._dimension = dimension
        for slot in range(self.max_clusters):
            for coordinate in range(dimension):
                self._model.centers[slot][coordinate]
            self._events.append(LineageEvent("birth", self.first_id + slot, (), (), 0.0, 0))

    def _centres(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        centres = self._model.centers
        return np.array(
            [[centres[slot][i] for i in range(self._dimension)] for slot in range(self.max_clusters)]
        )
