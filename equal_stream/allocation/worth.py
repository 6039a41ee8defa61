"""What pairs are worth: references, the crawl's background, coverage and the published pairs, kept in step.

Coverage is always a function of the references, their thresholds, the published pairs and, where it fades,
the instant. Changes are noted at once and worked off together by `refresh`, before the next value is read.
"""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.audit import OutputAudit
from equal_stream.allocation.background import Background
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.pairs import PublishedPairs
from equal_stream.allocation.targets import Targets

_DAY = 86_400.0


class Worth:
    """The references and what covers them.

    Parameters
    ----------
    dimension
        Length of all vectors.
    rng
        Where the background sample draws from.
    halflife_days
        Days after which a published pair covers half of what it did; None: coverage does not fade.
    """

    def __init__(self, dimension: int, rng: np.random.Generator, halflife_days: float | None = None) -> None:
        self.targets = Targets(dimension)
        self.background = Background(dimension, rng)
        halflife = None if halflife_days is None else halflife_days * _DAY
        self.coverage = Coverage(self.targets, halflife)
        self.pairs = PublishedPairs(dimension)
        self.audit = OutputAudit()
        self._now = 0.0
        self._seen = (0, 0)

    def reach(self, at: datetime) -> None:
        """Note that it is `at`; an earlier instant than one noted before changes nothing."""
        self._now = max(self._now, at.timestamp())

    def refresh(self) -> None:
        """Bring thresholds and coverage up to date, at the latest instant noted."""
        self.coverage.advance(self._now)
        self.targets.settle_thresholds(self.background)
        if self.targets.dirty.any():
            self.coverage.recount(self.pairs.blocks())

    def take_changed(self) -> bool:
        """Tell, once, whether gains evaluated before may be too low now."""
        seen = (self.targets.version, self.coverage.releases)
        changed = seen != self._seen
        self._seen = seen
        return changed

    def examine(self) -> None:
        """Audit the output for one target, if one is due; `refresh` first."""
        self.audit.renew(self.targets, self.pairs, self.background, self._now)

    def accept(
        self, qa_id: str, passage_id: str, question: str, vector: NDArray[np.float32], at: datetime
    ) -> dict[str, float]:
        """Index a new pair published at `at` and credit what has not faded; return its gain by target."""
        instant = at.timestamp()
        return self.coverage.credit(self.pairs.add(qa_id, passage_id, question, vector, instant), instant)

    def withdraw(self, passage_id: str) -> list[str]:
        """Take a passage's pairs out and give their coverage back; return their ids."""
        qa_ids, vectors, instants = self.pairs.withdraw(passage_id)
        self.coverage.give_back(vectors, instants)
        return qa_ids

    def withdraw_pair(self, qa_id: str) -> bool:
        """Take one pair out and give its coverage back; False when it is not there."""
        vectors, instants = self.pairs.withdraw_pair(qa_id)
        self.coverage.give_back(vectors, instants)
        return len(vectors) > 0

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "targets": self.targets.to_state(),
            "background": self.background.to_state(),
            "pairs": self.pairs.to_state(),
            "coverage": self.coverage.to_state(),
            "audit": self.audit.to_state(),
            "now": self._now,
            "seen": list(self._seen),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.targets.load_state(state["targets"])
        self.background.load_state(state["background"])
        self.pairs.load_state(state["pairs"])
        self.coverage.load_state(state["coverage"])
        self.audit.load_state(state["audit"])
        self._now = state["now"]
        version, releases = state["seen"]
        self._seen = (version, releases)
