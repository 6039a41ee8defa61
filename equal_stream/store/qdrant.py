"""A Qdrant server as the store: every write waits until it is applied, every call outlasts a short outage."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

from equal_stream.store import shapes
from equal_stream.store.base import CollectionSpec, Hit, Match, Payload, Point
from equal_stream.store.claims import CLAIM, new_claim, signed, unsigned
from equal_stream.store.qdrant_calls import QdrantCalls
from equal_stream.store.qdrant_collection import ensure_collection

_POINTS_A_REQUEST = 128  # Qdrant's advice is 64 to 256 in a request with vectors
_QUERIES_A_REQUEST = 64
_RESCORED = models.SearchParams(
    quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0)
)  # int8 finds twice the neighbours asked for, float32 orders them

_Item = TypeVar("_Item")


class QdrantStore:
    """A `Store` over one collection of a Qdrant server (or, in tests, of qdrant-client's local mode).

    Parameters
    ----------
    client
        Closed with this object.
    spec
        The collection; made with its indexes when missing.
    prefix
        Goes before its name.
    where
        The server's URL, for messages.
    seconds
        How long a call is asked again while the server does not answer.

    Raises
    ------
    ModelMismatch
        The collection holds vectors of another model.
    StoreUnavailable
        The server cannot be reached, or refuses.
    """

    def __init__(
        self, client: QdrantClient, spec: CollectionSpec, prefix: str, where: str = "", seconds: float = 30.0
    ) -> None:
        self.spec = spec
        self.name = prefix + spec.name
        self._client = client
        self._calls = QdrantCalls(where, seconds)
        ensure_collection(client, self._calls, self.name, spec, where)

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace points by id; of an id given twice the last point stays."""
        shapes.check_points(self.spec, points)
        for some in _parts(shapes.last_of_each(points), _POINTS_A_REQUEST):
            self._calls(self._upserting(some, models.UpdateMode.UPSERT))

    def insert_new(self, points: Sequence[Point]) -> list[str]:
        """Insert points whose id is free; return the ids that were taken already (left untouched)."""
        shapes.check_points(self.spec, points)
        unique, taken = shapes.first_of_each(points)
        claim = new_claim()
        for some in _parts(signed(unique, claim), _POINTS_A_REQUEST):
            self._calls(self._upserting(some, models.UpdateMode.INSERT_ONLY))
            ids = [point.id for point in some]
            records = self._calls(partial(self._client.retrieve, self.name, ids, with_payload=[CLAIM]))
            taken += [str(one.id) for one in records if (one.payload or {}).get(CLAIM) != claim]
        return taken

    def _upserting(self, points: Sequence[Point], mode: models.UpdateMode) -> Callable[[], object]:
        return partial(
            self._client.upsert,
            self.name,
            [
                models.PointStruct(
                    id=point.id,
                    vector={} if point.vector is None else point.vector.tolist(),
                    payload=point.payload,
                )
                for point in points
            ],
            wait=True,
            update_mode=mode,
        )

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Set these payload fields on existing points; unknown ids are ignored."""
        for some in _parts(ids, _POINTS_A_REQUEST):
            known = models.Filter(must=[models.HasIdCondition(has_id=list(some))])
            self._calls(partial(self._client.set_payload, self.name, payload, known, wait=True))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points; unknown ids are ignored."""
        for some in _parts(ids, _POINTS_A_REQUEST):
            selector = models.PointIdsList(points=list(some))
            self._calls(partial(self._client.delete, self.name, selector, wait=True))

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Point | None]:
        """Return the points in the order asked, None where there is none."""
        found: dict[str, Point] = {}
        for some in _parts(ids, _POINTS_A_REQUEST):
            records = self._calls(
                partial(self._client.retrieve, self.name, some, with_payload=True, with_vectors=vectors)
            )
            found |= {point.id: point for point in map(_unpacked, records)}
        return [found.get(id_) for id_ in ids]

    def scroll(
        self, match: Match | None = None, *, limit: int = 256, after: str | None = None
    ) -> list[Point]:
        """Return up to `limit` points without vectors, ordered by id, that come after the id `after`."""
        records, _ = self._calls(
            lambda: self._client.scroll(
                self.name,
                scroll_filter=_filter(match),
                limit=limit if after is None else limit + 1,  # the server begins with `after` itself
                offset=after,
                with_payload=True,
                with_vectors=False,
            )
        )
        return [point for point in map(_unpacked, records) if point.id != after][:limit]

    def find(self, matches: Sequence[Match], *, limit: int = 16) -> list[list[Point]]:
        """Return, for each of several filters, up to `limit` matching points without vectors."""
        requests = [
            models.QueryRequest(filter=_filter(match), limit=limit, with_payload=True) for match in matches
        ]
        return [[_unpacked(point) for point in answer] for answer in self._queried(requests)]

    def knn(self, vectors: NDArray[np.float32], k: int, match: Match | None = None) -> list[list[Hit]]:
        """Return the `k` nearest points by cosine for each row of `vectors` (n, d), nearest first."""
        shapes.check_queries(self.spec, vectors)
        if k < 1:
            return [[] for _ in vectors]
        condition = _filter(match)
        requests = [
            models.QueryRequest(
                query=vector.tolist(), filter=condition, limit=k, with_payload=True, params=_RESCORED
            )
            for vector in vectors
        ]
        return [
            [Hit(str(point.id), point.score, unsigned(point.payload)) for point in answer]
            for answer in self._queried(requests)
        ]

    def _queried(self, requests: Sequence[models.QueryRequest]) -> Iterator[list[models.ScoredPoint]]:
        for some in _parts(requests, _QUERIES_A_REQUEST):
            answers = self._calls(partial(self._client.query_batch_points, self.name, some))
            yield from (answer.points for answer in answers)

    def count(self, match: Match | None = None) -> int:
        """Return the exact number of matching points."""
        return self._calls(
            lambda: self._client.count(self.name, count_filter=_filter(match), exact=True)
        ).count

    def drop(self) -> None:
        """Delete the collection on the server, and close the connection."""
        self._calls(partial(self._client.delete_collection, self.name))
        self.close()

    def close(self) -> None:
        """Close the connection; every write has been applied already."""
        self._client.close()


def _unpacked(record: models.Record | models.ScoredPoint) -> Point:
    vector = np.array(record.vector, dtype=np.float32) if isinstance(record.vector, list) else None
    return Point(str(record.id), vector, unsigned(record.payload))


def _filter(match: Match | None) -> models.Filter | None:
    if not match:
        return None
    return models.Filter(must=[_condition(field, values) for field, values in match.items()])


def _condition(field: str, values: Sequence[str] | Sequence[int]) -> models.Condition:
    if not values:
        return models.HasIdCondition(has_id=[])  # no value holds: nothing matches
    numbers = [value for value in values if isinstance(value, int)]
    strings = [value for value in values if isinstance(value, str)]
    return models.FieldCondition(key=field, match=models.MatchAny(any=numbers or strings))


def _parts(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
