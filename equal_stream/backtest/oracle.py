"""The clairvoyant: it knows every passage's pairs and bill, and buys greedily by true gain a token.

No policy can know what it knows; how far others fall behind it is what prediction still costs.
"""

from collections.abc import Generator
from typing import ClassVar

import numpy as np

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice, Policy
from equal_stream.backtest.scene import Scene

_BATCH = 32  # evaluated anew together


class Oracle(Policy):
    """Buys by true marginal gain ÷ true cost, lazily re-evaluated.

    Parameters
    ----------
    scene
        Whose pairs it knows.
    """

    name: ClassVar[str] = "oracle"

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene
        self._place = {passage: row for row, passage in enumerate(scene.corpus.passage_ids)}
        cost = scene.corpus.tokens_in + scene.corpus.tokens_out * scene.wordiness[0]
        self._cost = np.maximum(cost, 1).astype(float)
        self._bound = np.full(len(scene.corpus), np.inf)
        self._bound[self._nothing()] = 0.0
        self._seen = -1

    def _nothing(self) -> list[int]:
        scene = self._scene
        return [row for row in range(len(scene.corpus)) if scene.failing[row] or not scene.pairs(row)]

    def _pull(self, market: Market) -> Generator[Choice]:
        table = market.candidates
        state = hash((market.coverage.releases, market.coverage.targets.version))
        if state != self._seen:
            self._bound[self._bound > 0] = np.inf
            self._seen = state
        rows = market.open_rows()
        places = np.array([self._place[table.ids[row]] for row in rows], np.intp)
        pending = np.zeros(len(market.coverage.targets))
        fresh = np.zeros(len(rows), bool)
        while True:
            values = self._bound[places]
            top = int(np.argmax(values)) if len(values) else -1
            if top < 0 or values[top] == -np.inf:
                return
            if not fresh[top] and values[top] > 0:
                stale = np.where(fresh, -np.inf, values)
                batch = np.argpartition(-stale, min(_BATCH, len(stale) - 1))[:_BATCH]
                for place in batch[stale[batch] > 0]:
                    self._bound[places[place]] = self._value(market, int(places[place]), pending)
                    fresh[place] = True
                continue
            row, place = int(rows[top]), int(places[top])
            if not market.is_open(row):
                places, rows, fresh = (np.delete(each, top) for each in (places, rows, fresh))
                continue
            added = self._added(market, place)
            gain = float(market.coverage.gains(added[None], pending)[0])
            yield Choice(row, gain, 1.0, 0.0)
            pending += added
            places, rows, fresh = (np.delete(each, top) for each in (places, rows, fresh))
            fresh[:] = False

    def _added(self, market: Market, place: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        if self._scene.failing[place]:
            return np.zeros(len(market.coverage.targets), np.float32)
        vectors = self._scene.corpus.pair_vectors[self._scene.pairs(place)]
        return np.asarray(market.coverage.kernel(vectors).sum(axis=0), np.float32)

    def _value(
        self, market: Market, place: int, pending: np.ndarray[tuple[int], np.dtype[np.float64]]
    ) -> float:
        gain = float(market.coverage.gains(self._added(market, place)[None], pending)[0])
        return gain / float(self._cost[place])
