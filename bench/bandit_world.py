"""A world of clusters for bandits: what every cluster is worth at every tick, drawn before anybody plays.

Topics lie on a sphere; each cluster has a centroid near one of them. The gain of a pair follows a field
over centroids that changes smoothly (near clusters alike) plus a part of the cluster's own that drifts
and sometimes jumps. Clusters are born, split, die and merge; documents arrive; what was extracted makes
more of the same redundant until fresh documents replace it. Clusters differ in tokens per document and
in pairs per document.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEATURES = 128  # random Fourier features: the field is within a few per cent of its Gaussian process
_TOKENS = 2000.0  # of a typical document and its call
_FOREVER = 1e8  # a mean life beyond this means that no cluster ever comes or goes


@dataclass(frozen=True)
class Scenario:
    """What a world is like. Times in ticks, costs in tokens.

    Parameters
    ----------
    ticks, clusters, dimension
        Length of the game, clusters alive at the start, dimension of centroids.
    shared, length_scale
        Share of the worth's variance that near clusters have in common, and how near that is.
    shared_time, own_time, jumps
        How long the common and the own part remember, and the own part's jumps a tick.
    life, splits, merges
        Mean life, share of births that are splits, merges a tick.
    halving, rotting
        Extracted documents that halve what the next is worth (median over clusters), and its strength.
    delay, chunk, budget
        Mean ticks to an answer, documents bought at once, tokens a tick.
    arrivals, cost_spread
        Mean documents a tick and cluster, and standard deviation of log tokens per document.
    """

    ticks: int = 500
    clusters: int = 100
    dimension: int = 16
    shared: float = 0.7
    length_scale: float = 0.6
    shared_time: float = 400.0
    own_time: float = 300.0
    jumps: float = 1 / 400
    life: float = 250.0
    splits: float = 0.5
    merges: float = 0.03
    halving: float = 40.0
    rotting: float = 1.0
    delay: float = 4.0
    chunk: int = 4
    budget: float = 50_000.0
    arrivals: float = 2.0
    cost_spread: float = 0.6


SCENARIOS: dict[str, Scenario] = {
    "base": Scenario(),
    "no likeness between neighbours": Scenario(shared=0.0),
    "stationary: no churn, drift, rotting or delay": Scenario(
        life=10 * _FOREVER,
        merges=0.0,
        shared_time=10 * _FOREVER,
        own_time=10 * _FOREVER,
        jumps=0.0,
        rotting=0.0,
        delay=0.0,
        arrivals=8.0,
    ),
    "fast drift: times / 4, jumps x 4": Scenario(shared_time=100.0, own_time=75.0, jumps=0.01),
    "long delay: mean 20 ticks": Scenario(delay=20.0),
    "no rotting": Scenario(rotting=0.0),
    "scarce budget: a quarter": Scenario(budget=12_500.0),
    "300 clusters": Scenario(clusters=300),
    "equal costs": Scenario(cost_spread=0.01),
}


class Event(NamedTuple):
    """A step in the lineage: `other` is the parent of a birth (-1: none) or what went into a survivor."""

    kind: Literal["birth", "death", "merge"]
    cluster: int
    other: int = -1


class World:
    """Everything about one world that no player can change; equal seeds give equal worlds.

    Attributes
    ----------
    centroids
        (clusters, dimension) float64 unit vectors of all clusters that ever live.
    worth
        (ticks, clusters) float64; mean gain of a pair while nothing was extracted yet.
    pairs, tokens
        (clusters,) float64; mean pairs and tokens of a document.
    halving
        (clusters,) float64; extracted documents that halve the worth.
    seen_tokens
        (clusters,) float64; document length as it can be seen before anything is bought.
    arrivals, stock
        (ticks, clusters) and (clusters,) int64; documents that arrive, and that lie there at birth.
    events
        What happens in the lineage at each tick.
    """

    def __init__(self, seed: int, scenario: Scenario) -> None:
        self.scenario = scenario
        self.seed = seed
        self._rng = np.random.default_rng([seed, 0])
        rng, dimension = self._rng, scenario.dimension
        self.clusters = count = self._most_clusters()
        topics = _unit(rng.standard_normal((max(8, scenario.clusters // 4), dimension)))
        near = topics[rng.integers(len(topics), size=count)]
        self.centroids = _unit(near + 0.25 * rng.standard_normal((count, dimension)))
        self.tokens = _TOKENS * np.exp(scenario.cost_spread * rng.standard_normal(count))
        self.pairs = 3 * np.sqrt(self.tokens / _TOKENS) * rng.gamma(4.0, 0.25, count)
        self.halving = scenario.halving * rng.lognormal(0.0, 0.5, count)
        self.rates = np.minimum(scenario.arrivals * rng.lognormal(-0.5, 1.0, count), 30.0)
        self.stock = rng.poisson(60, count)
        self.worth = np.zeros((scenario.ticks, count))
        self.arrivals = np.zeros((scenario.ticks, count), np.int64)
        self.events: list[list[Event]] = [[] for _ in range(scenario.ticks)]
        self._unroll()
        self.seen_tokens = self.tokens * rng.lognormal(0.0, 0.2, count)

    def _most_clusters(self) -> int:
        scenario = self.scenario
        if scenario.life > _FOREVER:
            return scenario.clusters
        births = scenario.ticks * scenario.clusters / scenario.life
        return int(scenario.clusters + 1.6 * births + 60)

    def _unroll(self) -> None:
        rng, scenario = self._rng, self.scenario
        frequencies = rng.standard_normal((scenario.dimension, _FEATURES)) / scenario.length_scale
        phases = rng.uniform(0, 2 * np.pi, _FEATURES)
        features = np.sqrt(2 / _FEATURES) * np.cos(self.centroids @ frequencies + phases)
        field, own = rng.standard_normal(_FEATURES), rng.standard_normal(self.clusters)
        keep_field, keep_own = np.exp(-1 / scenario.shared_time), np.exp(-1 / scenario.own_time)
        alive = list(range(scenario.clusters))
        born = scenario.clusters
        for tick in range(scenario.ticks):
            if tick:
                field = keep_field * field + np.sqrt(1 - keep_field**2) * rng.standard_normal(_FEATURES)
                own = keep_own * own + np.sqrt(1 - keep_own**2) * rng.standard_normal(self.clusters)
                jumped = rng.random(self.clusters) < scenario.jumps
                own[jumped] = rng.standard_normal(int(jumped.sum()))
                if scenario.life <= _FOREVER:
                    first, born = born, self._churn(tick, alive, born, own)
                    moved = self.centroids[first:born] @ frequencies + phases
                    features[first:born] = np.sqrt(2 / _FEATURES) * np.cos(moved)
            height = np.sqrt(scenario.shared) * (features @ field) + np.sqrt(1 - scenario.shared) * own
            self.worth[tick] = 1 / (1 + np.exp(1.2 - 1.3 * height))
            self.arrivals[tick, alive] = rng.poisson(self.rates[alive])

    def _churn(self, tick: int, alive: list[int], born: int, own: NDArray[np.float64]) -> int:
        rng, scenario, events = self._rng, self.scenario, self.events[tick]
        for cluster in [each for each in alive if rng.random() < 1 / scenario.life]:
            if len(alive) > 10:
                alive.remove(cluster)
                events.append(Event("death", cluster))
        for _ in range(rng.poisson(scenario.clusters / scenario.life)):
            if born == self.clusters:
                break
            parent = -1
            if rng.random() < scenario.splits:
                parent = alive[rng.integers(len(alive))]
                self._resemble(born, parent, own)
            alive.append(born)
            events.append(Event("birth", born, parent))
            born += 1
        if rng.random() < scenario.merges and len(alive) > 20:
            survivor = alive[rng.integers(len(alive))]
            others = [each for each in alive if each != survivor]
            ended = others[int(np.argmax(self.centroids[others] @ self.centroids[survivor]))]
            alive.remove(ended)
            events.append(Event("merge", survivor, ended))
        return born

    def _resemble(self, child: int, parent: int, own: NDArray[np.float64]) -> None:
        rng = self._rng
        moved = self.centroids[parent] + 0.12 * rng.standard_normal(self.scenario.dimension)
        self.centroids[child] = _unit(moved)
        own[child] = 0.7 * own[parent] + 0.7 * rng.standard_normal()
        self.tokens[child] = self.tokens[parent] * rng.lognormal(0.0, 0.2)
        self.pairs[child] = self.pairs[parent] * rng.lognormal(0.0, 0.2)
        self.halving[child] = self.halving[parent]


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
