"""The passages of each cluster in pages of 128, and for each page what its best passage is worth at most.

Whoever looks for the best of a million passages looks at some thousand bounds instead, and then at one page.
A page is of one cluster, because clusters are multiplied by what is believed of them, anew at every pull. At
most one page of a cluster is not full, so pages are few however passages come and go.

What a passage is worth is its gain ÷ (its tokens + burden); the burden is what a call of its cluster costs
besides the passage, in tokens of input. A bound holds for the burden that it was computed with. With
another it is still one, once multiplied by old ÷ new burden where that is above 1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.growth import grown

SIZE = 128
NOTHING = np.float32(-1)  # the bound of a page that has nothing to offer: gains are not negative


class Pages:
    """Rows by cluster and page.

    Attributes
    ----------
    slots
        (pages, 128) int32; rows, the first `counts` of each page.
    counts
        (pages,) int32; rows of each page, 0 for a free page.
    clusters
        (pages,) int32; the cluster of each page, -1 for a free one.
    bounds
        (pages,) float32; no passage on offer in the page is worth more with `burdens`; -1: none is on offer.
    burdens
        (pages,) float32; above 0.
    places
        (rows,) int32; where each row is: 128 × page + slot.
    """

    def __init__(self) -> None:
        self.slots = np.zeros((0, SIZE), np.int32)
        self.counts = np.zeros(0, np.int32)
        self.clusters = np.zeros(0, np.int32)
        self.bounds = np.zeros(0, np.float32)
        self.burdens = np.zeros(0, np.float32)
        self.places = np.zeros(0, np.int32)
        self._of: dict[int, list[int]] = {}  # cluster → its pages; only the last may have room
        self._free: list[int] = []
        self._order: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.counts)

    def insert(self, row: int, cluster: int) -> None:
        """Put a row into its cluster's last page; the bound is not touched."""
        pages = self._of.setdefault(cluster, [])
        if not pages or self.counts[pages[-1]] == SIZE:
            pages.append(self._open(cluster))
        page = pages[-1]
        slot = int(self.counts[page])
        self.slots[page, slot] = row
        self.counts[page] = slot + 1
        if row >= len(self.places):
            self.places = grown(self.places, row + 1)
        self.places[row] = page * SIZE + slot

    def remove(self, row: int) -> int | None:
        """Take a row out; return the row that took its place on another page, if one did."""
        page, slot = divmod(int(self.places[row]), SIZE)
        cluster = int(self.clusters[page])
        last = self._of[cluster][-1]
        end = int(self.counts[last]) - 1
        moved = int(self.slots[last, end])
        self.slots[page, slot] = moved
        self.places[moved] = page * SIZE + slot
        self.counts[last] = end
        if end == 0:
            self._close(last)
        return moved if last != page else None

    def move(self, ended: int, heir: int) -> NDArray[np.intp]:
        """Give the pages of one cluster to another; return the rows whose page's bound may be too low now."""
        pages = [] if ended == heir else self._of.pop(ended, [])
        full = [page for page in pages if self.counts[page] == SIZE]
        self.clusters[full] = heir
        self._of.setdefault(heir, [])[:0] = full
        self._order = None
        rest = np.zeros(0, np.intp)
        if len(full) < len(pages):
            page = pages[-1]
            rest = self.slots[page, : self.counts[page]].astype(np.intp)
            self._of[ended] = [page]
            self._close(page)
            for row in rest:
                self.insert(int(row), heir)
        if not self._of[heir]:
            del self._of[heir]
        return rest

    def rows_of(self, cluster: int) -> NDArray[np.intp]:
        """Return the rows of a cluster."""
        return self.rows(np.array(self._of.get(cluster, []), np.intp))

    def rows(self, pages: NDArray[Any]) -> NDArray[np.intp]:
        """Return the rows in pages (n,)."""
        filled = np.arange(SIZE) < self.counts[pages, None]
        return np.asarray(self.slots[pages][filled], np.intp)

    def raise_to(self, rows: NDArray[np.intp], gains: NDArray[np.float32], tokens: NDArray[np.int32]) -> None:
        """Make sure that the bounds hold for rows (n,) on offer, with their gains and tokens."""
        pages = self.places[rows] // SIZE
        np.maximum.at(self.bounds, pages, gains / (tokens + self.burdens[pages]))

    def raise_one(self, row: int, gain: float, tokens: int) -> None:
        """Make sure that the bound holds for one row."""
        page = self.places[row] // SIZE
        worth = gain / (tokens + self.burdens[page])
        self.bounds[page] = max(self.bounds[page], worth)

    def ceilings(self, burdens: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the bounds (pages,) for other burdens (clusters,)."""
        now = burdens[self.clusters]  # a free page reads the last one's, and stays at nothing
        loosened: NDArray[np.float32] = self.bounds * np.maximum(self.burdens / now, np.float32(1))
        return np.where(self.bounds < 0, NOTHING, loosened)

    def highest(self, values: NDArray[np.float32], height: int) -> NDArray[np.float32]:
        """Return the highest of values (pages,) by cluster, (height,); -1 for one without pages."""
        tops = np.full(height, NOTHING, np.float32)
        if self._order is None:
            self._order = np.argsort(self.clusters, kind="stable")
            ordered = self.clusters[self._order]
            self._starts = np.flatnonzero(np.diff(ordered, prepend=-2))
            self._ordered = ordered[self._starts]
            if len(ordered) and ordered[0] < 0:  # free pages
                self._starts, self._ordered = self._starts[1:], self._ordered[1:]
        if len(self._starts):
            tops[self._ordered] = np.maximum.reduceat(values[self._order], self._starts)
        return tops

    def _open(self, cluster: int) -> int:
        page = self._free.pop() if self._free else len(self.counts)
        if page == len(self.counts):
            self.slots = grown(self.slots, page + 1, -1)
            self.counts = grown(self.counts, page + 1)
            self.clusters = grown(self.clusters, page + 1, -1)
            self.bounds = grown(self.bounds, page + 1, NOTHING)
            self.burdens = grown(self.burdens, page + 1, 1)
            self._free = list(range(len(self.counts) - 1, page, -1))
        self.clusters[page], self.bounds[page], self.burdens[page] = cluster, NOTHING, 1
        self._order = None
        return page

    def _close(self, page: int) -> None:
        cluster = int(self.clusters[page])
        self._of[cluster].pop()
        if not self._of[cluster]:
            del self._of[cluster]
        self.counts[page], self.clusters[page], self.bounds[page] = 0, -1, NOTHING
        self._free.append(page)
        self._order = None

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "slots": self.slots,
            "counts": self.counts,
            "clusters": self.clusters,
            "bounds": self.bounds,
            "burdens": self.burdens,
            "of": [[cluster, pages] for cluster, pages in self._of.items()],
            "free": self._free,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.slots, self.counts, self.clusters = state["slots"], state["counts"], state["clusters"]
        self.bounds, self.burdens = state["bounds"], state["burdens"]
        self._of = {cluster: list(pages) for cluster, pages in state["of"]}
        self._free = state["free"]
        filled = np.arange(SIZE) < self.counts[:, None]
        rows = self.slots[filled]
        self.places = np.zeros(int(rows.max(initial=-1)) + 1, np.int32)
        self.places[rows] = np.flatnonzero(filled.ravel())
        self._order = None
