"""The passages that looked best when last looked for, with what the next look needs of them.

Kept from one pull to the next, so that a pull reads the vectors of those only that are new to the list.
"""

import numpy as np
from numpy.typing import NDArray

CAPACITY = 320  # with 300 references all of them are predicted anew in 1 ms, and evaluated anew in 0.1 ms


class Listing:
    """Places for rows of the candidate table.

    Attributes
    ----------
    rows
        (places,) intp; -1 for a free place.
    vectors
        (places, d) float32.
    covers
        (places, m) float32; the coverage that one pair of each row will probably bring.
    footing
        What `covers` were predicted on, see `Market`; empty: they are of no use.
    unread
        Whether `vectors` must be read first, because the rows come from a saved state.
    """

    def __init__(self, dimension: int) -> None:
        self.rows = np.full(CAPACITY, -1, np.intp)
        self.vectors = np.zeros((CAPACITY, dimension), np.float32)
        self.covers = np.zeros((CAPACITY, 0), np.float32)
        self.footing: tuple[int, ...] = ()
        self.unread = False
        self._places: dict[int, int] = {}  # of rows as they were added; one may have left since

    def __len__(self) -> int:
        return int(np.count_nonzero(self.rows >= 0))

    def add(
        self, rows: NDArray[np.intp], vectors: NDArray[np.float32], covers: NDArray[np.float32]
    ) -> NDArray[np.intp]:
        """Put rows (k,) into free places (k,) and return these; there must be as many."""
        places = np.flatnonzero(self.rows < 0)[: len(rows)]
        self.rows[places] = rows
        self.vectors[places] = vectors
        self.covers[places] = covers
        self._places.update(zip(rows.tolist(), places.tolist(), strict=True))
        return places

    def place(self, row: int) -> int | None:
        """Return where a row is, or None when it is not listed."""
        place = self._places.get(row)
        return place if place is not None and self.rows[place] == row else None

    def drop(self, places: NDArray[np.intp]) -> None:
        """Make places (k,) free."""
        for row in self.rows[places].tolist():
            self._places.pop(row, None)
        self.rows[places] = -1

    def load_state(self, rows: NDArray[np.intp]) -> None:
        """List the same rows, at the same places."""
        self.rows = rows
        self._places = {row: place for place, row in enumerate(rows.tolist()) if row >= 0}
        self.footing, self.unread = (), True
