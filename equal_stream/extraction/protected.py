"""Evaluation questions that must never be published, or they would test memory instead of skill.

A pair is caught when it asks exactly a protected question, or shares thirteen words in a row with one,
the length at which overlap is no accident (Brown et al., "Language Models are Few-Shot Learners", 2020,
appendix C). Texts in scripts without spaces count characters as words.
"""

from collections.abc import Iterable

import xxhash

from equal_stream.extraction.words import words
from equal_stream.ids import normalise_question

_GRAM = 13


class ProtectedQuestions:
    """A set of evaluation questions; 8 bytes of hash a question and a word.

    Parameters
    ----------
    questions
        Their texts; none: nothing is protected.
    """

    def __init__(self, questions: Iterable[str] = ()) -> None:
        self._exact: set[int] = set()
        self._grams: set[int] = set()
        for question in questions:
            self._exact.add(_hash(normalise_question(question)))
            self._grams.update(_gram_hashes(question))

    def __len__(self) -> int:
        return len(self._exact)

    def covers(self, question: str, answer: str) -> bool:
        """Return whether the pair gives away a protected question."""
        if not self._exact:
            return False
        if _hash(normalise_question(question)) in self._exact:
            return True
        return any(not self._grams.isdisjoint(_gram_hashes(text)) for text in (question, answer))


def _gram_hashes(text: str) -> set[int]:
    spoken = words(text)
    return {_hash(" ".join(spoken[at : at + _GRAM])) for at in range(len(spoken) - _GRAM + 1)}


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))
