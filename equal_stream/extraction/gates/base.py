"""What a gate sees: a candidate pair, and the passage it must come from."""

from collections.abc import Callable

import msgspec

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.locate import QuoteIndex, Span
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.extraction.words import terms
from equal_stream.settings import ExtractionSettings


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A pair under examination; `span` is where its evidence stands in the passage's text, if it does."""

    question: str
    answer: str
    evidence: str
    span: Span | None


class PassageView:
    """A passage as the gates see it, with what several of them need computed once.

    Attributes
    ----------
    index
        Finds quotes in the passage's text.
    terms
        What the passage and its title speak of.
    asked
        Normalised questions of the pairs accepted so far.
    """

    def __init__(
        self, passage: PassageText, settings: ExtractionSettings, protected: ProtectedQuestions
    ) -> None:
        self.text = passage.text
        self.title = passage.title
        self.lang = passage.lang
        self.settings = settings
        self.protected = protected
        self.index = QuoteIndex(passage.text)
        self.terms = terms(f"{passage.title} {passage.text}")
        self.asked: set[str] = set()


Gate = Callable[[Candidate, PassageView], str | None]
