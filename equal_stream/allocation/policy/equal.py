"""EQUAL, the paper's policy: UCB over clusters on the optimal-transport score of what they brought.

1. Warm-up: a random share of the passages that are known at the first pull.
2. Then pull after pull: of the cluster with the highest DS = reward + α·√(2 ln T / (T_j + 1)), some
   passages at random, whatever they cost. T_j are the pulls of cluster j, those under way included.
3. When a pull's passages have come back, its reward is 1 − W₁ between their pairs and the references; a
   cluster's is the mean over its pulls, or, as the paper words it, that of all its pairs together.

Results come late, so a pull goes on, and others begin, while earlier ones are under way. A cluster's first
score is of whatever the warm-up brought from it; after that only full pulls count, because W₁ of few pairs
is larger for being of few. A cluster that the warm-up missed counts as an average one: putting all of these
first, as UCB does, made it spend half as much again. Restarted without its saved state, it learns from
replayed pairs, ten of them counting as a pull, and buys a warm-up again.

Paper: "EQUAL", arXiv 2505.12250. Its released code differs from the paper: it takes the mean over pulls,
α = 0.001, and credits each reward to every cluster within a Fréchet distance of 0.2; an unvisited cluster
counts there as one of reward 0.12. These are `EQUAL(alpha=0.001, neighbours=0.2, unvisited=0.12)`;
the paper's own are `EQUAL(alpha=None, estimate="union", unvisited=math.inf)`. The defaults do better than
either: they were chosen in its favour, on synthetic and recorded crawls of some 150 clusters.
"""

import math
from collections.abc import Generator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.arm_choice import highest
from equal_stream.allocation.policy.arm_sums import ArmSums
from equal_stream.allocation.policy.base import Choice, Policy
from equal_stream.allocation.policy.batches import Batches
from equal_stream.allocation.policy.neighbours import Closeness, Neighbours
from equal_stream.allocation.policy.stock import Stock
from equal_stream.allocation.policy.transport import Cost, load_solver, wasserstein

_UNITED = 100  # pairs of a cluster that the union keeps: as many as references, the latest


