"""How well vectors find the pairs of a passage, and the passage of a pair.

Every pair is looked for from its passage among the pairs of all other passages, and its passage is looked
for from the pair among all other passages. Other pairs of the same passage are no wrong answers, so they
do not count. A tie counts as lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEPTHS = (1, 5, 10)
_ROWS = 512  # pairs whose similarities to everything are in memory at once


@dataclass(frozen=True)
class Ranks:
    """Ranks from 1, int64 of shape (pairs,).

    Parameters
    ----------
    pair
        Of each pair, when its passage asks among the pairs of other passages.
    passage
        Of its passage, when the pair asks among all passages.
    """

    pair: NDArray[np.int64]
    passage: NDArray[np.int64]


def ranks(passages: NDArray[np.float32], pairs: NDArray[np.float32], owners: NDArray[np.int64]) -> Ranks:
    """Return the ranks.

    Parameters
    ----------
    passages
        Unit vectors, (p, d).
    pairs
        Unit vectors, (n, d).
    owners
        The number of each pair's passage, (n,).
    """
    of_pair = np.empty(len(pairs), dtype=np.int64)
    of_passage = np.empty(len(pairs), dtype=np.int64)
    own = np.einsum("ij,ij->i", passages[owners], pairs)
    for first in range(0, len(pairs), _ROWS):
        rows = slice(first, first + _ROWS)
        mine = own[rows, None]
        others = owners[rows, None] != owners[None, :]
        of_pair[rows] = 1 + ((passages[owners[rows]] @ pairs.T >= mine) & others).sum(1)
        theirs = pairs[rows] @ passages.T >= mine
        theirs[np.arange(len(theirs)), owners[rows]] = False
        of_passage[rows] = 1 + theirs.sum(1)
    return Ranks(of_pair, of_passage)


def measures(found: NDArray[np.int64], depths: Sequence[int] = DEPTHS) -> dict[str, NDArray[np.float64]]:
    """Return what each rank is worth, (n,) each: `mrr` 1 ÷ rank, `recall_at_k` whether it is k or less."""
    return {
        "mrr": 1.0 / found,
        **{f"recall_at_{depth}": (found <= depth).astype(np.float64) for depth in depths},
    }


def by_passage(values: NDArray[np.float64], owners: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean over the pairs of each passage, (p,): every passage counts alike."""
    return np.bincount(owners, values) / np.bincount(owners)
