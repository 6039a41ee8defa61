"""The encoder as judge: log-coverage of the unseen references, as the service itself measures its gain."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.background import Background
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.targets import Targets
from equal_stream.backtest.judges.base import Judge, Judged, published_at

_BLOCK = 4096  # pairs whose kernels are computed at once: 5 MB with 300 references


class CoverageJudge(Judge):
    """Mean over the references of log(1 + summed kernels of the published pairs).

    The similarity at which relevance begins is estimated for the unseen references themselves, against
    the sample of passages.
    """

    name: ClassVar[str] = "coverage"

    def __init__(self, judged: Judged) -> None:
        self._vectors = judged.vectors
        dimension = judged.vectors.shape[1]
        background = Background(dimension, np.random.default_rng(0))
        for vector in judged.background:
            background.add(vector)
        targets = Targets(dimension)
        for number, vector in enumerate(judged.reference_vectors):
            targets.set("unseen", str(number), vector, 1.0)
        targets.settle_thresholds(background)
        self._coverage = Coverage(targets)

    def values(self, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return mean log-coverage after each group: (len(groups),)."""
        references = len(self._coverage.targets)
        worth = np.zeros(len(groups))
        if references == 0:
            return worth
        at = published_at(groups, len(self._vectors))
        covered = np.zeros(references)
        for number in range(len(groups)):
            new = np.flatnonzero(at == number)
            for start in range(0, len(new), _BLOCK):
                kernel = self._coverage.kernel(self._vectors[new[start : start + _BLOCK]])
                covered += kernel.sum(axis=0, dtype=np.float64)
            worth[number] = np.log1p(covered).mean()
        return worth
