"""What the service asks of a vector store: idempotent points by id, filters on payload, nearest neighbours.

A store is one collection. Implementations pass the same contract tests: `qdrant` (server, by URL),
`edge` (EdgeShard in this process) and `remote` (the EdgeShard that a Ray actor owns for all roles).
Every write is durable when the call returns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from equal_stream.errors import ConfigurationError, DependencyUnavailable

Payload = dict[str, Any]
Match = Mapping[str, Sequence[str] | Sequence[int]]  # every field holds (or, a list, contains) one of these


@dataclass(frozen=True)
class CollectionSpec:
    """A collection to open or create.

    Parameters
    ----------
    name
        Name without prefix, such as ``passages``.
    dimension
        Length of the vectors (cosine); None for a collection of payloads only.
    indexes
        Payload fields to index before ingest, and how.
    model
        The encoder and precision whose vectors it holds; opening with another raises `ModelMismatch`.
    """

    name: str
    dimension: int | None
    indexes: Mapping[str, Literal["keyword", "integer", "float"]] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """A point: UUID, unit vector of shape (d,) float32 or None, and JSON-like payload."""

    id: str
    vector: NDArray[np.float32] | None
    payload: Payload


@dataclass(frozen=True, slots=True)
class Hit:
    """A neighbour: its id, cosine similarity and payload."""

    id: str
    score: float
    payload: Payload


class StoreUnavailable(DependencyUnavailable):
    """The store cannot be reached or refuses work; what was asked has to be asked again."""


class StoreInUse(StoreUnavailable):
    """Another process has the embedded store open; it allows one."""


class ModelMismatch(ConfigurationError):
    """The collection holds vectors of another model or precision."""


class Store(Protocol):
    """One collection. Safe to call from several threads. All methods raise `StoreUnavailable`."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace points by id; of an id given twice the last point stays."""
        ...

    def insert_new(self, points: Sequence[Point]) -> list[str]:
        """Insert points whose id is free; return the ids that were taken already (left untouched).

        Of several callers with the same id, exactly one inserts. An id given twice counts as taken
        the second time.
        """
        ...

    def set_payload(self, ids: Sequence[str], payload: Payload) -> None:
        """Set these payload fields on existing points; unknown ids are ignored."""
        ...

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points; unknown ids are ignored."""
        ...

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Point | None]:
        """Return the points in the order asked, None where there is none."""
        ...

    def scroll(
        self, match: Match | None = None, *, limit: int = 256, after: str | None = None
    ) -> list[Point]:
        """Return up to `limit` points without vectors, ordered by id, that come after the id `after`."""
        ...

    def find(self, matches: Sequence[Match], *, limit: int = 16) -> list[list[Point]]:
        """Return, for each of several filters, up to `limit` matching points without vectors."""
        ...

    def knn(self, vectors: NDArray[np.float32], k: int, match: Match | None = None) -> list[list[Hit]]:
        """Return the `k` nearest points by cosine for each row of `vectors` (n, d), nearest first."""
        ...

    def count(self, match: Match | None = None) -> int:
        """Return the exact number of matching points."""
        ...

    def drop(self) -> None:
        """Delete the collection with all that is in it, and close; nothing else may have it open."""
        ...

    def close(self) -> None:
        """Flush and free what this object opened."""
        ...
