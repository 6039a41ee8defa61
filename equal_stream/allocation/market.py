"""What a policy sees when it chooses: what can be bought now, at what cost, for what gain.

A market lives for one `choose`. The core keeps it true while the policy pulls: a chosen passage stops
waiting, the money left shrinks, and its expected coverage counts as if it were there already, so that
ten tickets in flight for one thing do not call for an eleventh.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.arms import Arms
from equal_stream.allocation.budget import Allowance
from equal_stream.allocation.candidates import Candidates
from equal_stream.allocation.cost import CostModel
from equal_stream.allocation.coverage import Coverage, Measure
from equal_stream.allocation.policy.ingredients import Ingredients
from equal_stream.allocation.prediction import Prediction

_LONG = 1000  # tokens between two efforts, whose difference gives the price of one
_TINY = np.float32(1e-9)  # the price of a token where tokens cost nothing, as a share of what a call does


class Bought(NamedTuple):
    """The target that a ticket serves most, and what one of its pairs will probably cover, (m,)."""

    target: str
    covers: NDArray[np.float32]


class Market:
    """Candidates with their prices and predicted gains, at one moment.

    Parameters
    ----------
    candidates, arms, coverage, cost
        The core's tables and models.
    allowance
        What may be reserved now.
    prediction
        What passages will probably cover.
    rng
        Where policies draw from.
    reserve_price
        Gain per USD below which a passage is not worth its cost; 0 buys while money is left.
    ingredients
        Whether cost matters at all; it does unless they say otherwise.

    Attributes
    ----------
    promised
        (arms,) float64; predicted gain of the tickets in flight, by row of their cluster.
    allowance
        What may be reserved now.
    price, burdens
        `effort` is price × (tokens of the passage + burden of its cluster): a number, and (arms,) float32.
    scale
        Pairs to expect of a call; `expected` is proportional to it.
    footing
        What predictions stand on: while it stays, `expected` ÷ `scale` does too.
    """

    def __init__(
        self,
        candidates: Candidates,
        arms: Arms,
        coverage: Coverage,
        cost: CostModel,
        *,
        allowance: Allowance,
        prediction: Prediction,
        rng: np.random.Generator,
        reserve_price: float = 0.0,
        ingredients: Ingredients | None = None,
    ) -> None:
        self.candidates = candidates
        self.arms = arms
        self.coverage = coverage
        self.cost = cost
        self.rng = rng
        self.reserve_price = reserve_price if cost.in_dollars else 0.0
        self.pending = np.zeros(len(coverage.targets))
        self._looked = (-1, np.zeros(0, np.float32))  # the row whose covers were asked for last, and these
        self.promised = np.zeros(arms.height)
        self._prediction = prediction
        self._by_cost = ingredients is None or ingredients.cost
        outputs = np.zeros(arms.height, np.float32)
        outputs[list(arms.rows.values())] = cost.outputs(arms.rows)
        self._outputs = outputs
        self.price, self.burdens = self._prices()
        self.scale = np.float32(prediction.pairs_per_call.mean)
        self.footing = (coverage.targets.version, *prediction.version)
        self.afford(allowance)

    def afford(self, allowance: Allowance) -> None:
        """Note what may be reserved from now on."""
        self.allowance = allowance
        self.largest_text = self.cost.largest_text(allowance.amount, allowance.tokens)

    def open_rows(self) -> NDArray[np.intp]:
        """Return the rows that wait and can be paid for."""
        return self.candidates.waiting_rows(self.largest_text)

    def is_open(self, row: int) -> bool:
        """Tell whether a row still waits and can be paid for."""
        return bool(self.candidates.waiting[row] and self.candidates.bytes[row] <= self.largest_text)

    def stock(self) -> int:
        """Return how many rows wait and can be paid for."""
        return self.candidates.lengths.within(self.largest_text)

    def draw(self) -> int:
        """Return one of these rows, each as likely as any other; there must be one."""
        return self.candidates.draw(self.rng, self.largest_text)

    def effort(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the predicted cost (n,) of rows: USD, or tokens where tokens are free."""
        if not self._by_cost:
            return np.ones(len(rows), np.float32)
        table = self.candidates
        return self.cost.effort(table.tokens[rows], table.clusters[rows], self._outputs)

    def expected(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the coverage (n, m) that rows will probably bring."""
        return self.expected_by(self.candidates.vectors(rows), rows)

    def expected_by(self, vectors: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the same for rows whose vectors (n, d) are at hand."""
        return self._prediction.expected(vectors, self.candidates.forms(rows))

    def covers_of(self, row: int) -> NDArray[np.float32]:
        """Return the coverage (m,) that one pair of a row will probably bring."""
        if row != self._looked[0]:
            listing = self.candidates.listing
            place = listing.place(row) if listing.footing == self.footing else None
            if place is None:
                covers = np.asarray(self.expected(np.array([row]))[0] / self.scale)
            else:
                covers = listing.covers[place].copy()
            self._looked = (row, covers)
        return self._looked[1]

    @property
    def pending(self) -> NDArray[np.float64]:
        """Coverage (m,) that tickets in flight will probably bring. To change it, set it."""
        return self._pending

    @pending.setter
    def pending(self, coverage: NDArray[np.float64]) -> None:
        self._pending = coverage
        self._measure: Measure | None = None

    def gains(self, added: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the gain (n,) of adding coverage (n, m) to what is there and what is under way."""
        if self._measure is None:
            self._measure = self.coverage.measure(self._pending)
        return self._measure.gains(added)

    def evaluate(self, rows: NDArray[np.intp], block: int = 2048) -> None:
        """Write the present gain of rows into the table."""
        for start in range(0, len(rows), block):
            part = rows[start : start + block]
            self.candidates.evaluated(part, self.gains(self.expected(part)), self.burdens)

    def promise(
        self,
        rows: NDArray[np.intp],
        covers: NDArray[np.float32],
        gains: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> None:
        """Count tickets for rows (n,) as under way, with their predicted gains.

        `covers` (n, m) are what one pair of each covers; `weights` (n,) scale what all of them will.
        """
        self.pending = self._pending + weights @ (covers * self.scale)
        np.add.at(self.promised, self.candidates.clusters[rows], gains)

    def buy(self, row: int, gain: float, weight: float) -> Bought:
        """Count a new ticket for a row as under way."""
        targets = self.coverage.targets
        covers = self.covers_of(row)
        added = covers * self.scale
        names, best = targets.names, 0
        if len(names) > 1:
            gains = targets.importance * np.log1p(added / (1 + targets.covered + self._pending))
            best = int(np.argmax(targets.by_target(gains)))
        self.pending = self._pending + weight * added
        self.promised[self.candidates.clusters[row]] += gain
        return Bought(names[best], covers)

    def _prices(self) -> tuple[np.float32, NDArray[np.float32]]:
        arms = np.arange(self.arms.height, dtype=np.int32)
        if not self._by_cost:  # a passage costs what any other does, so its tokens weigh next to nothing
            return _TINY, np.full(len(arms), 1 / _TINY, np.float32)
        empty = self.cost.effort(np.zeros_like(arms), arms, self._outputs)
        long = self.cost.effort(np.full_like(arms, _LONG), arms, self._outputs)
        price = np.maximum(np.float32((long - empty)[0] / _LONG), empty.max() * _TINY)
        return price, np.maximum(empty / price, _TINY)
