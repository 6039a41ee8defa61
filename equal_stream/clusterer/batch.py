"""What one poll is taken through: passages that can be clustered, and dead letters for the others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from equal_stream.clustering.base import Ids, LineageEvent, Vectors
from equal_stream.errors import InvalidRecord
from equal_stream.messages import EmbeddedPassage, unpack_vector
from equal_stream.transport.base import OutgoingRecord, Record
from equal_stream.transport.codec import decode
from equal_stream.transport.dead_letters import dead_letter

STAGE = "clusterer"
NOT_FINITE = InvalidRecord("invalid-vector", "vector", "field vector holds a number that is not finite")

Read = list[tuple[Record, EmbeddedPassage]]


@dataclass
class Batch:
    """Passages of one poll that can be clustered, dead letters for those that cannot, and why.

    Attributes
    ----------
    vectors
        Float32 of shape (n, d), one row for each of `passages`.
    clusters, similarities
        Once assigned: int64 and float32, both of shape (n,).
    outdated
        Passages of another encoder that are in the crawl no more, of which nothing becomes.
    """

    records: list[Record] = field(default_factory=list)
    passages: list[EmbeddedPassage] = field(default_factory=list)
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    clusters: Ids = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    similarities: Vectors = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    events: list[LineageEvent] = field(default_factory=list)
    dead: list[OutgoingRecord] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    outdated: int = 0

    def refuse(self, record: Record, error: InvalidRecord) -> None:
        """Make a dead letter of a record."""
        self.dead.append(dead_letter(record, error, stage=STAGE))
        self.reasons.append(error.reason)

    def read(self, records: Sequence[Record]) -> Read:
        """Return the passages in records; what holds none is refused."""
        read: Read = []
        for record in records:
            try:
                read.append((record, _readable(record)))
            except InvalidRecord as error:
                self.refuse(record, error)
        return read

    def take(self, read: Read, dimension: int | None) -> None:
        """Take up those passages whose vectors are of this dimension and finite, and refuse the others."""
        for record, passage in read:
            if len(passage.vector) == 4 * (dimension or 0):
                self.records.append(record)
                self.passages.append(passage)
            else:
                self.refuse(record, _misfit(passage.vector, dimension))
        if self.passages:
            packed = b"".join([passage.vector for passage in self.passages])
            self.vectors = unpack_vector(packed).reshape(len(self.passages), -1)
            self._refuse_infinite()

    def _refuse_infinite(self) -> None:
        infinite = np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))
        for place in reversed(infinite.tolist()):
            self.refuse(self.records.pop(place), NOT_FINITE)
            del self.passages[place]
        if len(infinite):
            self.vectors = np.delete(self.vectors, infinite, axis=0)


def usual_dimension(read: Read) -> int | None:
    """Return the dimension that most of the finite vectors have; None when there is none."""
    vectors = [passage.vector for _, passage in read]
    finite = [len(vector) // 4 for vector in vectors if np.isfinite(unpack_vector(vector)).all()]
    return Counter(finite).most_common(1)[0][0] if finite else None


def usual_model(read: Read) -> str:
    """Return the encoder that most passages name; empty when there are none."""
    return Counter(passage.model for _, passage in read).most_common(1)[0][0] if read else ""


def _readable(record: Record) -> EmbeddedPassage:
    """Return the passage in a record; raises `InvalidRecord` where its vector is none."""
    passage = decode(record, EmbeddedPassage)
    if not passage.vector or len(passage.vector) % 4:
        raise InvalidRecord("invalid-vector", "vector", "field vector must be base64 of float32 numbers")
    return passage


def _misfit(vector: bytes, dimension: int | None) -> InvalidRecord:
    """Return what is wrong with a vector that is not of the clusters' dimension."""
    if dimension is None:  # not one vector is finite
        return NOT_FINITE
    return InvalidRecord(
        "wrong-dimension",
        "vector",
        f"field vector has {len(vector) // 4} dimensions where the clusters have {dimension}: "
        "every embedder must use the same model",
    )
