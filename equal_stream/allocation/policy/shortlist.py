"""Lazy greedy selection: the best passage by present value, found by evaluating few of them.

Gains evaluated earlier are upper bounds of present gains (coverage is submodular), so some hundred passages
that were best by old gain are listed and evaluated anew, and after each pick only those that could be the
next best (Minoux 1978, "Accelerated greedy algorithms"). Ahead of a pull, while the best listed fall well
below what the rest could be worth by the bounds of their pages, the best of the best pages join the list,
a bounded number of times. The list outlives the pull: the next begins with what this one leaves.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.listing import CAPACITY
from equal_stream.allocation.market import Market
from equal_stream.allocation.pages import NOTHING, SIZE

_FILLED = 256  # listed at the start of a pull, if there are as many; passages up to here are chosen exactly
_JOINING = 64  # passages that join the list together: their vectors are read and compared in some 0.2 ms
_LOOKED = 8  # pages looked through for them
_LEAST = np.float32(1e-12)  # effort of a passage of no tokens, where calls cost nothing besides
_TOGETHER = 8  # evaluated together after a pick: as cheap as one
_PICKS = 64  # of a pull, when looking ahead of it
_JOINS_AHEAD = 4  # at most; twice as many take twice the time, and nothing better is bought


class Pick(NamedTuple):
    """The best passage: its row, present gain, and value: multiplied gain a unit of cost."""

    row: int
    gain: float
    value: float


class Shortlist:
    """The most promising passages of a market.

    Parameters
    ----------
    market
        Where they are bought.
    multipliers
        (arms,) float32; what each cluster's predictions are to be multiplied by, now.
    slack
        How far the best listed may fall below what an unlisted one promises by its old gain, as a share of
        it. Most old gains are too high by more than the 0.1 that is let pass.
    joins
        How often passages may join the list in one pull once it is filled, besides those that must because
        it is used up. Looking ahead makes that needless.
    """

    def __init__(
        self, market: Market, multipliers: NDArray[np.float32], slack: float = 0.9, joins: int = 0
    ) -> None:
        self._market = market
        self._table = market.candidates
        self._listing = market.candidates.listing
        self._slack = slack
        self._joins = joins
        self._take_up()
        self._ceilings = self._table.pages.ceilings(market.burdens) / market.price
        self._highest()
        while len(self._listing) + _JOINING <= _FILLED and self._join(multipliers):
            pass

    def best(self, multipliers: NDArray[np.float32]) -> Pick | None:
        """Return the passage of the highest present value, or None when nothing can be bought."""
        while True:
            values = self._values(multipliers)
            top = int(values.argmax())
            value = float(values[top])
            if value < 0:
                if not self._join(multipliers):
                    return None
            elif not self._fresh[top]:
                self._evaluate(values, top)
            elif not self._market.is_open(row := int(self._listing.rows[top])):
                self._open[top] = False
            elif self._joins > 0 and self._is_outdone(value, multipliers):
                self._joins -= 1
                self._join(multipliers)
            else:
                return Pick(row, float(self._gains[top]), value)

    def offered(self) -> NDArray[np.intp]:
        """Return the rows (n,) on the list that can be bought now."""
        table = self._table
        rows = self._listing.rows[self._open]
        return rows[table.waiting[rows] & (table.bytes[rows] <= self._market.largest_text)]

    def look_ahead(self, multipliers: NDArray[np.float32]) -> None:
        """Let passages join until those that a pull will probably take outdo all others.

        A pull after this seldom has to look for others itself.
        """
        for _ in range(_JOINS_AHEAD):
            values = self._values(multipliers)
            last = max(0.0, float(np.partition(values, -_PICKS)[-_PICKS]))
            if not self._is_outdone(last, multipliers) or not self._join(multipliers):
                return

    def bought(self, row: int) -> None:
        """Take a passage off the list; what it will bring counts against all others."""
        place = self._listing.place(row)
        if place is not None:
            self._open[place] = False
        self._fresh[:] = False

    def close(self) -> None:
        """Write the present gains back into the table, and take off the list what cannot be bought."""
        rows = self._listing.rows
        held = rows >= 0
        self._table.gain[rows[held]] = self._gains[held]
        gone = np.flatnonzero(held)[~self._table.waiting[rows[held]]]
        self._table.listed[rows[gone]] = False
        self._listing.drop(gone)

    def _take_up(self) -> None:
        """Begin with what is listed from before."""
        listing, table = self._listing, self._table
        held = listing.rows >= 0
        stays = held.copy()
        stays[held] = table.listed[listing.rows[held]] & table.waiting[listing.rows[held]]
        listing.drop(np.flatnonzero(held & ~stays))
        self._predict(np.flatnonzero(stays))
        self._added = listing.covers * self._market.scale
        self._gains = self._market.gains(self._added)
        self._open = stays
        self._fresh = np.ones(CAPACITY, bool)
        self._arms = np.zeros(CAPACITY, np.intp)
        self._efforts = np.ones(CAPACITY, np.float32)
        self._know(np.flatnonzero(stays))

    def _predict(self, places: NDArray[np.intp]) -> None:
        """Bring what the listed will cover up to date."""
        listing, market = self._listing, self._market
        if listing.unread:
            listing.vectors[places] = self._table.vectors(listing.rows[places])
            listing.unread = False
        if listing.footing != market.footing:
            listing.covers = np.zeros((CAPACITY, len(market.coverage.targets)), np.float32)
            listing.covers[places] = self._covers(places)
            listing.footing = market.footing

    def _covers(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        listing = self._listing
        covers = self._market.expected_by(listing.vectors[places], listing.rows[places])
        return covers / self._market.scale

    def _know(self, places: NDArray[np.intp]) -> None:
        rows = self._listing.rows[places]
        self._arms[places] = self._table.clusters[rows]
        self._efforts[places] = np.maximum(self._market.effort(rows), _LEAST)

    def _values(self, multipliers: NDArray[np.float32]) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._gains * multipliers[self._arms] / self._efforts
        values[~self._open] = NOTHING
        return values

    def _evaluate(self, values: NDArray[np.float32], top: int) -> None:
        batch = values.argpartition(-_TOGETHER)[-_TOGETHER:]
        batch[0] = top  # of several that are worth the same, it need not be among them
        self._gains[batch] = self._market.gains(self._added[batch])
        self._fresh[batch] = True

    def _is_outdone(self, value: float, multipliers: NDArray[np.float32]) -> bool:
        return value < self._slack * float((self._tops * multipliers).max(initial=NOTHING))

    def _highest(self) -> None:
        self._tops = self._table.pages.highest(self._ceilings, self._market.arms.height)

    def _join(self, multipliers: NDArray[np.float32]) -> bool:
        """Put the best of the best pages on the list; False when nothing is left to list."""
        table, market = self._table, self._market
        rows = self._promising(multipliers)
        if len(rows) == 0:
            return False
        self._make_room(len(rows), multipliers)
        vectors = table.vectors(rows)
        covers = market.expected_by(vectors, rows) / market.scale
        places = self._listing.add(rows, vectors, covers)
        self._added[places] = covers * market.scale
        self._gains[places] = market.gains(self._added[places])
        self._open[places] = self._fresh[places] = True
        self._know(places)
        table.listed[rows] = True
        table.evaluated(rows, self._gains[places], market.burdens)
        return True

    def _promising(self, multipliers: NDArray[np.float32]) -> NDArray[np.intp]:
        """Return up to `_JOINING` rows of the pages that promise most."""
        table, pages, market = self._table, self._table.pages, self._market
        while True:
            scores = self._ceilings * multipliers[pages.clusters]
            scores[self._ceilings < 0] = NOTHING
            count = min(_LOOKED, len(scores))
            top = np.argpartition(scores, -count)[-count:] if count else np.zeros(0, np.intp)
            top = top[scores[top] >= 0]
            if len(top) == 0:
                return top
            rows = pages.slots[top]
            arms = pages.clusters[top]
            offered = (np.arange(SIZE) < pages.counts[top, None]) & table.waiting[rows] & ~table.listed[rows]
            table.tighten(top, market.burdens)
            offered &= table.bytes[rows] <= market.largest_text
            worth = table.gain[rows] / (table.tokens[rows] + market.burdens[arms][:, None]) / market.price
            worth[~offered] = NOTHING
            values = worth * multipliers[arms][:, None]
            values[~offered] = NOTHING
            flat = values.ravel()
            chosen = (
                np.argpartition(flat, -_JOINING)[-_JOINING:] if flat.size > _JOINING else np.arange(flat.size)
            )
            chosen = chosen[flat[chosen] >= 0]
            worth.ravel()[chosen] = NOTHING
            self._ceilings[top] = worth.max(axis=1)
            self._highest()
            if len(chosen):
                return rows.ravel()[chosen].astype(np.intp)

    def _make_room(self, count: int, multipliers: NDArray[np.float32]) -> None:
        """Take those of least value off a list that is full."""
        listing, table = self._listing, self._table
        excess = len(listing) + count - CAPACITY
        if excess <= 0:
            return
        values = self._values(multipliers)
        values[listing.rows < 0] = np.inf
        places = np.argpartition(values, excess)[:excess]
        rows = listing.rows[places]
        table.gain[rows] = self._gains[places]
        table.unlist(rows)
        pages = table.pages.places[rows] // SIZE
        worth = self._gains[places] / self._efforts[places]
        waits = self._open[places]
        np.maximum.at(self._ceilings, pages[waits], worth[waits])
        self._highest()
        listing.drop(places)
        self._open[places] = False
