"""Does the passage support the answer? A plain check of words and numbers, lenient by design.

An answer may rephrase, compute and say yes or no, so only what can hardly come from the passage is
refused: an answer most of whose terms occur in neither passage, title nor question, or most of whose
exact figures occur in none of them and follow from no two of them.
"""

from itertools import islice

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.extraction.words import numbers, terms

_SUPPORTED_TERMS = 0.3  # share; of rephrased true answers about one in a hundred lies below
_FEWEST_TERMS = 2  # one word alone may be a synonym: "joyful" for "full of joy"
_FREE_BELOW = 13  # counts up to a dozen are often spelled out or counted in the passage
_OPERANDS = 60  # numbers combined two by two at most


def answer_in_words(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse an answer that speaks of other things than the passage does."""
    said = terms(pair.answer)
    if len(said) < _FEWEST_TERMS:
        return None
    known = passage.terms | terms(pair.question)
    return None if len(said & known) >= _SUPPORTED_TERMS * len(said) else "answer-ungrounded"


def answer_in_numbers(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse an answer whose figures are mostly neither given nor one sum, product or ratio away."""
    said = {number for number in numbers(pair.answer) if number >= _FREE_BELOW}
    if not said:
        return None
    given = numbers(f"{passage.title} {passage.text} {pair.question}")
    unknown = {number for number in said - given if not _follows(number, given | (said - {number}))}
    return "answer-figures-unfounded" if 2 * len(unknown) > len(said) else None


def _follows(number: float, given: set[float]) -> bool:
    """Return whether one operation on two of the given numbers, or on one and 100, makes this one."""
    operands = [*islice(sorted(given), _OPERANDS), 100.0]
    for left in operands:
        for right in operands:
            made = [left + right, left - right, left * right]
            if right:
                made.extend((left / right, 100 * left / right))
            if any(abs(number - result) <= 0.005 * abs(number) for result in made):
                return True
    return False
