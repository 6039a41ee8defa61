"""Who carries on whom: a forward map over every id ever issued, and the events not yet drained.

The map is a union-find forest in one int64 array indexed by `id - first_id`: a live cluster points at
itself, an ended one at its heir. Paths are compressed as they are walked. It costs 8 bytes for each
cluster ever born and is never cut, so that an id written to a log years ago still resolves.
"""

import msgspec
import numpy as np

from equal_stream.clustering.base import Ids, LineageEvent, UnknownCluster


class LineageState(msgspec.Struct):
    """A Lineage as msgpack can write it; `heirs` is little-endian int64."""

    first_id: int
    heirs: bytes
    events: list[LineageEvent]
    changes: int


class Lineage:
    """Issues ids, never twice, and remembers what became of each.

    Parameters
    ----------
    first_id
        The first id to issue; later ones count up from it.

    Attributes
    ----------
    issued, changes
        How many ids were issued, and how many events recorded, so far.
    """

    def __init__(self, first_id: int = 1) -> None:
        self.first_id = first_id
        self.issued = 0
        self.changes = 0
        self._heir: Ids = np.zeros(64, dtype=np.int64)
        self._events: list[LineageEvent] = []

    def issue(self) -> int:
        """Return a new id, which resolves to itself."""
        if self.issued == len(self._heir):
            self._heir = np.concatenate([self._heir, np.zeros_like(self._heir)])
        self._heir[self.issued] = self.issued
        self.issued += 1
        return self.first_id + self.issued - 1

    def end(self, cluster_id: int, heir: int) -> None:
        """Record that `cluster_id` ended and `heir` carries it on."""
        self._heir[self._index(cluster_id)] = self._index(heir)

    def resolve(self, cluster_id: int) -> int:
        """Return the live id that carries on `cluster_id`; raise UnknownCluster if it was never issued."""
        index = self._index(cluster_id)
        root = index
        while self._heir[root] != root:
            root = int(self._heir[root])
        while self._heir[index] != root:
            index, self._heir[index] = int(self._heir[index]), root
        return self.first_id + root

    def record(self, event: LineageEvent) -> None:
        """Queue `event` until it is drained."""
        self.changes += 1
        self._events.append(event)

    def drain(self) -> list[LineageEvent]:
        """Return the queued events, oldest first, and forget them."""
        events, self._events = self._events, []
        return events

    def to_state(self) -> LineageState:
        """Return the map and the events not yet drained."""
        heirs = self._heir[: self.issued].astype("<i8").tobytes()
        return LineageState(self.first_id, heirs, list(self._events), self.changes)

    @classmethod
    def from_state(cls, state: LineageState) -> "Lineage":
        """Return the lineage that `to_state` saved."""
        lineage = cls(state.first_id)
        heirs = np.frombuffer(state.heirs, dtype="<i8").astype(np.int64)
        lineage.issued = len(heirs)
        lineage.changes = state.changes
        lineage._heir = np.concatenate([heirs, np.zeros(64, dtype=np.int64)])
        lineage._events = list(state.events)
        return lineage

    def _index(self, cluster_id: int) -> int:
        index = int(cluster_id) - self.first_id
        if not 0 <= index < self.issued:
            raise UnknownCluster(f"cluster {cluster_id} was never issued by this clusterer")
        return index
