"""How many pairs a call for a passage brings, as far as one log can tell.

Calls for passages of cluster c bring λ_c · (tokens ÷ usual)^γ · f pairs in the mean, f being a factor that is
given (`locality`). Clusters differ: some may be barren, and in the others λ_c has a gamma law around the mean
of all, and so, given what was bought there, again a gamma law, wide where little was bought. The mean, how
much clusters differ, how many are barren, and γ are weighed by their likelihood, not fixed at the best.

A policy that learns stops buying where the first calls came out badly, so that plain means by cluster are
too low. A posterior depends on what was seen only, and not on why the policy looked there.

Gelman and others 2013, "Bayesian data analysis", section 5.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_POWERS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # γ: from no effect of length to in proportion
_SHAPES = np.geomspace(0.1, 30, 12)  # of the law of clusters: from next to all or nothing to all alike
_MEANS = np.geomspace(0.25, 4, 17)  # of that law, in units of the mean of all calls
_BARREN = np.array([0.0, 0.1, 0.25, 0.5])  # shares of clusters where nothing is to be found
_lgamma = np.vectorize(lgamma, otypes=[np.float64])


@dataclass(frozen=True)
class Counts:
    """The billed calls of a log, n of them.

    Attributes
    ----------
    clusters
        (n,) int64.
    tokens
        (n,) of the passages, 1 at least.
    pairs
        (n,) that they brought.
    factors
        (n,) by which they bring more than is usual for their clusters and lengths.
    """

    clusters: NDArray[np.int64]
    tokens: Array
    pairs: Array
    factors: Array


class Law(NamedTuple):
    """One of the laws by which calls may bring pairs: γ, shape and mean of the gamma law, share of barren."""

    power: float
    shape: float
    mean: float
    barren: float


class Yields:
    """What is known of yields after a log.

    Parameters
    ----------
    counts
        At least one call.

    Attributes
    ----------
    excess
        Variance of a call's number of pairs around its mean, as a multiple of the mean; 1 at least.
    """

    def __init__(self, counts: Counts) -> None:
        self._usual = float(np.exp(np.log(counts.tokens).mean()))
        self._clusters, self._rows = np.unique(counts.clusters, return_inverse=True)
        self._place = {int(cluster): row for row, cluster in enumerate(self._clusters)}
        self._counts = counts
        self._most = int(counts.pairs.max())  # pairs are capped by the prompt
        self._sums = np.bincount(self._rows, counts.pairs)
        sizes = counts.tokens / self._usual
        self._exposures = {
            float(power): np.bincount(self._rows, sizes**power * counts.factors) for power in _POWERS
        }
        self.excess = self._excess()
        self._laws, self._weights = self._weigh()

    def draw_law(self, rng: np.random.Generator) -> Law:
        """Return a law, drawn by how likely it makes the log."""
        return self._laws[int(rng.choice(len(self._laws), p=self._weights))]

    def draw_rate(self, rng: np.random.Generator, law: Law, cluster: int) -> float:
        """Return what calls for passages of usual length bring in a cluster, drawn from its posterior."""
        pairs, exposure = self._seen(cluster, law.power)
        if rng.random() < self._barren(law, pairs, exposure):
            return 0.0
        shape = law.shape + pairs / self.excess
        return float(rng.gamma(shape) / (law.shape / law.mean + exposure / self.excess))

    def draw_pairs(self, rng: np.random.Generator, mean: float) -> int:
        """Return how many pairs one call brings, drawn with this mean."""
        if self.excess > 1.0 and mean > 0:
            spare = self.excess - 1.0
            mean = float(rng.gamma(mean / spare, spare))
        return min(int(rng.poisson(mean)), self._most)

    def size(self, law: Law, tokens: float) -> float:
        """Return by how much more a passage brings than one of usual length."""
        return float((max(tokens, 1.0) / self._usual) ** law.power)

    def usual(self) -> Array:
        """Return what each call of the log was to bring by the likeliest law, but for its factor: (n,)."""
        law = self._laws[int(np.argmax(self._weights))]
        shapes = law.shape + self._sums / self.excess
        rates = shapes / (law.shape / law.mean + self._exposures[law.power] / self.excess)
        means: Array = rates[self._rows] * (self._counts.tokens / self._usual) ** law.power
        return means

    def foretell(self, laws: Sequence[Law], call: int) -> tuple[float, float]:
        """Return mean and variance of the pairs of one call of the log, by all that other calls brought."""
        own, tokens = self._counts.pairs[call], self._counts.tokens[call]
        means, variances = [], []
        for law in laws:
            size = self.size(law, tokens) * float(self._counts.factors[call])
            pairs, exposure = self._seen(int(self._counts.clusters[call]), law.power)
            pairs, exposure = pairs - own, exposure - size
            shape, rate = law.shape + pairs / self.excess, law.shape / law.mean + exposure / self.excess
            fertile = 1 - self._barren(law, pairs, exposure)
            mean = fertile * size * shape / rate
            spread = size**2 * shape / rate**2
            means.append(mean)
            variances.append(
                fertile * (spread + (1 - fertile) * (size * shape / rate) ** 2) + self.excess * mean
            )
        return float(np.mean(means)), float(np.mean(variances) + np.var(means))

    def _seen(self, cluster: int, power: float) -> tuple[float, float]:
        row = self._place.get(cluster)
        if row is None:
            return 0.0, 0.0
        return float(self._sums[row]), float(self._exposures[power][row])

    def _barren(self, law: Law, pairs: float, exposure: float) -> float:
        """Return how probably a cluster is barren that brought so many pairs."""
        if pairs > 0 or law.barren == 0:
            return 0.0
        rate = law.shape / law.mean
        nothing = (1 - law.barren) * (rate / (rate + exposure / self.excess)) ** law.shape
        return float(law.barren / (law.barren + nothing))

    def _excess(self) -> float:
        """Return Pearson's estimate, by calls of clusters of which several were made."""
        middle = float(_POWERS[len(_POWERS) // 2])
        rates = self._sums / self._exposures[middle]
        means = rates[self._rows] * (self._counts.tokens / self._usual) ** middle * self._counts.factors
        some = means > 0
        free = int(some.sum()) - int((self._sums > 0).sum())
        if free < 1:
            return 1.0
        misses = (self._counts.pairs[some] - means[some]) ** 2 / means[some]
        return max(1.0, float(misses.sum() / free))

    def _weigh(self) -> tuple[list[Law], Array]:
        """Return all laws and their weights, which sum to 1."""
        sizes = np.log(self._counts.tokens / self._usual)
        pairs = self._sums / self.excess
        overall = max(float(self._counts.pairs.mean()), 1e-3)
        laws, logs = [], []
        for power in _POWERS.tolist():
            exposures = self._exposures[power] / self.excess
            by_length = float(power * (self._counts.pairs @ sizes)) / self.excess
            for shape in _SHAPES.tolist():
                rising = _lgamma(shape + pairs) - lgamma(shape)
                for mean in (overall * _MEANS).tolist():
                    rate = shape / mean
                    each = rising + shape * np.log(rate) - (shape + pairs) * np.log(rate + exposures)
                    found = float(each[pairs > 0].sum())
                    for barren in _BARREN.tolist():
                        laws.append(Law(power, shape, mean, barren))
                        without = np.log(barren + (1 - barren) * np.exp(each[pairs == 0])).sum()
                        fertile = int((pairs > 0).sum()) * np.log1p(-barren)
                        logs.append(by_length + found + fertile + float(without))
        weights = np.exp(np.array(logs) - max(logs))
        return laws, weights / weights.sum()
