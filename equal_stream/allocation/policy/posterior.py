"""How far each cluster's predictions can be believed: realised ÷ predicted gain, as it moves with time.

A Gaussian belief over the ratios of all arms (`field`): one level, a landscape over centroids that near
clusters share, and each cluster's own part, all of which drift. A ticket tells the more the more it was
predicted to bring; how noisy tickets are is learned. Tickets under way count as evidence of nothing,
by what they promise and as far as the belief is in doubt, so that an untested cluster gets a few tickets
before the first answers and not the whole batch.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.policy.field import Field
from equal_stream.allocation.policy.likeness import Likeness

_FEATURES = 128  # of a centroid: likeness is off by about a tenth
_REACH = 0.6  # distance of unit vectors at which likeness has fallen to 0.6: a cosine of 0.82


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
        likeness = Likeness(_FEATURES, _REACH) if shared > 0 else None
        self._field = Field(
            forget=forget,
            spread=spread,
            shared=shared,
            shrinkage=shrinkage,
            inherit=inherit,
            likeness=likeness,
        )

    def locate(self, arm: int, centroid: NDArray[np.float32]) -> None:
        """Say where an arm lies: a unit vector (d,)."""
        self._field.locate(arm, centroid)

    def update(self, arm: int, predicted: float, realised: float) -> None:
        """Take in one ended ticket; what was predicted as worthless teaches nothing."""
        self._field.update(arm, predicted, realised)

    def means(
        self, height: int, promised: NDArray[np.float64] | None = None, in_flight: int = 0
    ) -> NDArray[np.float32]:
        """Return the ratio of each of `height` arms, (height,) float32.

        `promised` (height,) is predicted gain that counts as evidence that nothing came of it, from
        `in_flight` tickets.
        """
        mean, variance = self._field.moments(height)
        if promised is not None:
            mean = mean / (1 + variance * self._field.precision(mean, promised, in_flight))
        return mean.astype(np.float32)

    def copy(self, arm: int, parent: int) -> None:
        """Let an arm without evidence begin with part of its parent's."""
        self._field.copy(arm, parent)

    def add(self, survivor: int, ended: int) -> None:
        """Give an arm the evidence of another."""
        self._field.add(survivor, ended)

    def clear(self, arm: int) -> None:
        """Drop the evidence and the place of an arm."""
        self._field.clear(arm)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return self._field.to_state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._field.load_state(state)
