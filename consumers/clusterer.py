"""The clusterer: passages.embedded in, passages.assigned and clusters.events out, one instance.

Its state is written to disk before the positions it stands at are committed, so that after a crash the
snapshot that matches the committed positions is always there (see `equal_stream.snapshots`).
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream import topics
from equal_stream.clustering.base import LineageEvent, StreamClusterer
from equal_stream.clustering.registry import clusterer_class, make_clusterer
from equal_stream.errors import InvalidRecord
from equal_stream.messages import AssignedPassage, ClusterEvent, EmbeddedPassage, now, unpack_vector
from equal_stream.observability import metrics
from equal_stream.settings import Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.transport.base import Consumer, OutgoingRecord, Producer, Record
from equal_stream.transport.codec import decode, encode, trace_of
from equal_stream.transport.dead_letters import dead_letter
from equal_stream.transport.factory import open_transport

GROUP = "equal-stream.clusterer"
SOURCE = "/equal-stream/clusterer"
STAGE = "clusterer"
POLL_SECONDS = 0.25
_LOG = logging.getLogger(__name__)


@dataclass
class Batch:
    """Passages of one poll that can be clustered, dead letters for those that cannot, and why."""

    records: list[Record] = field(default_factory=list)
    passages: list[EmbeddedPassage] = field(default_factory=list)
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    dead: list[OutgoingRecord] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


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
    """

    def __init__(
        self, clusterer: StreamClusterer, consumer: Consumer, producer: Producer, snapshots: SnapshotStore
    ) -> None:
        self.clusterer = clusterer
        self._consumer = consumer
        self._producer = producer
        self._snapshots = snapshots
        centroids = clusterer.centroids()[1]
        self._dimension = centroids.shape[1] if len(centroids) else None

    def handle(self, records: Sequence[Record]) -> int:
        """Cluster the records of one poll and return how many passages were assigned.

        1. Decode; what cannot be used becomes a dead letter.
        2. Learn and assign.
        3. Save the state with the positions after these records.
        4. Publish assignments, lineage and dead letters, and commit the positions, in one transaction.
        """
        # 1. Decode.
        batch = self._decode(records)
        # 2. Learn and assign.
        events: list[LineageEvent] = []
        assigned: list[OutgoingRecord] = []
        if batch.passages:
            ids, similarities = self.clusterer.assign_many(np.stack(batch.vectors))
            events = self.clusterer.drain_events()
            assigned = [
                self._assigned(record, passage, int(cluster), float(similarity))
                for record, passage, cluster, similarity in zip(
                    batch.records, batch.passages, ids, similarities, strict=True
                )
            ]
        # 3. Save.
        positions = self._consumer.positions()
        self._snapshots.save(self.clusterer.to_state(), positions)
        # 4. Publish and commit.
        with self._producer.transaction() as transaction:
            for event in events:
                transaction.send(lineage_record(event))
            for outgoing in (*assigned, *batch.dead):
                transaction.send(outgoing)
            transaction.commit_positions(self._consumer, positions)
        self._count(batch, events)
        return len(assigned)

    def _count(self, batch: Batch, events: Sequence[LineageEvent]) -> None:
        """Add a committed batch to the metrics."""
        sizes = self.clusterer.sizes().values()
        metrics.PASSAGES_ASSIGNED.inc(len(batch.passages))
        metrics.CLUSTERS_ALIVE.set(len(sizes))
        metrics.LARGEST_CLUSTER_SHARE.set(max(sizes, default=0.0) / (sum(sizes) or 1.0))
        for event in events:
            metrics.LINEAGE_EVENTS.labels(event.event).inc()
        for reason in batch.reasons:
            metrics.DEAD_LETTERS.labels(topics.EMBEDDED.name, reason).inc()
        metrics.BATCHES.labels(STAGE).inc()

    def _decode(self, records: Sequence[Record]) -> Batch:
        batch = Batch()
        for record in records:
            try:
                passage = decode(record, EmbeddedPassage)
                vector = self._vector(passage)
            except InvalidRecord as error:
                batch.dead.append(dead_letter(record, error, stage=STAGE))
                batch.reasons.append(error.reason)
                continue
            batch.records.append(record)
            batch.passages.append(passage)
            batch.vectors.append(vector)
        return batch

    def _vector(self, passage: EmbeddedPassage) -> NDArray[np.float32]:
        if not passage.vector or len(passage.vector) % 4:
            raise InvalidRecord("invalid-vector", "vector", "field vector must be base64 of float32 numbers")
        vector = unpack_vector(passage.vector)
        if not np.isfinite(vector).all():
            raise InvalidRecord("invalid-vector", "vector", "field vector holds a number that is not finite")
        if self._dimension is None:
            self._dimension = len(vector)
        if len(vector) != self._dimension:
            raise InvalidRecord(
                "wrong-dimension",
                "vector",
                f"field vector has {len(vector)} dimensions where the clusters have {self._dimension}: "
                "every embedder must use the same model",
            )
        return vector

    @staticmethod
    def _assigned(
        record: Record, passage: EmbeddedPassage, cluster: int, similarity: float
    ) -> OutgoingRecord:
        message = AssignedPassage(
            passage_id=passage.passage_id,
            doc_id=passage.doc_id,
            url=passage.url,
            cluster_id=cluster,
            similarity=similarity,
            tokens=passage.tokens,
            vector=passage.vector,
            lang=passage.lang,
            title=passage.title,
            model=passage.model,
            text_bytes=len(passage.text.encode("utf-8", "surrogatepass")),
            at=passage.at,
        )
        return encode(
            message, topic=topics.ASSIGNED.name, key=passage.passage_id, source=SOURCE, trace=trace_of(record)
        )


