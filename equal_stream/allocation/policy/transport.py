"""How far pairs are from the references: exact optimal transport between two clouds of vectors.

POT's network simplex solves it in 0.1 to 0.4 ms for up to 60 pairs and 100 references. (EQUAL's released
code uses IPOT, which converges to the same; 0.7422 against 0.7420 for 25 pairs.)
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Cost = Literal["euclidean", "cosine"]

_UNRELATED = {"euclidean": float(np.sqrt(2)), "cosine": 1.0}  # between vectors at right angles


def load_solver() -> None:
    """Import POT now: it takes two seconds, with scikit-learn and whatever array libraries it finds."""
    import ot  # noqa: F401, PLC0415 - as above


def wasserstein(
    pairs: NDArray[np.float32], references: NDArray[np.float32], weights: NDArray[np.float64], cost: Cost
) -> float:
    """Return W₁ between pairs and references under a cost of moving one vector onto another.

    Parameters
    ----------
    pairs
        (n, d) unit vectors that weigh the same. With none, the distance is that of unrelated vectors.
    references
        (m, d) unit vectors, at least one.
    weights
        (m,) of the references; they sum to 1.
    cost
        ``euclidean``, or ``cosine``: 1 − cosine.
    """
    from ot import emd2  # noqa: PLC0415 - loaded only where transport is the score

    if len(pairs) == 0:
        return _UNRELATED[cost]
    apart = 1.0 - (pairs @ references.T).astype(np.float64)
    costs = np.sqrt(np.maximum(2 * apart, 0.0)) if cost == "euclidean" else apart
    return float(emd2(np.full(len(pairs), 1 / len(pairs)), weights, costs))
