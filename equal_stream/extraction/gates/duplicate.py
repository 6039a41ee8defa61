"""Has the passage been asked this already?"""

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.ids import normalise_question


def question_new(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse a question that an accepted pair of the same passage asks: they would share a qa_id."""
    return "question-duplicate" if normalise_question(pair.question) in passage.asked else None
