"""What the stream process relies on in any clusterer, and the events it drains.

A clusterer takes unit-length passage vectors in batches and answers with cluster ids. Ids are stable
integers that are never reused; a cluster that ends names the one that carries on, so `resolve` of any
id ever returned is a live cluster. The vocabulary of events is that of `clusters.events`.
"""

from collections.abc import Mapping
from typing import Literal, Protocol, Self, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream.errors import EqualStreamError

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]
EventKind = Literal["birth", "split", "merge", "death"]


class LineageEvent(msgspec.Struct, frozen=True, array_like=True):
    """One step in the lineage of clusters.

    birth: no parents; the cluster is new. split: `parents` = [cluster_id], which lives on; `children` =
    [cluster_id, the new cluster]. merge: `cluster_id` is the survivor; `parents` = the clusters that
    ended, `children` = [survivor]. death: `cluster_id` ended; `children` = [its heir].

    `size` is the weight (documents, decayed) of `cluster_id` after the step, for a death just before
    it. `at` counts the documents learned when it happened.
    """

    event: EventKind
    cluster_id: int
    parents: tuple[int, ...]
    children: tuple[int, ...]
    size: float
    at: int


class InvalidVectors(EqualStreamError, ValueError):
    """A batch of vectors has the wrong shape or holds numbers that are not finite."""


class UnknownCluster(EqualStreamError, KeyError):
    """An id that this clusterer never issued."""

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidState(EqualStreamError, ValueError):
    """Saved state that this version cannot read."""


@runtime_checkable
class StreamClusterer(Protocol):
    """A clusterer that the stream process can drive; `checks.check_clusterer` proves one conforms."""

    def learn_many(self, vectors: Vectors) -> None:
        """Learn a batch of vectors, float32 of shape (n, d)."""

    def predict_many(self, vectors: Vectors) -> Ids:
        """Return the live cluster of each vector, int64 of shape (n,), without learning."""

    def assign_many(self, vectors: Vectors) -> tuple[Ids, Vectors]:
        """Learn a batch and return its clusters, int64 (n,), and cosines to their centroids, float32 (n,)."""

    def drain_events(self) -> list[LineageEvent]:
        """Return the lineage events since the last call, oldest first, and forget them."""

    def resolve(self, cluster_id: int) -> int:
        """Return the live cluster that carries on `cluster_id`; raise UnknownCluster if never issued."""

    def sizes(self) -> dict[int, float]:
        """Return the weight of every live cluster: documents, possibly decayed."""

    def centroids(self) -> tuple[Ids, Vectors]:
        """Return the live ids, int64 (k,), and their unit centroids, float32 (k, d)."""

    def change_space(self, members: Mapping[int, Vectors]) -> None:
        """Go on under the vectors of another encoder: each live cluster lies where its members do there.

        Ids, sizes and lineage stay. A cluster without members may end, with an heir; its event is drained.

        Parameters
        ----------
        members
            Float32 (n, d), the newest last, by live cluster id; d may be another than before.

        Raises
        ------
        InvalidVectors
            No live cluster has a member.
        """

    def to_state(self) -> bytes:
        """Return everything needed to continue exactly, parameters included."""

    @classmethod
    def from_state(cls, state: bytes) -> Self:
        """Return the clusterer that `to_state` saved; raise InvalidState if it cannot be read."""
