"""The default clusterer: online spherical k-means whose clusters are born, split, merge and die.

A batch goes through in three steps: one matrix product finds the nearest centroid of every document;
the centroids move towards their documents; and every so often the structure is maintained (`structure`
decides, on the evidence in `sample`). The first document opens the first cluster, so every document
gets a valid id at once; the number of clusters then follows the data.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
from river import base

from equal_stream.clustering import snapshot
from equal_stream.clustering.base import Ids, InvalidVectors, LineageEvent, UnknownCluster, Vectors
from equal_stream.clustering.maintenance import maintain, next_maintenance
from equal_stream.clustering.online import learn, nearest
from equal_stream.clustering.other_space import carried_over
from equal_stream.clustering.structure import Structure
from equal_stream.clustering.vectors import FeatureOrder, unit_rows
from equal_stream.errors import ConfigurationError

BLOCK = 1024  # documents in one matrix product: its cosines stay in the cache at 256 clusters


class EvolvingSphericalKMeans(base.Clusterer):
    """Evolving online spherical k-means with stable ids and lineage.

    Documents are compared by cosine. Splits and merges follow the shape of the recent documents
    (is there a valley between two groups?), not a cosine threshold, so nothing needs tuning to an
    encoder. Deterministic for a given seed and sequence of batches.

    Parameters
    ----------
    max_clusters
        Most live clusters at any time.
    max_share
        Share of all documents (decayed) above which a cluster is split wherever it has any structure,
        0 to 1; smaller means finer clusters.
    window
        Documents of its own that a centroid remembers: smaller follows drift faster.
    halflife
        Documents, over all clusters, after which the weight of a document has halved.
    sample_size
        Recent documents kept as evidence for splits and merges; 4 d bytes each.
    first_id
        Id of the first cluster; later ones count up from it.
    seed
        Seed of the proposals to test.

    Attributes
    ----------
    n_clusters : int
        Live clusters.
    background_similarity : float
        Cosine that two documents drawn at random have with this encoder.

    Examples
    --------
    >>> import numpy as np
    >>> from equal_stream.clustering.evolving import EvolvingSphericalKMeans
    >>> rng = np.random.default_rng(0)
    >>> topics = rng.standard_normal((3, 32))
    >>> label = rng.integers(3, size=600)
    >>> vectors = (topics[label] + 0.3 * rng.standard_normal((600, 32))).astype(np.float32)
    >>> model = EvolvingSphericalKMeans(seed=1)
    >>> ids, similarity = model.assign_many(vectors)
    >>> model.n_clusters
    3
    >>> len(set(zip(label.tolist(), model.predict_many(vectors).tolist())))
    3

    References
    ----------
    [^1]: Dhillon and Modha, 2001. Concept decompositions for large sparse text data using clustering.
    [^2]: Zhong, 2005. Efficient online spherical k-means clustering. IJCNN.
    [^3]: Hamerly and Elkan, 2003. Learning the k in k-means. NeurIPS.
    """

    def __init__(
        self,
        max_clusters: int = 256,
        *,
        max_share: float = 0.05,
        window: int = 400,
        halflife: int = 20_000,
        sample_size: int = 8192,
        first_id: int = 1,
        seed: int = 0,
    ) -> None:
        self.max_clusters = max_clusters
        self.max_share = max_share
        self.window = window
        self.halflife = halflife
        self.sample_size = sample_size
        self.first_id = first_id
        self.seed = seed
        self._structure: Structure | None = None
        self._features: FeatureOrder | None = None

    def learn_one(self, x: Mapping[Hashable, float]) -> None:
        """Learn one document given as named coordinates."""
        if self._features is None:
            self._features = FeatureOrder.of(x)
        self.learn_many(self._features.row(x))

    def predict_one(self, x: Mapping[Hashable, float]) -> int:
        """Return the id of the nearest cluster, or `first_id` before anything was learned."""
        if self._features is None:
            return self.first_id
        return int(self.predict_many(self._features.row(x))[0])

    def learn_many(self, vectors: Vectors) -> None:
        """Learn documents, float32 of shape (n, d)."""
        self.assign_many(vectors)

    def predict_many(self, vectors: Vectors) -> Ids:
        """Return the nearest live cluster of each document, int64 (n,); `first_id` before any was learned."""
        vectors = unit_rows(vectors)
        if self._structure is None:
            return np.full(len(vectors), self.first_id, dtype=np.int64)
        self._check_dimension(vectors)
        return self._look_up(vectors, self._structure)[0]

    def assign_many(self, vectors: Vectors) -> tuple[Ids, Vectors]:
        """Learn documents and return their clusters and their cosines to the centroids, in one pass.

        Parameters
        ----------
        vectors
            Float32 of shape (n, d), of any length; zero vectors get an id and teach nothing.

        Returns
        -------
        ids, similarities
            Int64 and float32, both of shape (n,). The ids are live: if the batch changed the clusters,
            all of its documents are looked up again afterwards.

        Raises
        ------
        InvalidVectors
            If the shape does not fit what was learned before, or a number is not finite.
        """
        vectors = unit_rows(vectors)
        ids = np.empty(len(vectors), dtype=np.int64)
        similarities = np.empty(len(vectors), dtype=np.float32)
        if len(vectors) == 0:
            return ids, similarities
        structure = self._started(vectors)
        before = structure.lineage.changes
        start = 0
        while start < len(vectors):
            until_due = max(next_maintenance(structure) - structure.at, 1)
            stop = min(start + min(until_due, BLOCK), len(vectors))
            rows = vectors[start:stop]
            slots, similarities[start:stop] = nearest(rows, structure.table)
            ids[start:stop] = structure.table.ids[slots]
            learn(rows, slots, similarities[start:stop], structure, self.window)
            if structure.at >= next_maintenance(structure):
                maintain(structure, self.halflife)
            start = stop
        if structure.lineage.changes != before:
            return self._look_up(vectors, structure)
        return ids, similarities

    def drain_events(self) -> list[LineageEvent]:
        """Return the lineage events since the last call, oldest first, and forget them."""
        return [] if self._structure is None else self._structure.lineage.drain()

    def resolve(self, cluster_id: int) -> int:
        """Return the live cluster that carries on `cluster_id`.

        A split cluster keeps its id with its larger part, a merged one resolves to the survivor, a
        dead one to its heir. Raises UnknownCluster for an id that was never issued.
        """
        if self._structure is None:
            raise UnknownCluster(f"cluster {cluster_id} was never issued: nothing has been learned yet")
        return self._structure.lineage.resolve(cluster_id)

    def sizes(self) -> dict[int, float]:
        """Return the weight of each live cluster: documents, decayed by the half-life."""
        if self._structure is None:
            return {}
        table = self._structure.table
        return dict(zip(table.ids[: table.k].tolist(), table.weight[: table.k].tolist(), strict=True))

    def centroids(self) -> tuple[Ids, Vectors]:
        """Return the live ids, int64 (k,), and copies of their unit centroids, float32 (k, d)."""
        if self._structure is None:
            return np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32)
        table = self._structure.table
        return table.ids[: table.k].copy(), table.centroid[: table.k].copy()

    def change_space(self, members: Mapping[int, Vectors]) -> None:
        """Go on under another encoder's vectors: float32 (n, d') by live cluster id, the newest last.

        Ids, sizes and lineage stay; a cluster without members ends with an heir, as an event tells. Raises
        InvalidVectors when no live cluster has a member.
        """
        if self._structure is not None:
            self._structure = carried_over(self._structure, members)
            self._features = None

    @property
    def n_clusters(self) -> int:
        """Return the number of live clusters."""
        return 0 if self._structure is None else self._structure.table.k

    @property
    def background_similarity(self) -> float:
        """Return the cosine that two documents drawn at random have with this encoder; 0 before any."""
        return 0.0 if self._structure is None else self._structure.table.background()

    def to_state(self) -> bytes:
        """Return everything needed to continue bit for bit.

        About 4 d (sample_size + 512 + 2 k) bytes: 14 MB at the defaults, d = 384 and k = 256.
        """
        return snapshot.pack(self._get_params(), self._structure, self._features)

    @classmethod
    def from_state(cls, state: bytes) -> "EvolvingSphericalKMeans":
        """Return the estimator that `to_state` saved; raise InvalidState if it cannot be read."""
        saved = snapshot.unpack(state)
        model = cls(**saved.parameters)
        model._structure, model._features = saved.structure, saved.features
        return model

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"seed": 1}

    def _started(self, rows: Vectors) -> Structure:
        if self._structure is None:
            if self.max_clusters < 1 or self.sample_size < 1 or self.window < 1 or not self.halflife > 0:
                raise ConfigurationError(
                    f"{self} needs max_clusters, sample_size, window and halflife above 0"
                )
            self._structure = Structure.begin(
                rows[0],
                capacity=self.max_clusters,
                sample_size=self.sample_size,
                first_id=self.first_id,
                max_share=self.max_share,
                seed=self.seed,
            )
        self._check_dimension(rows)
        return self._structure

    def _check_dimension(self, rows: Vectors) -> None:
        if self._structure is not None and rows.shape[1] != self._structure.dimension:
            expected = self._structure.dimension
            raise InvalidVectors(
                f"this clusterer learned vectors of {expected} coordinates, not {rows.shape[1]}"
            )

    @staticmethod
    def _look_up(rows: Vectors, structure: Structure) -> tuple[Ids, Vectors]:
        """Return the ids and the cosines of the nearest clusters as they are now, block by block."""
        ids = np.empty(len(rows), dtype=np.int64)
        cosines = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            block = slice(start, start + BLOCK)
            slots, cosines[block] = nearest(rows[block], structure.table)
            ids[block] = structure.table.ids[slots]
        return ids, cosines
