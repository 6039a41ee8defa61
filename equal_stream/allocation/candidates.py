"""The passages that wait to be bought, as columns: one row a passage.

A row keeps its place while its passage waits or is in flight; rows that become free are used again.
`gain` is the passage's predicted gain when it was last evaluated. As coverage only grows between
releases, an old gain is an upper bound of the present one, so old gains say whom to evaluate anew; `pages`
keep the highest of them at hand, `listing` those that were found to be the best.

Memory a passage: some 80 bytes of numbers, ids and their index, 150 more a document (`Documents`), an eighth
of both to grow, and the vector where `VectorStorage` is memory: 388 bytes at 384 dimensions. `least_valuable`
bounds it: when the table is full, those leave, counted; the store still has them and may offer them again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.documents import Documents
from equal_stream.allocation.growth import grown
from equal_stream.allocation.lengths import Lengths
from equal_stream.allocation.listing import Listing
from equal_stream.allocation.pages import NOTHING, SIZE, Pages
from equal_stream.allocation.passage_forms import FARTHEST, PassageForms, site_of
from equal_stream.allocation.passage_rows import PassageIds, PassageRows
from equal_stream.allocation.quantise import quantise, restore
from equal_stream.allocation.vector_storage import MemoryVectors, VectorStorage

_COLUMNS = {
    "tokens": np.int32,
    "bytes": np.int32,
    "clusters": np.int32,
    "documents": np.int32,
    "site": np.uint32,
    "section": np.uint32,
    "before": np.uint8,
    "after": np.uint8,
    "gain": np.float32,
    "waiting": bool,
    "taken": bool,
    "fresh": bool,
    "listed": bool,
}
_WINDOW = 4096  # rows among which those that leave a full table are looked for
_LOOKS = 64  # draws before an exact one: were only a tenth of the rows on offer, one in a thousand gets there


class Candidates:
    """A table of passages.

    Parameters
    ----------
    dimension
        Length of the vectors.
    limit
        Rows at most.
    storage
        Where the vectors lie; in memory, if not said.

    Attributes
    ----------
    rows, ids
        Row by passage id, and passage id by row.
    tokens, bytes
        (rows,) int32; encoder tokens and UTF-8 bytes of the passage's text.
    clusters
        (rows,) int32; row of the passage's cluster in `Arms`.
    documents
        (rows,) int32; number of the passage's document, see `document`.
    site, section, before, after
        (rows,) uint32 and uint8; see `PassageForms`.
    gain
        (rows,) float32; predicted gain when last evaluated, of all targets together.
    waiting
        (rows,) bool; may be bought. False: in flight, or the row is free. Changed by `take` and `put_back`.
    taken
        (rows,) bool; holds a passage.
    fresh
        (rows,) bool; was never evaluated.
    listed
        (rows,) bool; is on the list, and counts in no page's bound.
    """

    tokens: NDArray[np.int32]
    bytes: NDArray[np.int32]
    clusters: NDArray[np.int32]
    documents: NDArray[np.int32]
    site: NDArray[np.uint32]
    section: NDArray[np.uint32]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    gain: NDArray[np.float32]
    waiting: NDArray[np.bool_]
    taken: NDArray[np.bool_]
    fresh: NDArray[np.bool_]
    listed: NDArray[np.bool_]

    def __init__(self, dimension: int, limit: int, storage: VectorStorage | None = None) -> None:
        self.dimension = dimension
        self.limit = limit
        self.storage = storage or MemoryVectors(dimension)
        self.rows = PassageRows()
        self.ids = PassageIds(self.rows)
        self.height = 0  # rows ever used: arrays are meaningful up to here
        self._documents = Documents()
        for column, kind in _COLUMNS.items():
            setattr(self, column, np.zeros(0, kind))
        self.pages = Pages()
        self.listing = Listing(dimension)
        self.lengths = Lengths()
        self._free: list[int] = []
        self._unseen = 0  # rows never evaluated
        self._round = 0  # the page that the round of re-evaluation comes to next
        self._overdue = np.zeros(0, np.int32)  # pages whose gains may be too low, the most promising first
        self._window = 0  # where to look for those that leave

    def __len__(self) -> int:
        return len(self.rows)

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
        before: int = 0,
        after: int = 0,
    ) -> int:
        """Put a new passage in as waiting; return its row.

        The passage must not be in the table, and its id must be a UUID in its usual form.
        """
        row = self._free.pop() if self._free else self._grow()
        self.rows.add(passage_id, row)
        self.documents[row] = self._documents.use(doc_id, url)
        self.give_vector(row, vector)
        self.tokens[row], self.bytes[row], self.clusters[row] = tokens, text_bytes, cluster
        self.site[row], self.section[row] = site_of(url)
        self.before[row], self.after[row] = min(before, FARTHEST), min(after, FARTHEST)
        self.gain[row] = 0.0
        self.waiting[row] = self.taken[row] = self.fresh[row] = True
        self._unseen += 1
        self.lengths.add(text_bytes)
        self.pages.insert(row, cluster)
        self._offer(row)
        return row

    def remove(self, row: int) -> None:
        """Take the passage out of a row and free the row."""
        if self.waiting[row]:
            self.lengths.remove(int(self.bytes[row]))
        self._unseen -= int(self.fresh[row])
        self._leave(row)
        self.rows.remove(row)
        self._documents.release(int(self.documents[row]))
        self.waiting[row] = self.taken[row] = self.fresh[row] = self.listed[row] = False
        self.gain[row] = 0.0
        self._free.append(row)

    def take(self, row: int) -> None:
        """Note that a waiting passage is in flight."""
        self.waiting[row] = False
        self.lengths.remove(int(self.bytes[row]))

    def put_back(self, row: int) -> None:
        """Let a passage in flight wait again."""
        self.waiting[row] = True
        self.lengths.add(int(self.bytes[row]))
        self._offer(row)

    def reassign(self, row: int, cluster: int) -> None:
        """Move a passage to another cluster."""
        self._leave(row)
        self.clusters[row] = cluster
        self.pages.insert(row, cluster)
        self._offer(row)

    def move(self, from_cluster: int, to_cluster: int) -> int:
        """Give all passages of one cluster row to another; return how many of them wait."""
        rows = self.pages.rows_of(from_cluster)
        self.clusters[rows] = to_cluster
        self._raise(self.pages.move(from_cluster, to_cluster))
        return int(self.waiting[rows].sum())

    def vectors(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the vectors (n, d) of rows."""
        return restore(*self.storage.read(rows))

    def forms(self, rows: NDArray[np.intp]) -> PassageForms:
        """Return lengths and places in their documents of rows (n,)."""
        return PassageForms(
            self.tokens[rows], self.site[rows], self.section[rows], self.before[rows], self.after[rows]
        )

    def give_vector(self, row: int, vector: NDArray[np.float32]) -> None:
        """Keep a vector (d,) for a row."""
        codes, scales = quantise(vector[None])
        self.storage.write(row, self.rows.identity(row), codes[0], float(scales[0]))

    def without_vectors(self) -> NDArray[np.intp]:
        """Return the rows whose vectors are not where they should be, after a state was loaded."""
        rows = np.flatnonzero(self.taken)
        return rows[~self.storage.holds(rows, [self.rows.identity(row) for row in rows.tolist()])]

    def document(self, row: int) -> tuple[str, str]:
        """Return id and URL of the document that a row's passage is of."""
        return self._documents.read(int(self.documents[row]))

    def waiting_rows(self, largest_text: float = np.inf) -> NDArray[np.intp]:
        """Return the rows that wait and whose text has at most so many bytes."""
        n = self.height
        if np.isinf(largest_text):
            return np.flatnonzero(self.waiting[:n])
        return np.flatnonzero(self.waiting[:n] & (self.bytes[:n] <= largest_text))

    def draw(self, rng: np.random.Generator, largest_text: float) -> int:
        """Return a row drawn uniformly from `waiting_rows`; there must be one."""
        for _ in range(_LOOKS):
            row = int(rng.integers(self.height))
            if self.waiting[row] and self.bytes[row] <= largest_text:
                return row
        rows = self.waiting_rows(largest_text)
        return int(rows[rng.integers(len(rows))])

    def evaluated(
        self, rows: NDArray[np.intp], gains: NDArray[np.float32], burdens: NDArray[np.float32]
    ) -> None:
        """Write the gains (n,) of rows, and bring the bounds of their pages in step.

        `burdens` (clusters,) are what calls cost besides the passages, see `Pages`.
        """
        self._unseen -= int(np.count_nonzero(self.fresh[rows]))
        self.fresh[rows] = False
        self.gain[rows] = gains
        on = (self.pages.places[rows] // SIZE).astype(np.intp)
        pages, inverse, counts = np.unique(on, return_inverse=True, return_counts=True)
        most = 2 * counts > self.pages.counts[pages]
        self.tighten(pages[most], burdens)
        self._raise(rows[~most[inverse]])

    def tighten(self, pages: NDArray[np.intp], burdens: NDArray[np.float32]) -> None:
        """Compute the bounds of pages (n,) from the gains as they are known."""
        rows = self.pages.slots[pages]
        offered = (np.arange(SIZE) < self.pages.counts[pages, None]) & self.waiting[rows] & ~self.listed[rows]
        now = burdens[self.pages.clusters[pages]]
        worth = self.gain[rows] / (self.tokens[rows] + now[:, None])
        self.pages.bounds[pages] = np.where(offered, worth, NOTHING).max(axis=1, initial=NOTHING)
        self.pages.burdens[pages] = now

    def unlist(self, rows: NDArray[np.intp]) -> None:
        """Note that rows (n,), whose gains are written, are not on the list any more."""
        self.listed[rows] = False
        self._raise(rows)

    def least_valuable(self, count: int) -> NDArray[np.intp]:
        """Return up to `count` waiting rows of little gain a token; never-evaluated ones come last.

        They are the least of the next few thousand rows, not of all: looking at all takes time.
        """
        found = np.zeros(0, np.intp)
        seen = 0
        while seen < self.height and len(found) < count:
            start = self._window if self._window < self.height else 0
            stop = min(start + max(_WINDOW, count), self.height)
            found = np.concatenate([found, start + np.flatnonzero(self.waiting[start:stop])])
            self._window = stop
            seen += stop - start
        found = np.unique(found)
        worth = self.gain[found] / np.maximum(self.tokens[found], 1)
        worth[self.fresh[found]] = np.inf
        if len(found) <= count:
            return found
        return found[np.argpartition(worth, count)[:count]]

    def outdate(self) -> None:
        """Note that every gain may now be too low: references or predictions changed, or coverage fell.

        Those that promised most before come first in the round.
        """
        self._overdue = np.argsort(-self.pages.bounds, kind="stable").astype(np.int32)
        self.listing.footing = ()

    @property
    def unseen(self) -> int:
        """Rows that were never evaluated."""
        return self._unseen

    def due(self, steady: int, hurried: int, fresh: int | None = None) -> NDArray[np.intp]:
        """Return the next rows to evaluate: never-evaluated ones first, then some pages of the round.

        Parameters
        ----------
        steady
            Rows of the round a call, about, when nothing is overdue.
        hurried
            Rows a call while something is.
        fresh
            Never-evaluated rows a call; as `hurried`, if not said.
        """
        new = np.zeros(0, np.intp)
        if self._unseen:
            new = np.flatnonzero(self.fresh[: self.height])[: hurried if fresh is None else fresh]
        if len(self._overdue):
            pages = self._overdue[: self._reach(self._overdue, hurried)]
            self._overdue = self._overdue[len(pages) :]
        else:
            start = self._round if self._round < len(self.pages) else 0
            pages = np.arange(start, len(self.pages), dtype=np.int32)
            pages = pages[: self._reach(pages, steady)]
            self._round = start + len(pages)
        return np.union1d(new, self.pages.rows(pages))

    def _reach(self, pages: NDArray[np.int32], rows: int) -> int:
        """Return how many of the pages it takes to have so many rows."""
        if rows <= 0:
            return 0
        counts = np.cumsum(self.pages.counts[pages[: max(rows, SIZE)]])
        return min(int(np.searchsorted(counts, rows)) + 1, len(pages))

    def _offer(self, row: int) -> None:
        if self.waiting[row] and not self.listed[row]:
            self.pages.raise_one(row, float(self.gain[row]), int(self.tokens[row]))

    def _raise(self, rows: NDArray[np.intp]) -> None:
        rows = rows[self.waiting[rows] & ~self.listed[rows]]
        self.pages.raise_to(rows, self.gain[rows], self.tokens[rows])

    def _leave(self, row: int) -> None:
        moved = self.pages.remove(row)
        if moved is not None:
            self._offer(moved)

    def _grow(self) -> int:
        row = self.height
        self.height += 1
        for column in _COLUMNS:
            setattr(self, column, grown(getattr(self, column), row + 1))
        return row

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes.

        What is listed is predicted anew at the next pull, here as by who continues from the state.
        """
        self.listing.footing = ()
        n = self.height
        return {
            "ids": self.rows.to_state(),
            "documents": self._documents.to_state(),
            "vectors": self.storage.to_state(n),
            "columns": {column: getattr(self, column)[:n] for column in _COLUMNS},
            "pages": self.pages.to_state(),
            "listing": self.listing.rows,
            "free": self._free,
            "round": self._round,
            "overdue": self._overdue,
            "window": self._window,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        for column in _COLUMNS:
            setattr(self, column, state["columns"][column])
        self.height = len(self.taken)
        self.rows.load_state(state["ids"], np.flatnonzero(self.taken).astype(np.int32))
        self._documents.load_state(state["documents"])
        self.storage.load_state(state["vectors"])
        self.pages.load_state(state["pages"])
        self.listing.load_state(state["listing"])
        self.lengths.recount(self.bytes[self.waiting])
        self._free = state["free"]
        self._unseen = int(np.count_nonzero(self.fresh))
        self._round, self._overdue, self._window = state["round"], state["overdue"], state["window"]
