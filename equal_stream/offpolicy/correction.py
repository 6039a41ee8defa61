"""By how much the model errs, as tickets drawn at random say.

Most tickets go to what the policy in charge likes, and the model has learned from these. A few are drawn at
random, each standing for as many waiting passages as its propensity is small. Among passages that look as
promising, their weighted sum of worth ÷ that of what the model expected of them without them is the factor by
which the model errs. This is what makes the estimate doubly robust: were the model wrong, enough of these
tickets would set it right; where there are few, it holds as far as the model does.

Before any such ticket is seen the model is believed to within `DOUBT` of itself, and what they say is weighed
against that.

Dudik, Langford and Li 2011, "Doubly robust policy evaluation and learning"; promise in place of passages:
Saito and Joachims 2022, "Off-policy evaluation for large action spaces via embeddings"; the correction inside
the model, so that its predictions stay possible: van der Laan and Rubin 2006, "Targeted maximum likelihood
learning".
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DOUBT = 0.25  # one standard deviation of the model's relative error, before any evidence
_STRATUM = 6  # random tickets at least in a stratum of promise: fewer say next to nothing of its error
_STRATA = 4
_LEAST = 0.05  # of a factor: what brought nothing so far may bring something yet


@dataclass(frozen=True)
class Drawn:
    """Tickets drawn at random, n of them.

    Attributes
    ----------
    promises
        (n,) of their passages.
    propensities
        (n,).
    worth
        (n,) of the pairs that came, were nothing covered.
    expected, variances
        (n,) mean and variance of that, by the model without these tickets.
    """

    promises: Array
    propensities: Array
    worth: Array
    expected: Array
    variances: Array


@dataclass(frozen=True)
class Correction:
    """Factors on what the model expects, by promise, with s strata.

    Attributes
    ----------
    edges
        (s − 1,) promises at which the next stratum begins.
    factors
        (s,) means.
    doubts
        (s,) one standard deviation.
    """

    edges: Array
    factors: Array
    doubts: Array

    @classmethod
    def by(cls, drawn: Drawn) -> Self:
        """Return what random tickets say."""
        strata = max(1, min(_STRATA, len(drawn.worth) // _STRATUM))
        edges = np.quantile(drawn.promises, np.arange(1, strata) / strata) if strata > 1 else np.zeros(0)
        of = np.digitize(drawn.promises, edges)
        factors, doubts = np.ones(strata), np.full(strata, DOUBT)
        for stratum in range(strata):
            here = of == stratum
            weights = 1 / np.maximum(drawn.propensities[here], 1e-12)
            expected = float(weights @ drawn.expected[here])
            if expected <= 0:
                continue
            error = float(weights @ (drawn.worth - drawn.expected)[here]) / expected
            variance = float(weights**2 @ drawn.variances[here]) / expected**2
            trust = DOUBT**2 / (DOUBT**2 + variance)
            factors[stratum] = max(1 + trust * error, _LEAST)
            doubts[stratum] = DOUBT * np.sqrt(1 - trust)
        return cls(edges, factors, doubts)

    def factor(self, promise: float, deviation: float) -> float:
        """Return the factor for a passage, so many standard deviations from its mean."""
        stratum = int(np.digitize(promise, self.edges))
        return max(float(self.factors[stratum] + deviation * self.doubts[stratum]), _LEAST)