def lineage_record(event: LineageEvent) -> OutgoingRecord:
    """Return a lineage event as it is published."""
    message = ClusterEvent(
        event=event.event,
        cluster_id=event.cluster_id,
        parents=list(event.parents),
        children=list(event.children),
        size=event.size,
        at=now(),
    )
    return encode(message, topic=topics.CLUSTER_EVENTS.name, key=str(event.cluster_id), source=SOURCE)


def restore(settings: Settings, consumer: Consumer, snapshots: SnapshotStore) -> StreamClusterer:
    """Return the clusterer as it stood at the committed positions, or a new one.

    When positions are committed and no snapshot matches them (the disk was lost), the new clusterer's
    ids begin at the present Unix time in milliseconds, so that none is ever used twice.
    """
    committed = consumer.committed()
    snapshot = snapshots.matching(committed) if committed else None
    if snapshot is not None:
        return clusterer_class(settings.clustering.algorithm).from_state(snapshot.state)
    parameters: dict[str, Any] = {
        "max_clusters": settings.clustering.max_clusters,
        "seed": settings.clustering.seed,
    }
    if committed:
        parameters["first_id"] = int(time.time() * 1000)
        _LOG.warning("no saved clusters match the committed positions; clusters are formed anew")
    return make_clusterer(settings.clustering.algorithm, **parameters)


def run_clusterer(settings: Settings, stop: threading.Event) -> None:
    """Run the clusterer until `stop` is set; returns once the batch in work is committed."""
    transport = open_transport(settings)
    try:
        producer = transport.producer(GROUP)
        consumer = transport.reader([topics.EMBEDDED.name], GROUP)
        snapshots = SnapshotStore(settings.data_dir / "state" / "clusterer")
        stage = ClusterStage(restore(settings, consumer, snapshots), consumer, producer, snapshots)
        while not stop.is_set():
            records = consumer.poll(settings.clustering.poll_records, POLL_SECONDS)
            if records:
                stage.handle(records)
        consumer.close()
        producer.close()
    finally:
        transport.close()
