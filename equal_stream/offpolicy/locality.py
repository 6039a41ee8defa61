"""Whether passages that lie near each other bring alike, more or less than is usual in their clusters.

A policy that predicts yields buys, within a cluster, what looks fruitful, and what it left brings less. The
ratio of what calls brought to what is usual in their clusters is a Gaussian process around 1 over the
passages' vectors; how strong it is, is weighed by its likelihood. What is said of a call that was made rests
on all others.

Rasmussen and Williams 2006, "Gaussian processes for machine learning", sections 2.2 and 5.4.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 1500  # calls it is fitted to: a second of work; of more, so many are drawn
_WIDTH = 0.4  # cosine distance over which likeness fades by e, as in the allocator's own predictions
_STRENGTHS = (0.0, 0.03, 0.1, 0.3, 1.0)  # variances of the ratio
_LEAST, _MOST_FACTOR = 0.2, 4.0


class Locality:
    """Factors by place.

    Parameters
    ----------
    vectors
        (n, d) float32, of unit length, of the passages of calls, n ≤ `MOST`.
    ratios
        (n,) of what they brought to what is usual.
    noise
        (n,) variances of these ratios around their means.
    """

    def __init__(self, vectors: NDArray[np.float32], ratios: Array, noise: Array) -> None:
        self._vectors = vectors
        likeness, misses = _likeness(vectors, vectors), ratios - 1
        fits = [_fit(strength * likeness, noise, misses) for strength in _STRENGTHS]
        likely = np.exp(np.array([fit.likely for fit in fits]) - max(fit.likely for fit in fits))
        likely /= likely.sum()
        self._weights: Array = sum(
            (
                share * strength * fit.weights
                for share, strength, fit in zip(likely, _STRENGTHS, fits, strict=True)
            ),
            start=np.zeros(len(misses)),
        )
        self.own = _factors(likely @ np.array([fit.left_out for fit in fits]))
        """(n,) factors of these calls, each by all the others."""

    def at(self, vectors: NDArray[np.float32]) -> Array:
        """Return the factors (k,) of passages (k, d)."""
        return _factors(_likeness(vectors, self._vectors) @ self._weights)


def _factors(raised: Array) -> Array:
    return np.clip(1 + raised, _LEAST, _MOST_FACTOR)


def _likeness(some: NDArray[np.float32], others: NDArray[np.float32]) -> Array:
    alike: Array = np.exp((some @ others.T - 1).astype(np.float64) / _WIDTH)
    return alike


class _Fit(NamedTuple):
    """One strength: its log-likelihood but for a constant, weights (n,), raised ratios left out (n,)."""

    likely: float
    weights: Array
    left_out: Array


def _fit(covariance: Array, noise: Array, misses: Array) -> _Fit:
    noisy = np.asarray(covariance + np.diag(noise), np.float64)
    inverse = np.linalg.inv(noisy).astype(np.float64)
    weights = inverse @ misses
    likely = -0.5 * float(misses @ weights + np.linalg.slogdet(noisy)[1])
    return _Fit(likely, weights, misses - weights / np.diag(inverse))
