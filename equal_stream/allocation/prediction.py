"""What a passage will probably cover: similarity to each reference, times the pairs it will bring.

Three learned parts, each of which a policy may leave out: the head moves passages to where their pairs
lie, the yields tell full passages from empty ones, and the mean of all calls sets the scale.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.head import AlignmentHead
from equal_stream.allocation.passage_yields import PassageYields
from equal_stream.allocation.policy.ingredients import Ingredients
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
        self.head = AlignmentHead(dimension)
        self._seen = 0

    def take_changed(self) -> bool:
        """Tell, once, whether predictions made before are no longer those made now.

        A new fit of the yields does not count: it comes every few dozen answers and changes a little
        everywhere, which the round of re-evaluation takes in.
        """
        version = self.head.version
        changed = version != self._seen
        self._seen = version
        return changed

    def refit(self) -> None:
        """Fit what is due."""
        if self._ingredients.yields:
            self.yields.refit()
        if self._ingredients.head:
            self.head.refit()

    def expected(self, vectors: NDArray[np.float32], tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the coverage (n, m) that calls for passages (n, d) of tokens (n,) will probably bring."""
        seen = self.head.apply(vectors) if self._ingredients.head else vectors
        added = self._kernel(seen)
        if self._ingredients.yields:
            factors = self.yields.factors(vectors, tokens)
            added *= (factors * np.float32(self.pairs_per_call.mean))[:, None]
        else:
            added *= np.float32(self.pairs_per_call.mean)
        return added

    def learn(self, vector: NDArray[np.float32], tokens: int, pairs: NDArray[np.float32]) -> None:
        """Take in a passage's vector (d,), its tokens, and the pairs (p, d) that its answer held."""
        if self._ingredients.yields:
            self.yields.learn(vector, tokens, len(pairs))
        if self._ingredients.head and len(self._coverage.targets):
            if self.head.fitted and len(pairs):
                brought = self._coverage.kernel(pairs).sum(axis=0)
                both = np.concatenate([vector[None], self.head.mapped(vector[None])])
                missed = self._kernel(both) * np.float32(len(pairs)) - brought
                plain, mapped = (missed * missed).sum(axis=1)
                self.head.compare(float(plain), float(mapped))
            self.head.learn(vector, pairs)

    def _kernel(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._ingredients.floor:
            return self._coverage.expected(vectors)
        return self._coverage.kernel(vectors)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "pairs_per_call": self.pairs_per_call.to_state(),
            "yields": self.yields.to_state(),
            "head": self.head.to_state(),
            "seen": self._seen,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.pairs_per_call.load_state(state["pairs_per_call"])
        self.yields.load_state(state["yields"])
        self.head.load_state(state["head"])
        self._seen = state["seen"]
