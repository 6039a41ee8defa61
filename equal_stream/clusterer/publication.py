"""The records that a clustered batch sends: lineage and assignments."""

from equal_stream import topics
from equal_stream.clusterer.batch import Batch
from equal_stream.clustering.base import LineageEvent
from equal_stream.messages import AssignedPassage, ClusterEvent, EmbeddedPassage, now
from equal_stream.transport.base import OutgoingRecord, Record
from equal_stream.transport.codec import encode, trace_of

SOURCE = "clusterer"


def records_of(batch: Batch) -> list[OutgoingRecord]:
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
