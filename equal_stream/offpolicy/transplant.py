"""Where the pairs of a passage that was never bought would lie: where those of others lie around theirs.

A pair's vector leaves its passage's by an angle, in a direction. Both are carried over from a call that was
made to a passage that was not, so that how far pairs scatter, and which way questions lie from texts, are
those of the log. A call of the same cluster is taken where there are some, else one of any cluster.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

_STRANGERS = 5  # calls of other clusters that stand beside those of the same one: pages differ within, too


class Transplants:
    """Calls that brought pairs.

    Parameters
    ----------
    clusters
        The cluster of each call.
    passages
        (d,) unit vector of each call's passage.
    pairs
        (p, d) unit vectors of each call's pairs, p ≥ 1.
    """

    def __init__(self, clusters: Sequence[int], passages: Sequence[Vector], pairs: Sequence[Vector]) -> None:
        self._passages, self._pairs = passages, pairs
        self._within: dict[int, list[int]] = {}
        for number, cluster in enumerate(clusters):
            self._within.setdefault(cluster, []).append(number)

    def draw(self, rng: np.random.Generator, passage: Vector, cluster: int, count: int) -> Vector:
        """Return unit vectors (count, d) of pairs around a passage (d,), drawn call by call."""
        drawn: list[Vector] = []
        while (missing := count - sum(map(len, drawn))) > 0:
            call = self._donor(rng, cluster)
            drawn.append(carried(self._passages[call], self._pairs[call], passage)[:missing])
        return np.concatenate(drawn) if drawn else np.zeros((0, len(passage)), np.float32)

    def _donor(self, rng: np.random.Generator, cluster: int) -> int:
        near = self._within.get(cluster, [])
        if rng.random() * (len(near) + _STRANGERS) < len(near):
            return near[int(rng.integers(len(near)))]
        return int(rng.integers(len(self._passages)))


def carried(origin: Vector, pairs: Vector, passage: Vector) -> Vector:
    """Return pairs (p, d) of a passage `origin` (d,) as they would lie around another: the same cosines."""
    cosines = (pairs @ origin)[:, None]
    aside = pairs - cosines * origin
    aside -= (aside @ passage)[:, None] * passage
    lengths = np.linalg.norm(aside, axis=1, keepdims=True)
    aside /= np.maximum(lengths, np.float32(1e-6))  # 0 where a pair's direction is the passage itself
    moved = np.clip(cosines, -1, 1) * passage + np.sqrt(np.maximum(1 - cosines**2, 0)) * aside
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.float32(1e-6))
    carried_over: Vector = moved.astype(np.float32)
    return carried_over
