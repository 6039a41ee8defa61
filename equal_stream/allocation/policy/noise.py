"""How big and how noisy tickets are, learned.

The variance of a ticket's ratio is relative noise × its cluster's ratio × the level ÷ its size in
typical tickets: the quasi-Poisson law, under which twice the predicted gain tells twice as much. The
relative noise is the mean of squared surprises beyond what the belief expected to be wrong by.
"""

from typing import Any

_KEEP = 0.998  # of what is known about sizes, per ticket
_MEMORY = 300.0  # tickets that the relative noise is a mean of
_MOST = 4.0  # one surprise counts as this many times the noise known so far, at most: outliers are outliers


class Size:
    """The predicted gain of a typical ticket: a discounted mean."""

    def __init__(self) -> None:
        self._predicted = 0.0
        self._tickets = 0.0

    def learn(self, predicted: float) -> None:
        """Take in how much a ticket promised."""
        self._predicted = self._predicted * _KEEP + predicted
        self._tickets = self._tickets * _KEEP + 1.0

    def typical(self, promised: float = 0.0, in_flight: int = 0) -> float:
        """Return the size of a typical ticket, those in flight included; 0 if there was none."""
        tickets = self._tickets + in_flight
        return (self._predicted + promised) / tickets if tickets > 0 else 0.0

    def to_state(self) -> list[float]:
        """Return what `load_state` takes."""
        return [self._predicted, self._tickets]

    def load_state(self, state: list[Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._predicted, self._tickets = state


class Noise:
    """Relative noise of tickets: variance of a typical ticket's ratio over its squared mean.

    Parameters
    ----------
    relative
        What is assumed before any ticket is seen.
    trust
        Tickets that this assumption counts as.
    """

    def __init__(self, relative: float, trust: float) -> None:
        self._squares = relative * trust
        self._seen = trust

    @property
    def relative(self) -> float:
        """The relative noise as known now."""
        return self._squares / self._seen

    def learn(self, surprise: float, expected: float, variance: float) -> None:
        """Take in a squared surprise, where error of `expected` was due beside noise of `variance`."""
        relative = self.relative
        found = relative * (surprise - expected) / variance
        self._squares += min(max(found, 0.0), _MOST * relative)
        self._seen += 1
        if self._seen > _MEMORY:
            self._squares *= _MEMORY / self._seen
            self._seen = _MEMORY

    def variance(self, mean: float, level: float, tickets: float) -> float:
        """Return the variance of a ratio seen over so many typical tickets."""
        return self.relative * mean * level / tickets

    def to_state(self) -> list[float]:
        """Return what `load_state` takes."""
        return [self._squares, self._seen]

    def load_state(self, state: list[Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._squares, self._seen = state
