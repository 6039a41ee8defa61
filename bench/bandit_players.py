"""Who plays in the simulated worlds: a clairvoyant, the ones to beat, and the shipped posterior."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.bandit_game import Answer, Game, Player
from bench.bandit_world import World
from equal_stream.allocation.arms import Arms
from equal_stream.allocation.policy.posterior import Posterior

_HALVINGS = (13.0, 40.0, 120.0, np.inf)  # documents; how fast a cluster's documents become redundant
_FORGET = 0.998  # of what tells these apart, per answer
_OPTIMISM = 1.5  # standard deviations; chosen on seeds 1000 to 1019 of the base world
_SEEN = 3.0  # documents that the length seen beforehand counts as
_PAIRS_PER_TOKEN = 1 / 1000  # expected of any document; the posterior learns the rest


class Bystander:
    """A player who takes note of nothing; subclasses choose."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.world: World = game.world
        self.rng = np.random.default_rng([game.world.seed, 2])

    def born(self, cluster: int, parent: int) -> None:
        """Take note of a new cluster."""

    def ended(self, cluster: int, heir: int) -> None:
        """Take note that a cluster ended."""

    def arrived(self, counts: NDArray[np.int64]) -> None:
        """Take note of arrivals."""

    def learn(self, answer: Answer) -> None:
        """Take in what a purchase brought."""

    def sent(self, cluster: int, documents: int) -> object:
        """Take note of a purchase."""
        del cluster, documents
        return None


class Clairvoyant(Bystander):
    """Buys where gain per token is greatest now. It sees everything but the luck of single documents."""

    def choose(self, stocked: NDArray[np.intp], stock: NDArray[np.float64]) -> int:
        """Return the best cluster now."""
        del stock
        value = self.game.table.worth() * self.world.pairs / self.world.tokens
        return int(stocked[np.argmax(value[stocked])])


class AnyDocument(Bystander):
    """Buys documents at random."""

    def choose(self, stocked: NDArray[np.intp], stock: NDArray[np.float64]) -> int:
        """Return the cluster of a random document."""
        share = stock[stocked] / stock[stocked].sum()
        return int(self.rng.choice(stocked, p=share))


class UCB(Bystander):
    """UCB1 (Auer and others, 2002) on gain per document, divided by the mean cost of a document."""

    width = 0.2  # of the confidence interval, in standard deviations; the best of .03 to .8

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self._gain = np.zeros(self.world.clusters)
        self._squares = 0.0
        self._documents = np.zeros(self.world.clusters)
        self._flying = np.zeros(self.world.clusters)
        self._tokens = self.world.seen_tokens * _SEEN
        self._priced = np.full(self.world.clusters, _SEEN)

    def sent(self, cluster: int, documents: int) -> object:
        """Count what is under way as played."""
        self._flying[cluster] += documents
        return None

    def learn(self, answer: Answer) -> None:
        """Add to the means."""
        self._flying[answer.bought] -= answer.documents
        cluster = answer.bought if answer.cluster < 0 else answer.cluster
        self._gain[cluster] += answer.gain
        self._documents[cluster] += answer.documents
        self._squares += answer.gain**2 / answer.documents
        self._tokens[cluster] += answer.tokens
        self._priced[cluster] += answer.documents

    def choose(self, stocked: NDArray[np.intp], stock: NDArray[np.float64]) -> int:
        """Return the cluster of the highest index; one never tried comes first."""
        del stock
        tried = self._documents[stocked] + self._flying[stocked]
        if not tried.all():
            return int(stocked[np.argmin(tried > 0)])
        played = max(float(self._documents.sum()), 2.0)
        overall = float(self._gain.sum()) / played
        spread = np.sqrt(max(self._squares / played - overall**2, 1e-3) * self.world.scenario.chunk)
        mean = np.where(
            self._documents[stocked] > 0,
            self._gain[stocked] / np.maximum(self._documents[stocked], 1.0),
            overall,
        )
        bound = mean + self.width * spread * np.sqrt(2 * np.log(played) / tried)
        cost = self._tokens[stocked] / self._priced[stocked]
        return int(stocked[np.argmax(bound / cost)])


