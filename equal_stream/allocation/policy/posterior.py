"""How far each cluster's predictions can be believed: realised ÷ predicted gain, as it moves with time.

Two Gaussian beliefs over the ratios of all arms (`field`), multiplied: pairs ÷ expected pairs, which is a
matter of how pages are written and hardly moves, and gain ÷ predicted gain given the pairs, which moves
with what is covered. Told apart they are known sooner: a call that brings two pairs instead of four says
nothing about what a pair is worth. Where pairs are not told, the second stands for both. A ticket tells
the more the more it was predicted to bring; how noisy tickets are is learned. Tickets under way count,
by what they promise and as far as the belief is in doubt.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.policy.field import Field, Moments
from equal_stream.allocation.policy.likeness import Likeness
from equal_stream.allocation.policy.noise import Size

_FEATURES = 128  # of a centroid: likeness is off by about a tenth
_REACH = 0.6  # distance of unit vectors at which likeness has fallen to 0.6: a cosine of 0.82
_PAIRS_SPREAD = 0.5  # of pairs ÷ expected pairs between arms, in units of its mean
_PAIRS_LAST = 40.0  # pairs ÷ expected pairs moves so many times slower


class _Beliefs(NamedTuple):
    """What is believed of worth, of pairs, and of their product, (arms,) each.

    `slope`: by what share a ticket that counts as having brought nothing lowers the product's mean.
    """

    worth: Moments
    pairs: Moments
    mean: NDArray[np.float64]
    slope: NDArray[np.float64]


class Posterior:
    """Ratios of realised to predicted gain by arm.

    Parameters
    ----------
    shrinkage
        Typical tickets an arm must have seen before its own ratio counts as much as everyone's, assumed
        until the noise of tickets is known.
    forget
        Share of a deviation that is kept per ticket; 1 remembers for ever.
    inherit
        Share of the parent's own part that a child of a split begins with.
    spread
        Standard deviation of ratios between arms, in units of their level.
    shared
        Share of that variance that near clusters have in common; 0 keeps each for itself.
    """

    def __init__(
        self,
        shrinkage: float = 3.0,
        forget: float = 1 - 1 / 2500,
        inherit: float = 0.5,
        *,
        spread: float = 0.7,
        shared: float = 0.5,
    ) -> None:
        self._worth = Field(
            forget=forget,
            spread=spread,
            shared=shared,
            shrinkage=shrinkage,
            inherit=inherit,
            likeness=Likeness(_FEATURES, _REACH) if shared > 0 else None,
        )
        self._pairs = Field(
            forget=1 - (1 - forget) / _PAIRS_LAST,
            spread=_PAIRS_SPREAD,
            shared=0.0,
            shrinkage=shrinkage,
            inherit=inherit,
        )
        self._size = Size()
        self._knows_pairs = False
        self._known: _Beliefs | None = None  # asked for after every ticket of a pull

    def locate(self, arm: int, centroid: NDArray[np.float32]) -> None:
        """Say where an arm lies: a unit vector (d,)."""
        self._worth.locate(arm, centroid)

    def update(
        self, arm: int, predicted: float, realised: float, pairs: int | None = None, expected: float = 0.0
    ) -> float:
        """Take in one ended ticket; return the log density that was given to what it brought.

        What was predicted as worthless teaches nothing, and returns 0.

        Parameters
        ----------
        predicted, realised
            Gain, as predicted when the ticket was bought, and as it came.
        pairs, expected
            Pairs that it brought, and those that its predicted gain counted on. A ticket without pairs
            says nothing about the worth of a pair.
        """
        if predicted <= 0:
            return 0.0
        self._size.learn(predicted)
        if pairs is None or expected <= 0:
            return self._worth.update(arm, predicted, realised)
        self._knows_pairs = True
        density = self._pairs.update(arm, expected, pairs)
        return density + self._worth.update(arm, predicted * pairs / expected, realised)

    def means(
        self, height: int, promised: NDArray[np.float64] | None = None, in_flight: int = 0
    ) -> NDArray[np.float32]:
        """Return the ratio of each of `height` arms, (height,) float32.

        `promised` (height,) is predicted gain that counts as evidence that nothing came of it, from
        `in_flight` tickets.
        """
        beliefs = self._beliefs(height)
        doubt = 1 + beliefs.slope * self._tickets(promised, in_flight)
        return (beliefs.mean / doubt).astype(np.float32)

    def bounds(
        self,
        height: int,
        optimism: float,
        promised: NDArray[np.float64] | None = None,
        in_flight: int = 0,
    ) -> NDArray[np.float32]:
        """Return mean plus `optimism` standard deviations of the ratio of each of `height` arms: float32.

        The deviations are those that will be left when what is `promised`, (height,), by `in_flight`
        tickets has been answered (Desautels, Krause and Burdick, 2014): what is being tried need not be
        tried more.
        """
        worth, pairs = self._beliefs(height)[:2]
        tickets = self._tickets(promised, in_flight)
        worth_left = worth.variance / (1 + worth.variance * worth.told * tickets)
        pairs_left = pairs.variance / (1 + pairs.variance * pairs.told * tickets)
        left = pairs.mean**2 * worth_left + worth.mean**2 * pairs_left + worth_left * pairs_left
        return (worth.mean * pairs.mean + optimism * np.sqrt(left)).astype(np.float32)

    def copy(self, arm: int, parent: int) -> None:
        """Let an arm without evidence begin with part of its parent's."""
        for field in (self._worth, self._pairs):
            field.copy(arm, parent)

    def add(self, survivor: int, ended: int) -> None:
        """Give an arm the evidence of another."""
        for field in (self._worth, self._pairs):
            field.add(survivor, ended)

    def clear(self, arm: int) -> None:
        """Drop the evidence and the place of an arm."""
        for field in (self._worth, self._pairs):
            field.clear(arm)

    def _beliefs(self, height: int) -> _Beliefs:
        worth = self._worth.moments(height)
        if self._knows_pairs:
            pairs = self._pairs.moments(height)
        elif self._known is not None and self._known.worth is worth:
            return self._known
        else:
            nothing = np.zeros(height)
            pairs = Moments(np.ones(height), nothing, nothing)
        if self._known is None or self._known.worth is not worth or self._known.pairs is not pairs:
            slope = worth.variance * worth.told + pairs.variance * pairs.told
            self._known = _Beliefs(worth, pairs, worth.mean * pairs.mean, slope)
        return self._known

    def _tickets(self, promised: NDArray[np.float64] | None, in_flight: int) -> NDArray[np.float64] | float:
        """Return how many typical tickets the promised gain is, (arms,); 0 where nothing is promised."""
        if promised is None:
            return 0.0
        size = self._size.typical(float(promised.sum()), in_flight)
        return promised / size if size > 0 else 0.0

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "worth": self._worth.to_state(),
            "pairs": self._pairs.to_state(),
            "size": self._size.to_state(),
            "knows_pairs": self._knows_pairs,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._worth.load_state(state["worth"])
        self._pairs.load_state(state["pairs"])
        self._size.load_state(state["size"])
        self._knows_pairs = state["knows_pairs"]
