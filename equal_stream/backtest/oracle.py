"""The clairvoyant: it knows every passage's pairs and bill, and buys greedily by true gain a token.

No policy can know what it knows; how far others fall behind it is what prediction still costs.
"""

from collections import deque
from collections.abc import Generator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.pairs import question_key
from equal_stream.allocation.policy.base import Choice, Policy
from equal_stream.backtest.scene import Scene

_BATCH = 32  # evaluated anew together


class Oracle(Policy):
    """Buys by true marginal gain ÷ true cost, lazily re-evaluated.

    A question that was bought before brings nothing the second time. Pairs of calls under way count as if
    they were there: it knows them. What is worth nothing is bought when nothing more will arrive: until
    then its price may buy something better.

    Parameters
    ----------
    scene
        Whose pairs it knows.
    """

    name: ClassVar[str] = "oracle"

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        corpus = scene.corpus
        self._scene = scene
        self._place = {passage: row for row, passage in enumerate(corpus.passage_ids)}
        self._arrives = scene.arrival_ticks()
        self._last = int(self._arrives.max(initial=0))
        self._keys = [question_key(question) for question in corpus.questions]
        self._asked: set[int] = set()
        self._under_way: deque[list[int]] = deque()
        barren = [row for row in range(len(corpus)) if scene.failing[row] or not scene.pairs(row)]
        self._hopeful = np.ones(len(corpus), bool)
        self._hopeful[barren] = False
        self._bound = np.zeros(len(corpus))
        self._state: tuple[int, ...] = ()

    def extracted(self, arm: int, vectors: NDArray[np.float32]) -> None:
        """Note that the oldest call under way has ended; a replay ends them in their order."""
        del arm, vectors
        if self._under_way:
            self._under_way.popleft()

    def _pull(self, market: Market) -> Generator[Choice]:
        table = market.candidates
        rows = market.open_rows()
        places = np.array([self._place[table.ids[row]] for row in rows], np.intp)
        self._look_around(market, places)
        pending = np.zeros(len(market.coverage.targets))
        for pairs in self._under_way:
            pending += self._covers(market, pairs)
        fresh = np.zeros(len(rows), bool)
        while len(rows):
            values = self._bound[places]
            top = int(np.argmax(values))
            if not fresh[top] and values[top] > 0:
                stale = np.where(fresh, -np.inf, values)
                batch = np.argpartition(-stale, min(_BATCH, len(stale) - 1))[:_BATCH]
                for place in batch[stale[batch] > 0]:
                    self._bound[places[place]] = self._value(market, int(places[place]), pending)
                    fresh[place] = True
                continue
            if values[top] <= 0 and self._state[2] < self._last:
                return
            row, place = int(rows[top]), int(places[top])
            places, rows, fresh = (np.delete(each, top) for each in (places, rows, fresh))
            if not market.is_open(row):
                continue
            pairs = self._new_pairs(place)
            covers = self._covers(market, pairs)
            gain = float(market.coverage.gains(covers[None], pending)[0])
            self._asked.update(self._keys[pair] for pair in pairs)
            self._under_way.append(pairs)
            pending += covers
            fresh[:] = False
            yield Choice(row, gain, 1.0, 0.0)

    def _look_around(self, market: Market, places: NDArray[np.intp]) -> None:
        """Drop all bounds when what they were computed for has changed: references, coverage, prices."""
        before = self._state[2] if self._state else 0
        tick = int(self._arrives[places].max(initial=before))
        state = (market.coverage.releases, market.coverage.targets.version, tick)
        priced = self._scene.wordiness[tick] != self._scene.wordiness[before]
        if state[:2] != self._state[:2] or priced:
            self._bound = np.where(self._hopeful, np.inf, 0.0)
        self._state = state

    def _new_pairs(self, place: int) -> list[int]:
        """Return the pairs that would be published of a passage now."""
        if self._scene.failing[place]:
            return []
        return [pair for pair in self._scene.pairs(place) if self._keys[pair] not in self._asked]

    def _covers(self, market: Market, pairs: list[int]) -> NDArray[np.float32]:
        kernel = market.coverage.kernel(self._scene.corpus.pair_vectors[pairs])
        return np.asarray(kernel.sum(axis=0), np.float32)

    def _value(self, market: Market, place: int, pending: NDArray[np.float64]) -> float:
        covers = self._covers(market, self._new_pairs(place))
        gain = float(market.coverage.gains(covers[None], pending)[0])
        return gain / max(1, sum(self._scene.bill(place, self._state[2])))
