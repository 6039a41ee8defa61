"""The embedded store: an EdgeShard in this process, under a directory that only this process may open.

Writes go to the shard's write-ahead log, which is synced to the disk before the call returns, so they
survive the end of the process and of the machine. The log is folded into the segments every few thousand
points, so that opening after a crash replays little. Vectors are scanned, not indexed (building the index
would freeze the process for seconds): 64 queries over 100,000 passages take about a third of a second;
far beyond that, use a Qdrant server.
"""

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from equal_stream.store import shapes
from equal_stream.store.base import CollectionSpec, Hit, Match, Payload, Point, StoreUnavailable
from equal_stream.store.claims import unsigned
from equal_stream.store.directory_lock import DirectoryLock
from equal_stream.store.identity import keep_identity

IDENTITY_FILE = "collection.json"
_POINTS_BETWEEN_FLUSHES = 4096  # a flush takes some 30 ms, the replay of so many points 100 ms
_QUERIES_TOGETHER = 8  # the shard keeps other threads waiting: 30 ms over 100,000 passages
_INDEX = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
}

_Result = TypeVar("_Result")


class EdgeStore:
    """A `Store` over one EdgeShard.

    Parameters
    ----------
    path
        Directory of this collection; made when missing.
    spec
        What it holds.
    wait_seconds
        How long to wait for another process to let go of the directory.

    Raises
    ------
    StoreInUse
        Another process has it open.
    ModelMismatch
        It holds vectors of another model.
    StoreUnavailable
        The files cannot be read or written.
    """

    def __init__(self, path: Path, spec: CollectionSpec, wait_seconds: float = 0.0) -> None:
        self.path = path
        self.spec = spec
        self._writing = threading.Lock()
        self._unflushed = 0
        self._closed = False
        self._lock = DirectoryLock(path, wait_seconds)
        try:
            self.require(spec)
            self._log = path / "shard" / "wal"
            self._shard = self._guarded(self._open)
            self._guarded(self._index)
        except BaseException:
            self._lock.release()
            raise

    def require(self, spec: CollectionSpec) -> None:
        """Raise `ModelMismatch` unless `spec` asks for the vectors that are here."""
        keep_identity(self.path / IDENTITY_FILE, spec)

    def _open(self) -> edge.EdgeShard:
        shard = self.path / "shard"
        if (shard / "edge_config.json").exists():
            return edge.EdgeShard.load(str(shard))
        if self.spec.dimension is None:  # a shard needs some kind of vector; its points need none
            config = edge.EdgeConfig(sparse_vectors={"none": edge.EdgeSparseVectorParams()})
        else:
            config = edge.EdgeConfig(
                vectors=edge.EdgeVectorParams(self.spec.dimension, edge.Distance.Cosine), wal_enabled=True
            )
        return edge.EdgeShard.create(str(shard), config)

    def _index(self) -> None:
        present = self._shard.info().payload_schema
        for field, kind in self.spec.indexes.items():
            if field not in present:
                self._shard.update(edge.UpdateOperation.create_field_index(field, _INDEX[kind]))
        self._sync_log()

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace points by id; of an id given twice the last point stays."""
        shapes.check_points(self.spec, points)
        if points:
            with self._writing:
                self._write(edge.UpdateOperation.upsert_points([_packed(p) for p in points]), len(points))

    def insert_new(self, points: Sequence[Point]) -> list[str]:
        """Insert points whose id is free; return the ids that were taken already (left untouched)."""
        shapes.check_points(self.spec, points)
        unique, taken = shapes.first_of_each(points)
        if not unique:
            return taken
        with self._writing:
            there = {point.id for point in self.get([p.id for p in unique]) if point is not None}
            new = [_packed(point) for point in unique if point.id not in there]
            if new:
                self._write(edge.UpdateOperation.upsert_points(new), len(new))
        return [point.id for point in unique if point.id in there] + taken

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Set these payload fields on existing points; unknown ids are ignored."""
        if ids:
            known = edge.Filter(must=[edge.HasIdCondition(set(ids))])
            with self._writing:
                self._write(edge.UpdateOperation.set_payload_by_filter(known, payload), len(ids))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points; unknown ids are ignored."""
        if ids:
            with self._writing:
                self._write(edge.UpdateOperation.delete_points(list(ids)), len(ids))

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Point | None]:
        """Return the points in the order asked, None where there is none."""
        records = self._guarded(
            lambda: self._shard.retrieve(list(ids), with_payload=True, with_vector=vectors)
        )
        found = {point.id: point for point in map(_unpacked, records)}
        return [found.get(id_) for id_ in ids]

    def scroll(
        self, match: Match | None = None, *, limit: int = 256, after: str | None = None
    ) -> list[Point]:
        """Return up to `limit` points without vectors, ordered by id, that come after the id `after`."""
        request = edge.ScrollRequest(
            offset=after,
            limit=limit if after is None else limit + 1,  # the shard begins with `after` itself
            filter=_filter(match),
            with_payload=True,
            with_vector=False,
        )
        records, _ = self._guarded(lambda: self._shard.scroll(request))
        return [point for point in map(_unpacked, records) if point.id != after][:limit]

    def find(self, matches: Sequence[Match], *, limit: int = 16) -> list[list[Point]]:
        """Return, for each of several filters, up to `limit` matching points without vectors."""
        return [self.scroll(match, limit=limit) for match in matches]

    def knn(self, vectors: NDArray[np.float32], k: int, match: Match | None = None) -> list[list[Hit]]:
        """Return the `k` nearest points by cosine for each row of `vectors` (n, d), nearest first."""
        shapes.check_queries(self.spec, vectors)
        if not len(vectors) or k < 1:
            return [[] for _ in vectors]
        condition = _filter(match)
        requests = [
            edge.QueryRequest(
                limit=k, query=edge.Query.Nearest(vector.tolist()), filter=condition, with_payload=True
            )
            for vector in vectors
        ]
        answers: list[list[edge.ScoredPoint]] = []
        for start in range(0, len(requests), _QUERIES_TOGETHER):
            batch = edge.QueryBatchRequest(requests[start : start + _QUERIES_TOGETHER])
            answers += self._guarded(partial(self._shard.query_batch, batch))
        return [[Hit(str(hit.id), hit.score, unsigned(hit.payload)) for hit in answer] for answer in answers]

    def count(self, match: Match | None = None) -> int:
        """Return the exact number of matching points."""
        return self._guarded(lambda: self._shard.count(edge.CountRequest(exact=True, filter=_filter(match))))

    def drop(self) -> None:
        """Delete the directory, moved aside first: a crash leaves a whole collection or none."""
        aside = self.path.with_name(f".{self.path.name}.dropped")
        with self._writing:
            self._guarded(self._shard.close)
            self._closed = True
            self._guarded(partial(shutil.rmtree, aside, ignore_errors=True))
            self._guarded(partial(self.path.rename, aside))
            self._lock.release()
            self._guarded(partial(shutil.rmtree, aside))

    def close(self) -> None:
        """Flush, let go of the directory; calling again does nothing."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            try:
                self._guarded(self._shard.close)
            finally:
                self._lock.release()

    def _write(self, operation: edge.UpdateOperation, points: int) -> None:
        def write() -> None:
            self._shard.update(operation)
            self._sync_log()
            self._unflushed += points
            if self._unflushed >= _POINTS_BETWEEN_FLUSHES:
                self._shard.flush()
                self._unflushed = 0

        self._guarded(write)

    def _sync_log(self) -> None:
        for file in (*self._log.glob("open-*"), self._log):
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _guarded(self, work: Callable[[], _Result]) -> _Result:
        try:
            return work()
        except (TypeError, ValueError):  # the caller's mistake, which asking again does not mend
            raise
        except Exception as error:  # the shard raises nothing more exact
            raise StoreUnavailable(
                f"The embedded store in {self.path} failed ({error}): check the disk's free space and "
                "rights, then start again."
            ) from error


def names_in(root: Path) -> list[str]:
    """Return the names of the collections under a directory."""
    return sorted(file.parent.name for file in root.glob(f"[!.]*/{IDENTITY_FILE}"))


def _packed(point: Point) -> edge.Point:
    return edge.Point(point.id, {} if point.vector is None else point.vector.tolist(), point.payload)


def _unpacked(record: edge.Record) -> Point:
    vector = np.array(record.vector, dtype=np.float32) if isinstance(record.vector, list) else None
    return Point(str(record.id), vector, unsigned(record.payload))


def _filter(match: Match | None) -> edge.Filter | None:
    if not match:
        return None
    return edge.Filter(must=[edge.FieldCondition(field, match=_any(of)) for field, of in match.items()])


def _any(values: Sequence[str] | Sequence[int]) -> edge.MatchAny:
    numbers = [value for value in values if isinstance(value, int)]
    return edge.MatchAny(numbers or [value for value in values if isinstance(value, str)])
