"""The default: retrieval whose predictions are corrected, cluster by cluster, by what came of them.

Value of a passage = predicted marginal gain × its cluster's realised ÷ predicted ratio ÷ predicted cost.
Where look-alike clusters yield nothing, the ratio falls after a few tickets and the money goes
elsewhere; everywhere else this is retrieval. Gain that is promised by tickets in flight counts, in
part, as evidence that nothing came of it, so an untested cluster gets a few tickets before the first
answers and not the whole batch.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.centroids import Centroids
from equal_stream.allocation.policy.ingredients import Ingredients
from equal_stream.allocation.policy.posterior import Posterior
from equal_stream.allocation.policy.retrieval import Retrieval

_CAUTION = 0.5  # share of the promised gain that counts as not coming


class Calibrated(Retrieval):
    """Buys by predicted marginal gain × cluster posterior ÷ predicted cost.

    Parameters
    ----------
    exploration
        Share of tickets to draw at random, recorded in their propensity.
    ingredients
        What the predictions are made of; everything, unless a part is to be measured by leaving it out.
    """

    name: ClassVar[str] = "calibrated"

    def __init__(self, exploration: float = 0.0, ingredients: Ingredients | None = None) -> None:
        super().__init__(exploration)
        self.ingredients = ingredients or Ingredients()
        self._posterior = Posterior(
            **({} if self.ingredients.forgetting else {"forget": 1.0}),
            **({} if self.ingredients.correlation else {"shared": 0.0}),
        )
        self._centroids = Centroids()

    def multipliers(self, market: Market) -> NDArray[np.float32]:
        """Return the ratio of each arm with tickets in flight counted cautiously: (arms,) float32."""
        if not self.ingredients.calibration:
            return super().multipliers(market)
        flying = int(market.arms.in_flight.sum())
        return self._posterior.means(market.arms.height, _CAUTION * market.promised, flying)

    def update(self, arm: int, predicted: float, realised: float) -> None:
        """Move the posterior of one cluster."""
        self._posterior.update(arm, predicted, realised)

    def arrived(self, arm: int, vector: NDArray[np.float32]) -> None:
        """Follow where the cluster lies."""
        if self.ingredients.correlation:
            self._locate(arm, self._centroids.add(arm, vector))

    def born(self, arm: int, parent: int | None) -> None:
        """Begin with part of the parent's evidence, if a parent is known."""
        if parent is not None and self.ingredients.lineage:
            self._posterior.copy(arm, parent)

    def merged(self, survivor: int, ended: int) -> None:
        """Add up the evidence of both."""
        self._posterior.add(survivor, ended)
        self._posterior.clear(ended)
        self._locate(survivor, self._centroids.merge(survivor, ended))

    def freed(self, arm: int) -> None:
        """Forget the row's evidence and its place."""
        self._posterior.clear(arm)
        self._centroids.clear(arm)

    def posterior(self, arm: int) -> float:
        """Return realised ÷ predicted gain of one cluster, shrunk to that of all and of its neighbours."""
        return float(self._posterior.means(arm + 1)[arm])

    def _locate(self, arm: int, centroid: NDArray[np.float32] | None) -> None:
        if centroid is not None:
            self._posterior.locate(arm, centroid)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"posterior": self._posterior.to_state(), "centroids": self._centroids.to_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._posterior.load_state(state["posterior"])
        self._centroids.load_state(state["centroids"])
