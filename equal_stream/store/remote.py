"""The embedded store from any process: a `Store` whose work the owning Ray actor does (see `owner`).

All calls may be asked twice: inserts are signed (see `claims`), the rest is idempotent.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.settings import Settings
from equal_stream.store import shapes
from equal_stream.store.base import CollectionSpec, Hit, Match, Payload, Point
from equal_stream.store.claims import CLAIM, new_claim, signed
from equal_stream.store.owner_calls import OwnerCalls

_POINTS_A_CALL = 256  # longer writes would keep other callers waiting
_ROWS_A_CALL = 16  # as many queries over 100,000 passages take 60 ms

_Item = TypeVar("_Item")


class RemoteStore:
    """A `Store` in the data directory of the machine where the Ray cluster's head runs.

    Parameters
    ----------
    settings
        `data_dir`, `ray.namespace`, and `store.timeout_seconds`: how long a call may take in all.
    spec
        The collection.

    Raises
    ------
    ModelMismatch
        It holds vectors of another model.
    StoreUnavailable
        The owner does not answer in time.
    """

    def __init__(self, settings: Settings, spec: CollectionSpec) -> None:
        self.spec = spec
        self._calls = OwnerCalls(settings)
        self.count()  # opens it, so that what is wrong is said now

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace points by id; of an id given twice the last point stays."""
        shapes.check_points(self.spec, points)
        for some in _parts(points, _POINTS_A_CALL):
            self._write("upsert", some)

    def insert_new(self, points: Sequence[Point]) -> list[str]:
        """Insert points whose id is free; return the ids that were taken already (left untouched)."""
        shapes.check_points(self.spec, points)
        unique, repeated = shapes.first_of_each(points)
        taken: list[str] = []
        for some in _parts(unique, _POINTS_A_CALL):
            taken += self._insert(some)
        return taken + repeated

    def _insert(self, points: Sequence[Point]) -> list[str]:
        claim = new_claim()
        refused: list[str]
        refused, asked = self._calls.ask("write", self.spec, "insert_new", signed(points, claim))
        if not refused or asked == 1:
            return refused
        ours: list[Point] = self._read("scroll", {CLAIM: [claim]}, limit=len(points))
        return [id_ for id_ in refused if id_ not in {point.id for point in ours}]

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Set these payload fields on existing points; unknown ids are ignored."""
        for some in _parts(ids, _POINTS_A_CALL):
            self._write("set_payload", some, payload)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points; unknown ids are ignored."""
        for some in _parts(ids, _POINTS_A_CALL):
            self._write("delete", some)

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Point | None]:
        """Return the points in the order asked, None where there is none."""
        found: list[Point | None] = []
        for some in _parts(ids, _POINTS_A_CALL):
            found += self._read("get", some, vectors=vectors)
        return found

    def scroll(
        self, match: Match | None = None, *, limit: int = 256, after: str | None = None
    ) -> list[Point]:
        """Return up to `limit` points without vectors, ordered by id, that come after the id `after`."""
        points: list[Point] = self._read("scroll", match, limit=limit, after=after)
        return points

    def find(self, matches: Sequence[Match], *, limit: int = 16) -> list[list[Point]]:
        """Return, for each of several filters, up to `limit` matching points without vectors."""
        found: list[list[Point]] = []
        for some in _parts(matches, _POINTS_A_CALL):
            found += self._read("find", some, limit=limit)
        return found

    def knn(self, vectors: NDArray[np.float32], k: int, match: Match | None = None) -> list[list[Hit]]:
        """Return the `k` nearest points by cosine for each row of `vectors` (n, d), nearest first."""
        shapes.check_queries(self.spec, vectors)
        hits: list[list[Hit]] = []
        for start in range(0, len(vectors), _ROWS_A_CALL):
            hits += self._read("knn", vectors[start : start + _ROWS_A_CALL], k, match)
        return hits

    def count(self, match: Match | None = None) -> int:
        """Return the exact number of matching points."""
        number: int = self._read("count", match)
        return number

    def drop(self) -> None:
        """Delete the collection, which the owner closes for all."""
        self._calls.ask("drop", self.spec)
        self.close()

    def close(self) -> None:
        """Forget the owner, which lives on for the other roles; every write is on disk already."""
        self._calls.close()

    def _read(self, method: str, *args: Any, **options: Any) -> Any:
        return self._calls.ask("read", self.spec, method, *args, **options)[0]

    def _write(self, method: str, *args: Any) -> None:
        self._calls.ask("write", self.spec, method, *args)


def _parts(items: Sequence[_Item], size: int) -> list[list[_Item]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
