"""What a policy is: it pulls passages and is updated with what they brought.

In the spirit of `river.bandit`: `pull` chooses, `update` learns. What differs: arms are born, split,
merge and die; an arm is pulled by naming one of its passages; several pulls are under way at once; and
pulls cost money. The core owns money, coverage and lineage, so a policy is one small class.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.ingredients import NONE_LEARNED, Ingredients


class Choice(NamedTuple):
    """One passage to buy.

    Parameters
    ----------
    row
        Its row in `market.candidates`.
    gain
        What it is predicted to add, before any calibration by cluster.
    propensity
        The probability with which this policy would have chosen it now.
    weight
        The share of the expected coverage to count on while it is in flight.
    """

    row: int
    gain: float
    propensity: float
    weight: float = 1.0


class Policy(ABC):
    """Decides what to buy next. One instance serves for the life of the service.

    A subclass writes `_pull`. One that learns also writes `update` or `extracted`, the lineage hooks,
    `posterior` and the state. Rows of arms are those of `market.arms`.

    Parameters
    ----------
    exploration
        Share of tickets to draw at random, recorded in their propensity.
    """

    name: ClassVar[str] = ""
    ingredients: Ingredients = NONE_LEARNED

    def __init__(self, exploration: float = 0.0) -> None:
        self.exploration = exploration

    def pull(self, market: Market, limit: int) -> Generator[Choice]:
        """Yield up to `limit` passages to buy, best first.

        The caller buys each before it asks for the next, and may stop asking. After a yield the market
        shows the passage as bought.
        """
        with closing(self._pull(market)) as choices:
            yield from islice(choices, limit)

    def prepare(self, market: Market) -> None:
        """Do what can be done ahead of the next pull, in whose market more tickets may have ended."""
        del market

    @abstractmethod
    def _pull(self, market: Market) -> Generator[Choice]:
        """Yield passages for as long as there are any worth buying."""

    def update(self, arm: int, predicted: float, realised: float) -> None:
        """Learn what one bought passage brought: its gain as predicted when chosen, and as it came."""
        del arm, predicted, realised

    def extracted(self, arm: int, vectors: NDArray[np.float32]) -> None:
        """Take note of what one bought passage brought: the unit vectors (p, d) of its published pairs.

        Called once for every ticket that was answered, or failed and was billed; p is 0 where nothing
        could be published. When published records are replayed over a saved state, every pair is told by
        itself, (1, d), since which tickets they came from is known only once all are read: how many
        passages they were, and in which order they ended, is lost, and so are pairs withdrawn since.
        """
        del arm, vectors

    def arrived(self, arm: int, vector: NDArray[np.float32]) -> None:
        """Take note that a passage, with this unit vector (d,), now waits under a cluster."""
        del arm, vector

    def born(self, arm: int, parent: int | None) -> None:
        """Take note that a row now stands for a new cluster, split from `parent` if that is known."""
        del arm, parent

    def merged(self, survivor: int, ended: int) -> None:
        """Take note that a cluster went into another; its row becomes free."""
        del survivor, ended

    def freed(self, arm: int) -> None:
        """Take note that a row stands for no cluster any more."""
        del arm

    def posterior(self, arm: int) -> float:
        """Return what a cluster is believed to bring, as a multiple of what is predicted."""
        del arm
        return 1.0

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        del state
