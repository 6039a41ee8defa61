"""Which passage holds a recorded pair: recordings say only which document does.

The passage that contains the answer word for word; among several, or when none does (an answer may be
written freely), the one that shares most terms with question and answer.
"""

import re
from collections.abc import Sequence

from equal_stream.backtest.terms import terms

_SPACE = re.compile(r"\s+")


class Places:
    """The passages of one document, ready to be asked.

    Parameters
    ----------
    passages
        Their texts; at least one.
    """

    def __init__(self, passages: Sequence[str]) -> None:
        self._squeezed = [_squeeze(text) for text in passages]
        self._terms = [set(terms(text)) for text in passages] if len(passages) > 1 else []

    def place(self, question: str, answer: str) -> int:
        """Return the place of the passage that holds a pair."""
        if len(self._squeezed) == 1:
            return 0
        wanted = set(terms(f"{question} {answer}"))
        sought = _squeeze(answer)
        scores = [
            (bool(sought) and sought in text, len(wanted & held))
            for text, held in zip(self._squeezed, self._terms, strict=True)
        ]
        return max(range(len(scores)), key=lambda i: (scores[i], -i))


def _squeeze(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()
