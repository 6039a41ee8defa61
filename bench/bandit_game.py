"""One game: a player buys documents in a world, a few at a time, and learns late what they brought."""

import heapq
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.bandit_world import World


class Answer(NamedTuple):
    """What came of one purchase.

    Parameters
    ----------
    cluster
        The living cluster that it belongs to now; -1 once its cluster died.
    bought
        The cluster it was bought in.
    documents, pairs, gain, tokens
        How many were bought, and what they brought and cost together.
    note
        What the player wrote on the purchase.
    """

    cluster: int
    bought: int
    documents: int
    pairs: int
    gain: float
    tokens: float
    note: object


class Player(Protocol):
    """Who decides what to buy."""

    def born(self, cluster: int, parent: int) -> None:
        """Take note of a new cluster; `parent` is -1 where there is none."""

    def ended(self, cluster: int, heir: int) -> None:
        """Take note that a cluster died (`heir` -1) or went into another."""

    def arrived(self, counts: NDArray[np.int64]) -> None:
        """Take note of the documents (clusters,) that arrived in this tick."""

    def learn(self, answer: Answer) -> None:
        """Take in what a purchase brought."""

    def choose(self, stocked: NDArray[np.intp], stock: NDArray[np.float64]) -> int:
        """Return which of the clusters that have documents to buy from; `stock` is (clusters,)."""

    def sent(self, cluster: int, documents: int) -> object:
        """Take note of a purchase; what is returned comes back with the answer."""


class Score(NamedTuple):
    """Gain and tokens of one game."""

    gain: float
    tokens: float

    @property
    def rate(self) -> float:
        """Gain per token."""
        return self.gain / self.tokens


class Table:
    """The state of a game: living clusters, their documents, and how redundant these have become."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tick = 0
        self.alive = np.zeros(world.clusters, bool)
        self.stock = np.zeros(world.clusters)
        self.extracted = np.zeros(world.clusters)
        self._heirs = np.arange(world.clusters)

    def worth(self) -> NDArray[np.float64]:
        """Return the mean gain of a pair now: (clusters,) float64."""
        faded = 1 + self.world.scenario.rotting * self.extracted / self.world.halving
        now: NDArray[np.float64] = self.world.worth[self.tick] / faded
        return now

    def worth_of(self, cluster: int) -> float:
        """Return the mean gain of a pair of one cluster now."""
        world = self.world
        faded = 1 + world.scenario.rotting * self.extracted[cluster] / world.halving[cluster]
        return float(world.worth[self.tick, cluster] / faded)

    def heir(self, cluster: int) -> int:
        """Return the living cluster that one became; -1 once it died."""
        while self._heirs[cluster] != cluster:
            cluster = int(self._heirs[cluster])
        return cluster if self.alive[cluster] else -1

    def advance(self, tick: int, player: Player) -> None:
        """Let clusters come and go and documents arrive."""
        self.tick = tick
        for event in self.world.events[tick]:
            if event.kind == "birth":
                self._birth(event.cluster, event.other)
                player.born(event.cluster, event.other)
            elif event.kind == "death":
                self.alive[event.cluster] = False
                self.stock[event.cluster] = 0
                player.ended(event.cluster, -1)
            else:
                self._merge(event.cluster, event.other)
                player.ended(event.other, event.cluster)
        fresh = self.world.arrivals[tick]
        self.stock += np.where(self.alive, fresh, 0)
        self.extracted *= np.exp(-fresh / (2 * self.world.halving))
        player.arrived(fresh)

    def settle(self, cluster: int) -> None:
        """Let a cluster of the beginning live."""
        self.alive[cluster] = True
        self.stock[cluster] = self.world.stock[cluster]

    def _birth(self, cluster: int, parent: int) -> None:
        self.alive[cluster] = True
        if parent < 0:
            self.stock[cluster] = self.world.stock[cluster] // 2
        else:
            self.stock[cluster] = self.stock[parent] // 2
            self.stock[parent] -= self.stock[cluster]
            self.extracted[cluster] = self.extracted[parent]

    def _merge(self, survivor: int, ended: int) -> None:
        both = self.stock[survivor] + self.stock[ended]
        if both > 0:
            weighted = self.extracted[survivor] * self.stock[survivor]
            self.extracted[survivor] = (weighted + self.extracted[ended] * self.stock[ended]) / both
        self.stock[survivor] = both
        self.stock[ended] = 0
        self.alive[ended] = False
        self._heirs[ended] = survivor


class Game:
    """Plays a world once. The luck of documents depends on the world's seed and on the order of buying."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.table = Table(world)
        self._rng = np.random.default_rng([world.seed, 1])
        self._flying: list[tuple[int, int, int, Answer]] = []
        self._sent = 0
        self._gain = self._tokens = 0.0

    def play(self, player: Player) -> Score:
        """Let a player spend the budget of every tick; debts are carried over."""
        scenario = self.world.scenario
        for cluster in range(scenario.clusters):
            self.table.settle(cluster)
            player.born(cluster, -1)
        balance = 0.0
        for tick in range(scenario.ticks):
            self.table.advance(tick, player)
            self._deliver(tick, player)
            balance += scenario.budget
            while balance > 0:
                stocked = np.flatnonzero(self.table.alive & (self.table.stock > 0))
                if not len(stocked):
                    break
                balance -= self._buy(player, player.choose(stocked, self.table.stock))
        return Score(self._gain, self._tokens)

    def _deliver(self, tick: int, player: Player) -> None:
        while self._flying and self._flying[0][0] <= tick:
            answer = heapq.heappop(self._flying)[-1]
            player.learn(answer._replace(cluster=self.table.heir(answer.bought)))

    def _buy(self, player: Player, cluster: int) -> float:
        world, table, rng = self.world, self.table, self._rng
        documents = int(min(world.scenario.chunk, table.stock[cluster]))
        table.stock[cluster] -= documents
        pairs, gain, tokens = 0, 0.0, 0.0
        for _ in range(documents):
            worth = table.worth_of(cluster)
            found = int(rng.poisson(world.pairs[cluster]))
            pairs += found
            gain += float(rng.beta(3 * worth + 1e-6, 3 * (1 - worth) + 1e-6, found).sum())
            tokens += world.tokens[cluster] * rng.lognormal(-0.045, 0.3)
            table.extracted[cluster] += 1
        self._gain += gain
        self._tokens += tokens
        note = player.sent(cluster, documents)
        answer = Answer(cluster, cluster, documents, pairs, gain, tokens, note)
        due = table.tick + int(rng.geometric(1 / (1 + world.scenario.delay)))
        self._sent += 1
        heapq.heappush(self._flying, (due, self._sent, cluster, answer))
        return tokens
