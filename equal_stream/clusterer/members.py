"""Whom the clusters hold, as the log remembers it: the newest passages assigned to each.

A clusterer keeps no passage ids. `passages.assigned` has them, with the vectors they were assigned by, so
the clusters as they are now are asked again where each vector belongs: splits and merges since then count.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from equal_stream import topics
from equal_stream.allocator.reading import read_to_end
from equal_stream.clustering.base import StreamClusterer, UnknownCluster
from equal_stream.errors import InvalidRecord
from equal_stream.messages import AssignedPassage, unpack_vector
from equal_stream.reembedding.renewal import model_in
from equal_stream.transport.base import Record, Transport
from equal_stream.transport.codec import decode

NEWEST = 128  # passages a cluster: their mean is the cluster's to a tenth of its spread
READ = 1_000_000  # records at the end of the log: a cluster that had nothing for as long has died out before
_TOGETHER = 4096

Member = tuple[str, str]  # passage_id, doc_id


def newest_members(
    records: Iterable[Record], clusterer: StreamClusterer, model: str
) -> dict[int, list[Member]]:
    """Return the newest passages of each live cluster, the newest last.

    Parameters
    ----------
    records
        Of `passages.assigned`, in their order.
    model
        The encoder whose vectors the clusters are made of. Of a passage that was assigned under another
        one, the cluster is the heir of the one it was given.
    """
    dimension = clusterer.centroids()[1].shape[1]
    members: dict[int, deque[Member]] = {}
    for part in _parts(_decoded(records)):
        own = [each.model == model and len(each.vector) == 4 * dimension for each in part]
        vectors = [unpack_vector(each.vector) for each, ours in zip(part, own, strict=True) if ours]
        found = iter(clusterer.predict_many(np.stack(vectors)).tolist() if vectors else [])
        for each, ours in zip(part, own, strict=True):
            cluster = next(found) if ours else _heir(clusterer, each.cluster_id)
            if cluster is not None:
                members.setdefault(cluster, deque(maxlen=NEWEST)).append((each.passage_id, each.doc_id))
    return {cluster: list(dict(reversed(of)).items())[::-1] for cluster, of in members.items()}


def assignments(transport: Transport) -> Iterator[Record]:
    """Yield the newest million records of `passages.assigned`, in order within each partition."""
    name = topics.ASSIGNED.name
    ends = transport.end_positions([name])
    start = {at: end - READ // len(ends) for at, end in ends.items()}
    begin = transport.beginning_positions([name])
    return read_to_end(transport, [name], {at: max(begin[at], offset) for at, offset in start.items()})


def newest_model(transport: Transport) -> str:
    """Return the encoder that the passage assigned last names; empty when there is none."""
    name = topics.ASSIGNED.name
    ends, begins = transport.end_positions([name]), transport.beginning_positions([name])
    consumer = transport.reader([name])
    newest, model = -1, ""
    try:
        for at, end in ends.items():
            start = max(begins.get(at, 0), end - 2)  # on a broker a transaction's end is a record too
            if start >= end:
                continue
            consumer.seek({**ends, at: start})
            for record in consumer.poll(2, 5.0):
                if record.timestamp_ms >= newest:
                    newest, model = record.timestamp_ms, model_in(record) or model
    finally:
        consumer.close()
    return model


def _decoded(records: Iterable[Record]) -> Iterator[AssignedPassage]:
    for record in records:
        try:
            passage = decode(record, AssignedPassage)
        except InvalidRecord:
            continue
        if np.isfinite(unpack_vector(passage.vector[: len(passage.vector) // 4 * 4])).all():
            yield passage


def _parts(passages: Iterator[AssignedPassage]) -> Iterator[list[AssignedPassage]]:
    part: list[AssignedPassage] = []
    for each in passages:
        part.append(each)
        if len(part) == _TOGETHER:
            yield part
            part = []
    if part:
        yield part


def _heir(clusterer: StreamClusterer, cluster_id: int) -> int | None:
    try:
        return clusterer.resolve(cluster_id)
    except UnknownCluster:
        return None
