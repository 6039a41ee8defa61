"""What each arm has shown of itself: weighted ratios that grow vague with time.

The evidence of an arm is one observation of its ratio: a precision and a precision-weighted value. As
time passes the ratio moves on while the observation stays, so its variance grows as that of an
Ornstein-Uhlenbeck process that was last seen so long ago. Ageing is lazy: an arm is aged when it is
looked at.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_COLUMNS = ("precision", "weighted", "seen_at")


class Evidence:
    """Observations by arm, at times counted in ended tickets.

    Parameters
    ----------
    rate
        Share of a ratio's deviation that a ticket's time undoes; 0 never forgets.

    Attributes
    ----------
    precision, weighted, seen_at
        (arms,) float64; 1 / variance of an arm's observation when it was last changed, that times its
        value, and when that was.
    now
        The time, in tickets.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.now = 0.0
        self.precision = np.zeros(0)
        self.weighted = np.zeros(0)
        self.seen_at = np.zeros(0)

    def __len__(self) -> int:
        return len(self.precision)

    def reach(self, height: int) -> None:
        """Have a row for each of `height` arms."""
        missing = np.zeros(height - len(self))
        for column in _COLUMNS:
            setattr(self, column, np.concatenate([getattr(self, column), missing]))

    def at(self, arm: int, variance: float) -> tuple[float, float]:
        """Return an arm's precision and weighted value now, if ratios vary with this `variance`."""
        precision = float(self.precision[arm])
        vague = np.expm1(2 * self.rate * (self.now - float(self.seen_at[arm])))
        kept = 1 / (1 + precision * variance * float(vague))
        return precision * kept, float(self.weighted[arm]) * kept

    def all(self, height: int, variance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the same for the first `height` arms, (height,) each."""
        precision = self.precision[:height]
        kept = np.expm1(2 * self.rate * (self.now - self.seen_at[:height]))
        kept *= precision
        kept *= variance
        kept += 1
        return precision / kept, self.weighted[:height] / kept

    def put(self, arm: int, precision: float, weighted: float) -> None:
        """Make this an arm's evidence as of now."""
        self.precision[arm], self.weighted[arm], self.seen_at[arm] = precision, weighted, self.now

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"now": self.now, **{column: getattr(self, column) for column in _COLUMNS}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.now = state["now"]
        for column in _COLUMNS:
            setattr(self, column, state[column])
