"""Would the pair leak an evaluation set?"""

from equal_stream.extraction.gates.base import Candidate, PassageView


def not_protected(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse a pair that gives away a protected evaluation question."""
    return "protected-evaluation" if passage.protected.covers(pair.question, pair.answer) else None
