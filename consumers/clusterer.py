"""The clusterer: passages.embedded in, passages.assigned and clusters.events out, one instance.

Its state is written to disk before the positions it stands at are committed, so that after a crash the
snapshot that matches the committed positions is always there (see `equal_stream.snapshots`).
"""

import gc
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from equal_stream import topics
from equal_stream.clustering.base import Ids, LineageEvent, StreamClusterer, Vectors
from equal_stream.clustering.registry import clusterer_class, make_clusterer
from equal_stream.embedding.model_files import find_model, vector_length
from equal_stream.errors import InvalidRecord
from equal_stream.messages import AssignedPassage, ClusterEvent, EmbeddedPassage, now, unpack_vector
from equal_stream.observability import metrics
from equal_stream.roles import CLUSTERER
from equal_stream.settings import Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.steps import Step, passed
from equal_stream.transport.base import Consumer, OutgoingRecord, Positions, Producer, Record
from equal_stream.transport.codec import decode, encode, trace_of
from equal_stream.transport.dead_letters import dead_letter
from equal_stream.transport.factory import open_transport

GROUP = CLUSTERER.group
SOURCE = STAGE = "clusterer"
POLL_SECONDS = 0.25
SAVE_SECONDS = 0.5  # a trickle is gathered this long: each batch writes the whole state, some 14 MB
BATCH_BYTES = 64 << 20  # values held for one batch, however large the records are
NOT_FINITE = InvalidRecord("invalid-vector", "vector", "field vector holds a number that is not finite")
_LOG = logging.getLogger(__name__)


class Polled(Protocol):
    """Whatever records can be polled from."""

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        ...


@dataclass
class Batch:
    """Passages of one poll that can be clustered, dead letters for those that cannot, and why.

    Attributes
    ----------
    vectors
        Float32 of shape (n, d), one row for each of `passages`.
    clusters, similarities
        Once assigned: int64 and float32, both of shape (n,).
    """

    records: list[Record] = field(default_factory=list)
    passages: list[EmbeddedPassage] = field(default_factory=list)
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    clusters: Ids = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    similarities: Vectors = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    events: list[LineageEvent] = field(default_factory=list)
    dead: list[OutgoingRecord] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def refuse(self, record: Record, error: InvalidRecord) -> None:
        """Make a dead letter of a record."""
        self.dead.append(dead_letter(record, error, stage=STAGE))
        self.reasons.append(error.reason)


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
    """

    def __init__(
        self,
        clusterer: StreamClusterer,
        consumer: Consumer,
        producer: Producer,
        snapshots: SnapshotStore,
        dimension: int | None = None,
    ) -> None:
        self.clusterer = clusterer
        self._consumer = consumer
        self._producer = producer
        self._snapshots = snapshots
        self._saver = ThreadPoolExecutor(1, "save")
        centroids = clusterer.centroids()[1]
        self._dimension = centroids.shape[1] if len(centroids) else dimension

    def handle(self, records: Sequence[Record]) -> int:
        """Cluster the records of one poll and return how many passages were assigned.

        1. Decode; what cannot be used becomes a dead letter.
        2. Learn and assign.
        3. Save the state with the positions after these records; encode what is to be sent meanwhile.
        4. Publish assignments, lineage and dead letters, and commit the positions, in one transaction.
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
            outgoing = self.encode(batch)
        passed(Step.CLUSTERS_SAVED)
        # 4. Publish and commit.
        self.commit(outgoing, positions)
        self._count(batch)
        return len(batch.passages)

    def decode(self, records: Sequence[Record]) -> Batch:
        """Return the passages of records with their vectors, and dead letters for what has none."""
        batch = Batch()
        read: list[tuple[Record, EmbeddedPassage]] = []
        for record in records:
            try:
                read.append((record, readable(record)))
            except InvalidRecord as error:
                batch.refuse(record, error)
        if self._dimension is None:
            self._dimension = usual_dimension([passage.vector for _, passage in read])
        for record, passage in read:
            if len(passage.vector) == 4 * (self._dimension or 0):
                batch.records.append(record)
                batch.passages.append(passage)
            else:
                batch.refuse(record, self._misfit(passage.vector))
        if batch.passages:
            packed = b"".join([passage.vector for passage in batch.passages])
            batch.vectors = unpack_vector(packed).reshape(len(batch.passages), -1)
            self._refuse_infinite(batch)
        return batch

    def assign(self, batch: Batch) -> None:
        """Learn the passages, give each its cluster, and take the lineage events of it."""
        if batch.passages:
            batch.clusters, batch.similarities = self.clusterer.assign_many(batch.vectors)
            batch.events = self.clusterer.drain_events()

    @contextmanager
    def saving(self, positions: Positions) -> Iterator[None]:
        """Save the state as it is now, in a thread, while the block runs; it is on disk afterwards."""
        saved = self._saver.submit(self._snapshots.save, self.clusterer.to_state(), positions)
        try:
            yield
        finally:
            saved.result()

    def encode(self, batch: Batch) -> list[OutgoingRecord]:
        """Return what a batch publishes: lineage first, so that no cluster is assigned before its birth."""
        outgoing = [lineage_record(event) for event in batch.events]
        outgoing += [
            assigned_record(record, passage, cluster, similarity)
            for record, passage, cluster, similarity in zip(
                batch.records,
                batch.passages,
                batch.clusters.tolist(),
                batch.similarities.tolist(),
                strict=True,
            )
        ]
        return outgoing + batch.dead

    def commit(self, outgoing: Sequence[OutgoingRecord], positions: Positions) -> None:
        """Publish records and commit positions: both or neither."""
        with self._producer.transaction() as transaction:
            for record in outgoing:
                transaction.send(record)
            transaction.commit_positions(self._consumer, positions)

    def _count(self, batch: Batch) -> None:
        """Add a committed batch to the metrics."""
        sizes = self.clusterer.sizes().values()
        metrics.PASSAGES_ASSIGNED.inc(len(batch.passages))
        metrics.CLUSTERS_ALIVE.set(len(sizes))
        metrics.LARGEST_CLUSTER_SHARE.set(max(sizes, default=0.0) / (sum(sizes) or 1.0))
        for event in batch.events:
            metrics.LINEAGE_EVENTS.labels(event.event).inc()
        for reason in batch.reasons:
            metrics.DEAD_LETTERS.labels(topics.EMBEDDED.name, reason).inc()
        metrics.BATCHES.labels(STAGE).inc()

    def _misfit(self, vector: bytes) -> InvalidRecord:
        """Return what is wrong with a vector that is not of the clusters' dimension."""
        if self._dimension is None:  # not one vector is finite
            return NOT_FINITE
        return InvalidRecord(
            "wrong-dimension",
            "vector",
            f"field vector has {len(vector) // 4} dimensions where the clusters have {self._dimension}: "
            "every embedder must use the same model",
        )

    @staticmethod
    def _refuse_infinite(batch: Batch) -> None:
        """Take passages whose vectors are not finite out of a batch."""
        infinite = np.flatnonzero(~np.isfinite(batch.vectors).all(axis=1))
        for place in reversed(infinite.tolist()):
            batch.refuse(batch.records.pop(place), NOT_FINITE)
            del batch.passages[place]
        if len(infinite):
            batch.vectors = np.delete(batch.vectors, infinite, axis=0)


