"""The passages that wait to be bought, as columns: one row a passage.

A row keeps its place while its passage waits or is in flight; rows that become free are used again.
`gain` is the passage's predicted gain when it was last evaluated. As coverage only grows between
releases, an old gain is an upper bound of the present one, so old gains say whom to evaluate anew.

Memory a passage, at 384 dimensions: 388 bytes of quantised vector, 30 of numbers, and some 700 of ids,
URL, their index and room to grow (1.1 KB measured at 100,000). `least_valuable` bounds it: when the
table is full, those leave, counted; the store still has them and may offer them again.
"""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.quantise import quantise, restore

_FIRST = 1024
_SCALARS = ("tokens", "bytes", "clusters", "gain", "waiting", "taken", "scales")


class Candidates:
    """A table of passages.

    Parameters
    ----------
    dimension
        Length of the vectors.
    limit
        Rows at most.

    Attributes
    ----------
    tokens, bytes
        (rows,) int32; encoder tokens and UTF-8 bytes of the passage's text.
    clusters
        (rows,) int32; row of the passage's cluster in `Arms`.
    gain
        (rows,) float32; predicted gain when last evaluated, of all targets together.
    waiting
        (rows,) bool; may be bought. False: in flight, or the row is free.
    taken
        (rows,) bool; holds a passage.
    fresh
        Rows that were never evaluated.
    """

    def __init__(self, dimension: int, limit: int) -> None:
        self.dimension = dimension
        self.limit = limit
        self.rows: dict[str, int] = {}
        self.ids: list[str] = []
        self.doc_ids: list[str] = []
        self.urls: list[str] = []
        self.codes = np.zeros((_FIRST, dimension), np.int8)
        self.scales = np.zeros(_FIRST, np.float32)
        self.tokens = np.zeros(_FIRST, np.int32)
        self.bytes = np.zeros(_FIRST, np.int32)
        self.clusters = np.zeros(_FIRST, np.int32)
        self.gain = np.zeros(_FIRST, np.float32)
        self.waiting = np.zeros(_FIRST, bool)
        self.taken = np.zeros(_FIRST, bool)
        self.fresh: dict[int, None] = {}  # in the order they came, each once
        self._free: list[int] = []
        self._refreshed = 0  # where the round of re-evaluation stands
        self._overdue = 0  # rows whose gain may be too low: to be re-evaluated soon

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def height(self) -> int:
        """Rows ever used: arrays are meaningful up to here."""
        return len(self.ids)

    def add(
        self,
        passage_id: str,
        doc_id: str,
        url: str,
        vector: NDArray[np.float32],
        *,
        tokens: int,
        text_bytes: int,
        cluster: int,
    ) -> int:
        """Put a new passage in as waiting; return its row. The passage must not be in the table."""
        row = self._free.pop() if self._free else self._grow()
        self.rows[passage_id] = row
        self.ids[row], self.doc_ids[row], self.urls[row] = passage_id, doc_id, url
        codes, scales = quantise(vector[None])
        self.codes[row], self.scales[row] = codes[0], scales[0]
        self.tokens[row], self.bytes[row], self.clusters[row] = tokens, text_bytes, cluster
        self.gain[row] = 0.0
        self.waiting[row] = self.taken[row] = True
        self.fresh[row] = None
        return row

    def remove(self, row: int) -> None:
        """Take the passage out of a row and free the row."""
        del self.rows[self.ids[row]]
        self.fresh.pop(row, None)
        self.ids[row] = self.doc_ids[row] = self.urls[row] = ""
        self.waiting[row] = self.taken[row] = False
        self.gain[row] = 0.0
        self._free.append(row)

    def vectors(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the vectors (n, d) of rows."""
        return restore(self.codes[rows], self.scales[rows])

    def waiting_rows(self, largest_text: float = np.inf) -> NDArray[np.intp]:
        """Return the rows that wait and whose text has at most so many bytes."""
        n = self.height
        if np.isinf(largest_text):
            return np.flatnonzero(self.waiting[:n])
        return np.flatnonzero(self.waiting[:n] & (self.bytes[:n] <= largest_text))

    def move(self, from_cluster: int, to_cluster: int) -> int:
        """Give all passages of one cluster row to another; return how many of them wait."""
        rows = np.flatnonzero(self.taken[: self.height] & (self.clusters[: self.height] == from_cluster))
        self.clusters[rows] = to_cluster
        return int(self.waiting[rows].sum())

    def least_valuable(self, count: int) -> NDArray[np.intp]:
        """Return up to `count` waiting rows of the least gain a token; never-evaluated ones come last."""
        rows = self.waiting_rows()
        worth = self.gain[rows] / np.maximum(self.tokens[rows], 1)
        worth[np.isin(rows, list(self.fresh))] = np.inf
        if len(rows) <= count:
            return rows
        return rows[np.argpartition(worth, count)[:count]]

    def outdate(self) -> None:
        """Note that every gain may now be too low, because references changed or coverage fell."""
        self._overdue = self.height

    def due(self, steady: int, hurried: int) -> NDArray[np.intp]:
        """Return the next rows to evaluate: fresh ones first, then a slice of the round.

        Parameters
        ----------
        steady
            Rows of the round a call, when nothing is overdue.
        hurried
            Rows a call while something is.
        """
        fresh = list(itertools.islice(self.fresh, hurried))
        for row in fresh:
            del self.fresh[row]
        length = min(hurried if self._overdue else steady, self.height)
        start = self._refreshed if self._refreshed < self.height else 0
        stop = min(start + length, self.height)
        self._refreshed = stop
        self._overdue = max(0, self._overdue - (stop - start))
        rows = np.union1d(np.array(fresh, np.intp), np.arange(start, stop)).astype(np.intp)
        due: NDArray[np.intp] = rows[self.taken[rows]]
        return due

    def _grow(self) -> int:
        row = len(self.ids)
        for names in (self.ids, self.doc_ids, self.urls):
            names.append("")
        if row >= len(self.tokens):
            extra = max(_FIRST, row // 2)
            self.codes = np.concatenate([self.codes, np.zeros((extra, self.dimension), np.int8)])
            for column in _SCALARS:
                array = getattr(self, column)
                setattr(self, column, np.concatenate([array, np.zeros(extra, array.dtype)]))
        return row

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        n = self.height
        return {
            "ids": self.ids,
            "doc_ids": self.doc_ids,
            "urls": self.urls,
            "codes": self.codes[:n],
            "columns": {column: getattr(self, column)[:n] for column in _SCALARS},
            "fresh": list(self.fresh),
            "free": self._free,
            "refreshed": self._refreshed,
            "overdue": self._overdue,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.ids, self.doc_ids, self.urls = state["ids"], state["doc_ids"], state["urls"]
        self.codes = state["codes"]
        for column in _SCALARS:
            setattr(self, column, state["columns"][column])
        self.rows = {self.ids[row]: int(row) for row in np.flatnonzero(self.taken)}
        self.fresh, self._free = dict.fromkeys(state["fresh"]), state["free"]
        self._refreshed, self._overdue = state["refreshed"], state["overdue"]
