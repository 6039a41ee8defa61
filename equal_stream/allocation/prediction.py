"""What a passage will probably cover: similarity to each reference, times the pairs it will bring.

Learned parts, each of which a policy may leave out: the head moves passages to where their pairs lie, the
spread tells how far around them, the yields tell full passages from empty ones, and the mean of all calls
sets the scale.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.head import AlignmentHead
from equal_stream.allocation.passage_forms import PassageForms
from equal_stream.allocation.passage_yields import PassageYields
from equal_stream.allocation.policy.ingredients import Ingredients
from equal_stream.allocation.spread import Spread
from equal_stream.allocation.yields import PairsPerCall


class Prediction:
    """Predicts coverage from passage vectors, and learns from what came.

    Parameters
    ----------
    coverage
        Kernels of the references.
    ingredients
        Which parts are in use.
    """

    def __init__(self, coverage: Coverage, ingredients: Ingredients) -> None:
        self._coverage = coverage
        self._ingredients = ingredients
        dimension = coverage.targets.dimension
        self.pairs_per_call = PairsPerCall()
        self.yields = PassageYields(dimension)
        self.spread = Spread()
        self.head = AlignmentHead(dimension)
        self._seen: tuple[int, ...] = (0, 0)

    def take_changed(self) -> bool:
        """Tell, once, whether predictions made before are no longer those made now.

        A new fit of the yields does not count: it comes every few dozen answers and changes a little
        everywhere, which the round of re-evaluation takes in.
        """
        versions = self.version[:2]
        changed = versions != self._seen
        self._seen = versions
        return changed

    @property
    def version(self) -> tuple[int, int, int]:
        """What the parts are at: while it stays, `expected` changes by its scale only."""
        return self.head.version, self.spread.version, self.yields.version

    def refit(self) -> None:
        """Fit what is due."""
        if self._ingredients.yields:
            self.yields.refit()
        if self._ingredients.spread:
            self.spread.refit()
        if self._ingredients.head:
            self.head.refit()

    def expected(self, vectors: NDArray[np.float32], forms: PassageForms) -> NDArray[np.float32]:
        """Return the coverage (n, m) that calls for passages (n, d) of these forms will probably bring."""
        added = self._kernel(self._seen_as(vectors))
        if self._ingredients.yields:
            factors = self.yields.factors(vectors, forms)
            added *= (factors * np.float32(self.pairs_per_call.mean))[:, None]
        else:
            added *= np.float32(self.pairs_per_call.mean)
        return added

    def count(self, vectors: NDArray[np.float32], forms: PassageForms, pairs: int) -> None:
        """Take in how many pairs the answer for one passage held: its vector (1, d) and its form."""
        if self._ingredients.yields:
            self.yields.learn(vectors, forms, pairs)

    def learn(self, vectors: NDArray[np.float32], pairs: NDArray[np.float32]) -> None:
        """Take in where the pairs (p, d) of one passage lie: its vector (1, d)."""
        if len(pairs) and len(self._coverage.targets):
            brought = self._coverage.kernel(pairs).sum(axis=0)
            if self._ingredients.head:
                self._compare_heads(vectors, len(pairs), brought)
                self.head.learn(vectors[0], pairs)
            if self._ingredients.spread:
                close = self._coverage.closeness(self._seen_as(vectors))
                self.spread.learn(close[0], brought / np.float32(len(pairs)))

    def _compare_heads(self, vectors: NDArray[np.float32], pairs: int, brought: NDArray[np.float32]) -> None:
        if self.head.fitted:
            both = np.concatenate([vectors, self.head.mapped(vectors)])
            missed = self._kernel(both) * np.float32(pairs) - brought
            plain, mapped = (missed * missed).sum(axis=1)
            self.head.compare(float(plain), float(mapped))

    def _seen_as(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.head.apply(vectors) if self._ingredients.head else vectors

    def _kernel(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._ingredients.floor:
            return self.spread.expected(self._coverage.closeness(vectors))
        return self._coverage.kernel(vectors)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "pairs_per_call": self.pairs_per_call.to_state(),
            "yields": self.yields.to_state(),
            "spread": self.spread.to_state(),
            "head": self.head.to_state(),
            "seen": list(self._seen),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.pairs_per_call.load_state(state["pairs_per_call"])
        self.yields.load_state(state["yields"])
        self.spread.load_state(state["spread"])
        self.head.load_state(state["head"])
        head, spread = state["seen"]
        self._seen = (head, spread)