class EQUAL(Policy):
    """Buys from the cluster whose pairs are nearest to the references, in the sense of transport.

    Parameters
    ----------
    exploration
        Share of tickets after the warm-up to draw at random, recorded in their propensity.
    alpha
        Width of the optimism, in units of reward; None is the paper's 1 / (T + 1).
    warmup
        Share of the known passages to buy at random first.
    per_pull
        Passages of one pull.
    cost
        Of moving a pair onto a reference.
    estimate
        ``batches``: the mean reward of a cluster's pulls. ``union``: the reward of its latest pairs
        together, and T_j in place of T_j + 1.
    unvisited
        Reward of a cluster that was never scored: None is the mean of all others, infinity puts it first.
    neighbours
        Distance below which clusters share their rewards, one counting as one of each; None shares none.
    closeness
        What that distance is, see `Neighbours`.
    references
        A score compares with at most so many, a fixed sample.
    """

    name: ClassVar[str] = "equal"

    def __init__(
        self,
        exploration: float = 0.0,
        *,
        alpha: float | None = 0.03,
        warmup: float = 0.05,
        per_pull: int = 10,
        cost: Cost = "euclidean",
        estimate: Literal["batches", "union"] = "batches",
        unvisited: float | None = None,
        neighbours: float | None = None,
        closeness: Closeness = "frechet",
        references: int = 100,
    ) -> None:
        super().__init__(exploration)
        self.alpha = alpha
        self.warmup = warmup
        self.per_pull = per_pull
        self.cost: Cost = cost
        self.estimate = estimate
        self.unvisited = unvisited
        self.references = references
        self._rewards = ArmSums()
        self._batches = Batches(per_pull)
        self._united: dict[int, NDArray[np.float32]] = {}
        self._neighbours = None if neighbours is None else Neighbours(neighbours, closeness)
        self._warming: int | None = None  # warm-up passages still to buy; None before the first pull
        self._arm, self._left = -1, 0  # the pull that has begun, and its passages still to buy
        load_solver()

    def _pull(self, market: Market) -> Generator[Choice]:
        self._score(market)
        stock = Stock(market)
        while stock.refresh() > 0:
            if self._warming is None:
                self._warming = math.ceil(self.warmup * len(market.candidates))
            if self._warming > 0:
                choice = stock.draw_any()
                self._warming -= 1
            else:
                arms = self._leading(market, stock)
                choice = stock.draw(arms, self.exploration)
                self._count(int(market.candidates.clusters[choice.row]), arms)
            yield choice
            stock.bought(choice.row)

    def _leading(self, market: Market, stock: Stock) -> NDArray[np.intp]:
        """Return the cluster of the pull that has begun, or those that are next with equal right."""
        if self._left > 0 and self._arm < len(stock.counts) and stock.counts[self._arm] > 0:
            return np.array([self._arm])
        return highest(self._scores(market), stock.counts)[0]

    def _count(self, arm: int, arms: NDArray[np.intp]) -> None:
        """Count a passage to its pull; one drawn from another cluster, to explore, is of none."""
        if arm not in arms:
            return
        if self._left == 0 or arm != self._arm:
            self._arm, self._left = arm, self.per_pull
        self._left -= 1

    def _scores(self, market: Market) -> NDArray[np.float64]:
        """Return DS of every cluster: (arms,)."""
        height = market.arms.height
        overall = self._rewards.mean
        means = self._rewards.means(height, overall if self.unvisited is None else self.unvisited)
        under_way = np.ceil(market.arms.in_flight / self.per_pull)
        pulls = self._rewards.counts[:height] + under_way
        if self.unvisited == math.inf:  # one that waits for its first score need not come first again
            means[np.isinf(means) & (under_way > 0)] = overall
        total = max(float(pulls.sum()), 1.0)
        alpha = 1 / (total + 1) if self.alpha is None else self.alpha
        counted = np.maximum(pulls + (self.estimate == "batches"), 1.0)
        scores: NDArray[np.float64] = means + alpha * np.sqrt(2 * math.log(total) / counted)
        return scores

    def _score(self, market: Market) -> None:
        """Score what is complete; a cluster that never was, by what there is once nothing is under way."""
        flying = market.arms.in_flight
        sample, weights = self._sample(market)
        if len(sample) == 0:
            return

        def suffices(arm: int) -> bool:
            busy = arm < len(flying) and flying[arm] > 0
            pulled = arm == self._arm and self._left > 0
            return not (self._warming or busy or pulled or self._is_scored(arm))

        for arm, pairs in self._batches.take(suffices):
            scored = self._unite(arm, pairs) if self.estimate == "union" else pairs
            reward = 1 - wasserstein(scored, sample, weights, self.cost)
            (self._rewards.replace if self.estimate == "union" else self._rewards.add)(arm, reward)
            if self._neighbours is not None:
                for other in self._neighbours.near(arm, market):
                    self._rewards.add(int(other), reward)

    def _is_scored(self, arm: int) -> bool:
        return arm < len(self._rewards.counts) and self._rewards.counts[arm] > 0

    def _unite(self, arm: int, pairs: NDArray[np.float32]) -> NDArray[np.float32]:
        known = self._united.get(arm)
        self._united[arm] = (pairs if known is None else np.concatenate([known, pairs]))[-_UNITED:]
        return self._united[arm]

    def _sample(self, market: Market) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return references to compare with, (m, d), and their shares, (m,)."""
        targets = market.coverage.targets
        rows = np.arange(len(targets))
        if len(rows) > self.references:
            rows = np.random.default_rng(len(rows)).choice(rows, self.references, replace=False)
        shares = targets.importance[rows]
        if shares.sum() <= 0:
            shares = np.ones(len(rows))
        return targets.vectors[rows], shares / shares.sum()

    def extracted(self, arm: int, vectors: NDArray[np.float32]) -> None:
        """Keep what a passage brought until its pull can be scored."""
        self._batches.add(arm, vectors)

    def born(self, arm: int, parent: int | None) -> None:
        """Begin with part of the parent's rewards, if a parent is known."""
        if parent is None:
            return
        self._rewards.copy(arm, parent)
        if parent in self._united and arm not in self._united:
            self._united[arm] = self._united[parent]

    def merged(self, survivor: int, ended: int) -> None:
        """Add up the rewards of both."""
        self._rewards.merge(survivor, ended)
        self._batches.merge(survivor, ended)
        if ended in self._united:
            self._unite(survivor, self._united.pop(ended))
        if self._neighbours is not None:
            self._neighbours.forget(ended)
        if self._arm == ended:
            self._arm = survivor

    def freed(self, arm: int) -> None:
        """Forget the row's rewards."""
        self._rewards.clear(arm)
        self._batches.clear(arm)
        self._united.pop(arm, None)
        if self._neighbours is not None:
            self._neighbours.forget(arm)
        if self._arm == arm:
            self._arm, self._left = -1, 0

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "rewards": self._rewards.to_state(),
            "batches": self._batches.to_state(),
            "united": [[arm, pairs] for arm, pairs in self._united.items()],
            "neighbours": None if self._neighbours is None else self._neighbours.to_state(),
            "warming": self._warming,
            "pull": [self._arm, self._left],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._rewards.load_state(state["rewards"])
        self._batches.load_state(state["batches"])
        self._united = dict(state["united"])
        if self._neighbours is not None and state["neighbours"] is not None:
            self._neighbours.load_state(state["neighbours"])
        self._warming = state["warming"]
        self._arm, self._left = state["pull"]
