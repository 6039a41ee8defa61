"""The living clusters as columns: what waits in each, what was spent there, what it brought.

An arm is one cluster's row. Rows are handed to policies, which keep their own columns beside these;
a row may be used again once its cluster ended and its last passage left. A cluster whose passages
come before its birth is announced gets a row at once: topics have no order between them. A cluster
that died without an heir keeps its row while passages wait in it, because idle is not dead.
"""

from typing import Any

import numpy as np

from equal_stream.allocation.lineage import Lineage

_FIRST = 64
_COLUMNS = ("ids", "waiting", "in_flight", "tickets", "spent", "spent_tokens", "pairs", "gain", "dying")


class Arms:
    """Rows of clusters.

    Attributes
    ----------
    ids
        (rows,) int64; cluster id, -1 for a free row.
    waiting, in_flight
        (rows,) int64; passages that wait, and tickets under way.
    tickets, spent, spent_tokens, pairs, gain
        (rows,); ended tickets, nano-USD, tokens, published pairs and realised gain so far, those of
        merged clusters included.
    """

    def __init__(self) -> None:
        self.lineage = Lineage()
        self.rows: dict[int, int] = {}
        self.ids = np.full(_FIRST, -1, np.int64)
        self.waiting = np.zeros(_FIRST, np.int64)
        self.in_flight = np.zeros(_FIRST, np.int64)
        self.tickets = np.zeros(_FIRST, np.int64)
        self.spent = np.zeros(_FIRST, np.int64)
        self.spent_tokens = np.zeros(_FIRST, np.int64)
        self.pairs = np.zeros(_FIRST, np.int64)
        self.gain = np.zeros(_FIRST)
        self.dying = np.zeros(_FIRST, bool)
        self._free = list(range(_FIRST - 1, -1, -1))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def height(self) -> int:
        """Rows allocated: the length of every column."""
        return len(self.ids)

    def known(self, cluster_id: int) -> bool:
        """Tell whether the cluster this id stands for has a row."""
        return self.lineage.resolve(cluster_id) in self.rows

    def row(self, cluster_id: int) -> int:
        """Return the row of the cluster this id stands for, a new one if it has none yet."""
        living = self.lineage.resolve(cluster_id)
        found = self.rows.get(living)
        if found is None:
            if not self._free:
                self._grow()
            found = self._free.pop()
            self.rows[living] = found
            self.ids[found] = living
        return found

    def absorb(self, ended: int, survivor: int) -> None:
        """Add the counts of one row to another and free it."""
        for column in ("waiting", "in_flight", "tickets", "spent", "spent_tokens", "pairs", "gain"):
            values = getattr(self, column)
            values[survivor] += values[ended]
        self.free(ended)

    def free(self, row: int) -> None:
        """Make a row ready for another cluster."""
        self.rows.pop(int(self.ids[row]), None)
        self.ids[row] = -1
        for column in _COLUMNS[1:]:
            getattr(self, column)[row] = 0
        self._free.append(row)

    def is_over(self, row: int) -> bool:
        """Tell whether a cluster that died without an heir has nothing left under it."""
        return bool(self.dying[row]) and self.waiting[row] == 0 and self.in_flight[row] == 0

    def _grow(self) -> None:
        old = self.height
        for column in _COLUMNS:
            values = getattr(self, column)
            fill = np.full(old, -1 if column == "ids" else 0, values.dtype)
            setattr(self, column, np.concatenate([values, fill]))
        self._free = list(range(2 * old - 1, old - 1, -1))

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        columns = {column: getattr(self, column) for column in _COLUMNS}
        return {"columns": columns, "free": self._free, "lineage": self.lineage.to_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        for column in _COLUMNS:
            setattr(self, column, state["columns"][column])
        self._free = state["free"]
        self.rows = {int(self.ids[row]): int(row) for row in np.flatnonzero(self.ids >= 0)}
        self.lineage.load_state(state["lineage"])
