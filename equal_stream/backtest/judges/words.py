"""Words as judge: how much of what the unseen references say occurs in the published pairs at all.

For each reference, the recall of its terms weighted by inverse document frequency; then the mean over
references. Terms are words, symbols of code such as `|` and `-name`, characters of Chinese, Japanese and
Korean, and each two neighbours of these. Frequencies are those among the recorded pairs, so that words
which every pair has hardly count; terms that no recorded pair has are left out, since nobody can buy them.

Spärck Jones, "A statistical interpretation of term specificity and its application in retrieval", 1972.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.judges.base import Judge, Judged, published_at
from equal_stream.backtest.terms import tokens
from equal_stream.extraction.pairtext import pair_text

_PUNCTUATION = frozenset(".,;:?!'\"`()…·“”‘’，。、；：？！（）「」『』《》")  # of prose: says nothing


class WordsJudge(Judge):
    """Mean over the references of the idf-weighted recall of their terms, in [0, 1]."""

    name: ClassVar[str] = "words"

    def __init__(self, judged: Judged) -> None:
        asked = [_terms(question, answer) for question, answer in judged.references]
        column: dict[tuple[str, ...], int] = {}
        for terms in asked:
            for term in terms:
                column.setdefault(term, len(column))
        held_by: list[int] = []
        held: list[int] = []
        for row, pair in enumerate(zip(judged.questions, judged.answers, strict=True)):
            found = [column[term] for term in _terms(*pair) if term in column]
            held += found
            held_by += [row] * len(found)
        self._pairs = len(judged.questions)
        self._held = np.array(held, np.intp)
        self._held_by = np.array(held_by, np.intp)
        frequency = np.bincount(self._held, minlength=len(column))
        rarity = np.where(frequency > 0, np.log((1 + self._pairs) / np.maximum(frequency, 1)), 0.0)
        self._weights = np.zeros(len(column))
        for terms in asked:
            own = [column[term] for term in terms]
            total = rarity[own].sum()
            if total > 0:
                self._weights[own] += rarity[own] / (total * len(asked))

    def values(self, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return mean recall after each group: (len(groups),) in [0, 1]."""
        at = published_at(groups, self._pairs)
        first = np.full(len(self._weights), len(groups), np.intp)
        np.minimum.at(first, self._held, at[self._held_by])
        newly = np.bincount(first, self._weights, minlength=len(groups) + 1)
        return np.cumsum(newly[: len(groups)])


def _terms(question: str, answer: str) -> dict[tuple[str, ...], None]:
    """Return the distinct terms of a pair in order; a set's order would change sums in the last digit."""
    words = [token for token in tokens(pair_text(question, answer)) if token not in _PUNCTUATION]
    return dict.fromkeys([*((word,) for word in words), *pairwise(words)])
