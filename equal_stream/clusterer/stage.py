"""A poll's records through the clusterer, as a numbered procedure that commits what came of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from equal_stream import topics
from equal_stream.clusterer.batch import STAGE, Batch, usual_dimension
from equal_stream.clusterer.publication import records_of
from equal_stream.clusterer.space import Space
from equal_stream.clustering.base import StreamClusterer
from equal_stream.observability import metrics
from equal_stream.snapshots import SnapshotStore
from equal_stream.steps import Step, passed
from equal_stream.transport.base import Consumer, OutgoingRecord, Positions, Producer, Record


class ClusterStage:
    """Takes a poll's records through the clusterer and commits what came of it.

    Parameters
    ----------
    clusterer
        Restored to where `consumer` stands.
    consumer, producer
        A reader of `passages.embedded` with a group, and a transactional producer.
    snapshots
        Where the clusterer's state goes.
    dimension
        Of the vectors to come, where it is known; else most vectors of the first batch decide. That of
        clusters that there are counts before either.
    space
        The encoder whose vectors the clusters are made of.
    """

    def __init__(
        self,
        clusterer: StreamClusterer,
        consumer: Consumer,
        producer: Producer,
        snapshots: SnapshotStore,
        *,
        dimension: int | None = None,
        space: Space | None = None,
    ) -> None:
        self.clusterer = clusterer
        self.space = space or Space()
        self._consumer = consumer
        self._producer = producer
        self._snapshots = snapshots
        self._saver = ThreadPoolExecutor(1, "save")
        self._expected_dimension = dimension

    def handle(self, records: Sequence[Record]) -> int:
        """Cluster the records of one poll and return how many passages were assigned.

        1. Decode; what cannot be used becomes a dead letter, and what is of another encoder gets its vector
           from the store.
        2. Learn and assign.
        3. Save the state with the positions after these records; encode what is to be sent meanwhile.
        4. Publish assignments, lineage and dead letters, and commit the positions, in one transaction.

        Raises
        ------
        Stopped
            While it waited for the store; nothing was committed, and this object is of no further use.
        """
        # 1. Decode.
        batch = self.decode(records)
        passed(Step.PASSAGES_DECODED)
        # 2. Learn and assign.
        self.assign(batch)
        passed(Step.PASSAGES_ASSIGNED)
        # 3. Save and encode; the state is on disk when this block ends.
        positions = self._consumer.positions()
        with self.saving(positions):
            outgoing = records_of(batch)
        passed(Step.CLUSTERS_SAVED)
        # 4. Publish and commit.
        self.commit(outgoing, positions)
        self._count(batch)
        return len(batch.passages)

    def decode(self, records: Sequence[Record]) -> Batch:
        """Return the passages of records with their vectors, and dead letters for what has none."""
        batch = Batch()
        read = self.space.unite(batch.read(records), self.clusterer, batch)
        dimension = self._dimension()
        if dimension is None:
            dimension = self._expected_dimension = usual_dimension(read)
        batch.take(read, dimension)
        return batch

    def assign(self, batch: Batch) -> None:
        """Learn the passages, give each its cluster, and take the lineage events of it."""
        if batch.passages:
            batch.clusters, batch.similarities = self.clusterer.assign_many(batch.vectors)
        batch.events = self.clusterer.drain_events()

    @contextmanager
    def saving(self, positions: Positions) -> Iterator[None]:
        """Save the state as it is now, in a thread, while the block runs; it is on disk afterwards."""
        saved = self._saver.submit(
            self._snapshots.save, self.clusterer.to_state(), positions, model=self.space.model
        )
        try:
            yield
        finally:
            saved.result()

    def commit(self, outgoing: Sequence[OutgoingRecord], positions: Positions) -> None:
        """Publish records and commit positions: both or neither."""
        with self._producer.transaction() as transaction:
            for record in outgoing:
                transaction.send(record)
            transaction.commit_positions(self._consumer, positions)

    def _dimension(self) -> int | None:
        centroids = self.clusterer.centroids()[1]
        return centroids.shape[1] if len(centroids) else self._expected_dimension

    def _count(self, batch: Batch) -> None:
        """Add a committed batch to the metrics."""
        sizes = self.clusterer.sizes().values()
        metrics.PASSAGES_ASSIGNED.inc(len(batch.passages))
        metrics.PASSAGES_OUTDATED.labels(STAGE).inc(batch.outdated)
        metrics.CLUSTERS_ALIVE.set(len(sizes))
        metrics.LARGEST_CLUSTER_SHARE.set(max(sizes, default=0.0) / (sum(sizes) or 1.0))
        for event in batch.events:
            metrics.LINEAGE_EVENTS.labels(event.event).inc()
        for reason in batch.reasons:
            metrics.DEAD_LETTERS.labels(topics.EMBEDDED.name, reason).inc()
        metrics.BATCHES.labels(STAGE).inc()
