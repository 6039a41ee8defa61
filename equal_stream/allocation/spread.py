"""Where pairs lie around the passages they come from, learned from all that were bought.

Passages are compared with references by cosine, but it is their pairs that cover, and these scatter: most
lie farther from a reference than the passage does that is near to it, and a few below the threshold still
come to lie above. How much a pair covers of a reference at a given closeness to its passage is one curve
that never falls, drawn through all (passage, reference) examples so far; a call gives one for every
reference. Before there are any it is what was seen on recorded corpora: a power a little above 1, and a
soft floor below the threshold, where a hard zero strands useful passages.

Measured (`bench.allocation`, part ablation): the floor cuts the cost of 80 % coverage by a tenth. Learning
the curve is worth nothing with the encoder that the first one was drawn with; it is there for all others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

_FROM, _TO = -1.0, 1.0  # closeness: 0 where relevance begins, 1 at the reference itself
_BINS = 41
_FINE = 1025  # entries of the table that is read; between bins the curve is straight
_POWER = 1.4  # of the first curve
_FLOOR = 0.01  # what is credited where relevance begins
_FLOOR_WIDTH = 0.07  # closeness over which the floor falls by e
_PRIOR = 20.0  # examples' worth of the first curve, in each bin
_FORGET = 0.999  # per call: models and prompts change
_FIRST, _GROWTH = 8, 0.25  # calls before the first fit; growth before each next
_EVERY = 100  # calls, at the latest

_GRID = np.linspace(_FROM, _TO, _BINS)
_TABLE = np.linspace(_FROM, _TO, _FINE)
_BEFORE = np.maximum(_GRID, 0.0) ** _POWER + _FLOOR * np.exp(np.minimum(_GRID, 0.0) / _FLOOR_WIDTH)


class Spread:
    """Mean coverage by one pair, by its passage's closeness.

    Attributes
    ----------
    version
        Grows whenever `expected` begins to answer otherwise.
    """

    def __init__(self) -> None:
        self.version = 0
        self._weights = np.zeros(_BINS)
        self._sums = np.zeros(_BINS)
        self._calls = 0
        self._fitted = 0
        self._draw(_BEFORE)

    def learn(self, closeness: NDArray[np.float32], covered: NDArray[np.float32]) -> None:
        """Take in a call: closeness (m,) of its passage to each reference, what a pair covered of it."""
        bins = np.rint((closeness - _FROM) * ((_BINS - 1) / (_TO - _FROM))).astype(np.intp)
        bins = np.clip(bins, 0, _BINS - 1)
        self._weights = self._weights * _FORGET + np.bincount(bins, minlength=_BINS)
        self._sums = self._sums * _FORGET + np.bincount(bins, covered, _BINS)
        self._calls += 1

    def refit(self) -> bool:
        """Draw the curve anew if enough calls came; tell whether it was."""
        if self._calls - self._fitted < min(max(_FIRST, _GROWTH * self._fitted), _EVERY):
            return False
        self._fitted = self._calls
        self.version += 1
        weights = self._weights + _PRIOR
        means = (self._sums + _PRIOR * _BEFORE) / weights
        self._draw(isotonic_regression(means, weights=weights).x)
        return True

    def expected(self, closeness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what one pair of a passage will probably cover of references, by closeness: any shape."""
        places = (closeness - np.float32(_FROM)) * np.float32((_FINE - 1) / (_TO - _FROM))
        return np.take(self._curve, places.astype(np.intp), mode="clip")

    def _draw(self, curve: NDArray[np.float64]) -> None:
        self._curve = np.interp(_TABLE, _GRID, curve).astype(np.float32)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "weights": self._weights,
            "sums": self._sums,
            "curve": self._curve,
            "calls": self._calls,
            "fitted": self._fitted,
            "version": self.version,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._weights, self._sums, self._curve = state["weights"], state["sums"], state["curve"]
        self._calls, self._fitted, self.version = state["calls"], state["fitted"], state["version"]