class Calibrated(Bystander):
    """Predicts gain as a coverage model would, and believes it cluster by cluster: the shipped posterior.

    Predicted before anything is bought: pairs in proportion to a document's length, each worth less the
    more was extracted from its cluster and not replaced since. How fast it becomes redundant is learned:
    one posterior for each rate, weighted by how well it foresaw the answers.

    Parameters
    ----------
    without
        What to leave out: ``correlation`` between near clusters, ``lineage``, ``forgetting``.
    """

    def __init__(self, game: Game, optimism: float = _OPTIMISM, without: str = "") -> None:
        super().__init__(game)
        self._optimism = optimism
        self._lineage = without != "lineage"
        beliefs = {"correlation": {"shared": 0.0}, "forgetting": {"forget": 1.0}}.get(without, {})
        self._arms = Arms()
        self._rows = np.zeros(self.world.clusters, np.intp)
        self._posteriors = [Posterior(**beliefs) for _ in _HALVINGS]
        self._halvings = np.array(_HALVINGS)[:, None]
        self._evidence = np.zeros(len(_HALVINGS))
        self._extracted = np.zeros((len(_HALVINGS), self.world.clusters))
        self._promised = np.zeros((len(_HALVINGS), self.world.clusters))
        self._pairs = self.world.seen_tokens * _PAIRS_PER_TOKEN
        self._tokens = self.world.seen_tokens * _SEEN
        self._priced = np.full(self.world.clusters, _SEEN)

    def born(self, cluster: int, parent: int) -> None:
        """Inherit from the parent; the centroid is known."""
        row = self._rows[cluster] = self._arms.row(cluster)
        if parent >= 0:
            self._extracted[:, cluster] = self._extracted[:, parent]
        for posterior in self._posteriors:
            if parent >= 0 and self._lineage:
                posterior.copy(row, int(self._rows[parent]))
            posterior.locate(row, self.world.centroids[cluster].astype(np.float32))

    def ended(self, cluster: int, heir: int) -> None:
        """Pass on what is known to the heir, if there is one."""
        row = int(self._rows[cluster])
        for posterior in self._posteriors:
            if heir >= 0 and self._lineage:
                posterior.add(int(self._rows[heir]), row)
            posterior.clear(row)
        if heir >= 0:
            self._promised[:, heir] += self._promised[:, cluster]
            self._arms.absorb(row, int(self._rows[heir]))
        else:
            self._arms.free(row)
        self._promised[:, cluster] = 0.0

    def arrived(self, counts: NDArray[np.int64]) -> None:
        """Let fresh documents replace what was extracted."""
        self._extracted *= np.exp(-counts / (2 * self._halvings))

    def sent(self, cluster: int, documents: int) -> object:
        """Predict what a purchase will bring, by each rate."""
        self._extracted[:, cluster] += (documents - 1) / 2  # as the middle one of them finds it
        faded = [self._faded(model, np.array([cluster]))[0] for model in range(len(_HALVINGS))]
        self._extracted[:, cluster] += (documents + 1) / 2
        predicted = documents * self._pairs[cluster] * np.array(faded)
        self._promised[:, cluster] += predicted
        self._arms.in_flight[self._rows[cluster]] += 1
        return predicted

    def learn(self, answer: Answer) -> None:
        """Let each posterior compare what came with what it predicted."""
        if answer.cluster < 0:
            return
        cluster, predicted = answer.cluster, np.asarray(answer.note)
        row = int(self._rows[cluster])
        self._promised[:, cluster] -= predicted
        self._arms.in_flight[row] -= 1
        self._tokens[cluster] += answer.tokens
        self._priced[cluster] += answer.documents
        expected = answer.documents * float(self._pairs[answer.bought])
        self._evidence *= _FORGET
        for model, posterior in enumerate(self._posteriors):
            self._evidence[model] += posterior.update(
                row, float(predicted[model]), answer.gain, answer.pairs, expected
            )

    def choose(self, stocked: NDArray[np.intp], stock: NDArray[np.float64]) -> int:
        """Return the cluster whose next document promises most per token."""
        del stock
        weights = np.exp(self._evidence - self._evidence.max())
        value = np.zeros(len(stocked))
        for model in np.flatnonzero(weights > 0.01 * weights.sum()).tolist():
            faded = self._faded(model, stocked)
            value += weights[model] * self._ratios(model, stocked) * faded
        cost = self._tokens[stocked] / self._priced[stocked]
        return int(stocked[np.argmax(value * self._pairs[stocked] / cost)])

    def _faded(self, model: int, stocked: NDArray[np.intp]) -> NDArray[np.float64]:
        faded: NDArray[np.float64] = 1 / (1 + self._extracted[model, stocked] / self._halvings[model])
        return faded

    def _ratios(self, model: int, stocked: NDArray[np.intp]) -> NDArray[np.float64]:
        promised = np.zeros(self._arms.height)
        rows = self._rows[stocked]
        promised[rows] = np.maximum(self._promised[model, stocked], 0.0)
        flying = int(self._arms.in_flight.sum())
        bounds = self._posteriors[model].bounds(self._arms.height, self._optimism, promised, flying)
        return bounds[rows].astype(np.float64)


class ToldPairs(Calibrated):
    """Knows pairs and tokens of a document beforehand."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self._pairs = self.world.pairs
        self._tokens, self._priced = self.world.tokens * 1e9, np.full(self.world.clusters, 1e9)


class ToldRedundancy(Calibrated):
    """Knows how redundant documents have become."""

    def _faded(self, model: int, stocked: NDArray[np.intp]) -> NDArray[np.float64]:
        del model
        table = self.game.table
        faded: NDArray[np.float64] = table.worth()[stocked] / self.world.worth[table.tick, stocked]
        return faded


class ToldWorth(Calibrated):
    """Knows what a pair is worth now, redundancy included."""

    def _faded(self, model: int, stocked: NDArray[np.intp]) -> NDArray[np.float64]:
        del model
        return self.game.table.worth()[stocked]


PLAYERS: dict[str, Callable[[Game], Player]] = {
    "any document": AnyDocument,
    "UCB1 on gain / cost": UCB,
    "calibrated": Calibrated,
}

TOLD: dict[str, Callable[[Game], Player]] = {
    "calibrated without optimism": partial(Calibrated, optimism=0.0),
    "calibrated without correlation": partial(Calibrated, without="correlation"),
    "calibrated without lineage": partial(Calibrated, without="lineage"),
    "calibrated without forgetting": partial(Calibrated, without="forgetting"),
    "calibrated, told pairs and tokens": ToldPairs,
    "calibrated, told redundancy": ToldRedundancy,
    "calibrated, told worth and redundancy": ToldWorth,
}