def readable(record: Record) -> EmbeddedPassage:
    """Return the passage in a record; raises `InvalidRecord` where its vector is none."""
    passage = decode(record, EmbeddedPassage)
    if not passage.vector or len(passage.vector) % 4:
        raise InvalidRecord("invalid-vector", "vector", "field vector must be base64 of float32 numbers")
    return passage


def usual_dimension(vectors: Sequence[bytes]) -> int | None:
    """Return the dimension that most of the finite vectors have; None when there is none."""
    finite = [len(vector) // 4 for vector in vectors if np.isfinite(unpack_vector(vector)).all()]
    return Counter(finite).most_common(1)[0][0] if finite else None


def assigned_record(
    record: Record, passage: EmbeddedPassage, cluster: int, similarity: float
) -> OutgoingRecord:
    """Return a passage's assignment as it is published."""
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
        before=passage.before,
        after=passage.after,
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
        clusterer = restore(settings, consumer, snapshots)
        dimension = vector_length(find_model(settings.embedding.model))
        stage = ClusterStage(clusterer, consumer, producer, snapshots, dimension)
        work(stage, consumer, settings.clustering.poll_records, stop)
        consumer.close()
        producer.close()
    finally:
        transport.close()


def work(stage: ClusterStage, consumer: Polled, most: int, stop: threading.Event) -> None:
    """Handle what comes, at most `most` records at once, until `stop` is set."""
    gc.freeze()  # a batch makes many objects: garbage need not be looked for in all older ones each time
    begun = 0.0
    while not stop.is_set():
        records = gather(consumer, most, begun + SAVE_SECONDS)
        if records:
            begun = time.monotonic()
            stage.handle(records)


def gather(consumer: Polled, most: int, due: float) -> list[Record]:
    """Return records for one batch: all there are up to `most`, and until `due` (monotonic) what comes.

    Each batch saves the whole state. A trickle is therefore gathered for a moment, and a backlog is taken
    in large pieces; neither beyond `BATCH_BYTES`.
    """
    records = consumer.poll(most, POLL_SECONDS)
    size = bytes_of(records)
    while records and len(records) < most and size < BATCH_BYTES:
        wait = max(0.0, due - time.monotonic())
        more = consumer.poll(most - len(records), wait)
        if not more and not wait:
            break
        records += more
        size += bytes_of(more)
    return records


def bytes_of(records: Sequence[Record]) -> int:
    """Return how many bytes the values of records hold."""
    return sum(len(record.value or b"") for record in records)
