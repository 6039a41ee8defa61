"""What a judge is: what published pairs are worth for references that no policy has seen.

A policy is steered by the encoder's similarity to one half of the references; judged by the same encoder
it would be praised for the encoder's mistakes. So there are several judges, and a claim counts when they
agree. A new one is a file here and a line in the registry. It sees everything once, when it is made, and
may work as long as it likes then; `values` is asked for every policy and seed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Judged:
    """What a judge looks at.

    Attributes
    ----------
    questions, answers
        Texts of all m recorded pairs.
    vectors
        (m, d) float32 unit vectors of the pairs.
    references
        Question and answer of the r references that no policy sees.
    reference_vectors
        (r, d) float32 unit vectors of these references.
    background
        (b, d) float32 unit vectors of a sample of all passages.
    """

    questions: Sequence[str]
    answers: Sequence[str]
    vectors: NDArray[np.float32]
    references: Sequence[tuple[str, str]]
    reference_vectors: NDArray[np.float32]
    background: NDArray[np.float32]


class Judge(ABC):
    """One way to value published pairs.

    Attributes
    ----------
    name
        What it is called in reports.
    """

    name: ClassVar[str]

    @abstractmethod
    def __init__(self, judged: Judged) -> None: ...

    @abstractmethod
    def values(self, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return what all pairs published so far are worth, after each group of newly published ones.

        Parameters
        ----------
        groups
            Rows of pairs, in the order of publication. A row that comes again adds nothing.

        Returns
        -------
        (len(groups),) float64 in the judge's own unit: 0 for nothing, the same for the same set of pairs
        however they are grouped.
        """


def published_at(groups: Sequence[Sequence[int]], pairs: int) -> NDArray[np.intp]:
    """Return the first group that each of so many pairs is in, `len(groups)` where none has it: (m,)."""
    at = np.full(pairs, len(groups), np.intp)
    for number in range(len(groups) - 1, -1, -1):
        at[np.asarray(groups[number], np.intp)] = number
    return at
