"""What pairs are worth: references, the crawl's background, coverage and the published pairs, kept in step.

Coverage is always a function of the references, their thresholds and the published pairs. Changes are
noted at once and worked off together by `refresh`, before the next value is read.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.background import Background
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.pairs import PublishedPairs
from equal_stream.allocation.targets import Targets


class Worth:
    """The references and what covers them.

    Parameters
    ----------
    dimension
        Length of all vectors.
    rng
        Where the background sample draws from.
    """

    def __init__(self, dimension: int, rng: np.random.Generator) -> None:
        self.targets = Targets(dimension)
        self.background = Background(dimension, rng)
        self.coverage = Coverage(self.targets)
        self.pairs = PublishedPairs(dimension)
        self._seen = (0, 0)

    def refresh(self) -> None:
        """Bring thresholds and coverage up to date."""
        self.targets.settle_thresholds(self.background)
        if self.targets.dirty.any():
            self.coverage.recount(self.pairs.blocks())

    def take_changed(self) -> bool:
        """Tell, once, whether gains evaluated before may be too low now."""
        seen = (self.targets.version, self.coverage.releases)
        changed = seen != self._seen
        self._seen = seen
        return changed

    def accept(
        self, qa_id: str, passage_id: str, question: str, vector: NDArray[np.float32]
    ) -> dict[str, float]:
        """Index a new pair and credit it; return its gain by target."""
        return self.coverage.credit(self.pairs.add(qa_id, passage_id, question, vector))

    def withdraw(self, passage_id: str) -> list[str]:
        """Take a passage's pairs out and give their coverage back; return their ids."""
        qa_ids, vectors = self.pairs.withdraw(passage_id)
        self.coverage.give_back(vectors)
        return qa_ids

    def withdraw_pair(self, qa_id: str) -> bool:
        """Take one pair out and give its coverage back; False when it is not there."""
        vectors = self.pairs.withdraw_pair(qa_id)
        self.coverage.give_back(vectors)
        return len(vectors) > 0

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "targets": self.targets.to_state(),
            "background": self.background.to_state(),
            "pairs": self.pairs.to_state(),
            "releases": self.coverage.releases,
            "seen": list(self._seen),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.targets.load_state(state["targets"])
        self.background.load_state(state["background"])
        self.pairs.load_state(state["pairs"])
        self.coverage.releases = state["releases"]
        version, releases = state["seen"]
        self._seen = (version, releases)
