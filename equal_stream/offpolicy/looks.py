"""The passages of a log as they lie in the end: their clusters, their vectors, and what they promise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.quantise import unit
from equal_stream.extraction.base import Pricing
from equal_stream.messages import unpack_vector
from equal_stream.offpolicy.history import History
from equal_stream.offpolicy.play import take_in
from equal_stream.settings import Settings

_TOGETHER = 4096  # passages compared with all references at once
_SOFT = 0.25  # of the way from where relevance begins to a reference: pairs scatter about so far


@dataclass(frozen=True, slots=True)
class Look:
    """One passage.

    Attributes
    ----------
    cluster
        The living cluster.
    vector
        (d,) float32, of unit length.
    promise
        How near it lies to references, on a scale that only says which of two passages promises more.
    """

    cluster: int
    tokens: int
    vector: NDArray[np.float32]
    promise: float


class Looks:
    """All passages, by id, and the references that are in force in the end."""

    def __init__(self, history: History, settings: Settings, pricing: Pricing | None) -> None:
        core = AllocatorCore(settings, pricing=pricing, dimension=history.dimension)
        for event in history.events:
            take_in(core, event)
        worth, arms = core.holdings.worth, core.holdings.pool.arms
        worth.refresh()
        self._coverage: Coverage = worth.coverage
        passages = list(history.passages().values())
        vectors = [unit(unpack_vector(passage.vector)) for passage in passages]
        promises = self._promises(vectors)
        self.of = {
            passage.passage_id: Look(
                arms.lineage.resolve(passage.cluster_id), max(passage.tokens, 1), vector, promise
            )
            for passage, vector, promise in zip(passages, vectors, promises, strict=True)
        }

    def worth(self, pairs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what each of the pairs (n, d) would be worth, were nothing covered: (n,)."""
        weighted: NDArray[np.float64] = self._coverage.kernel(pairs) @ self._coverage.targets.importance
        return weighted

    def _promises(self, vectors: list[NDArray[np.float32]]) -> list[float]:
        targets = self._coverage.targets
        promises: list[float] = []
        for start in range(0, len(vectors), _TOGETHER):
            near = np.array(vectors[start : start + _TOGETHER]) @ targets.vectors.T
            near = (near - targets.thresholds) / (1 - targets.thresholds)
            promises += (np.exp(near / _SOFT) @ targets.importance).tolist()
        return promises
