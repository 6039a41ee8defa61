"""How many publishable pairs a call brings on average, learned as answers come.

One number for all clusters: how clusters differ is what the policy's calibration learns, and two
models that both explain an empty cluster would each take half the blame.
"""

from typing import Any

_PRIOR = 2.0  # pairs a call
_PRIOR_WEIGHT = 5.0  # calls
_FORGET = 0.998  # per call


class PairsPerCall:
    """A discounted mean, shrunk to a prior."""

    def __init__(self) -> None:
        self._pairs = 0.0
        self._calls = 0.0

    def learn(self, pairs: int) -> None:
        """Take in how many pairs an answered call brought."""
        self._pairs = self._pairs * _FORGET + pairs
        self._calls = self._calls * _FORGET + 1.0

    @property
    def mean(self) -> float:
        """Pairs to expect of the next call."""
        return (self._pairs + _PRIOR * _PRIOR_WEIGHT) / (self._calls + _PRIOR_WEIGHT)

    def to_state(self) -> list[float]:
        """Return what `load_state` takes."""
        return [self._pairs, self._calls]

    def load_state(self, state: list[Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._pairs, self._calls = state
