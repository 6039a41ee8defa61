"""Is there proof in the passage? The evidence must stand in it, and be long enough to prove something."""

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.extraction.locate import Span
from equal_stream.extraction.words import width


def evidence_given(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse a pair without evidence."""
    return None if pair.evidence.strip() else "evidence-empty"


def evidence_verbatim(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse evidence that is not in the passage, as `locate` compares text."""
    return None if pair.span is not None else "evidence-not-found"


def evidence_long_enough(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse evidence shorter than the setting, unless it is a line of its own, such as a command."""
    assert pair.span is not None, "evidence_verbatim comes first"
    quote = passage.text[pair.span.start : pair.span.end]
    if width(quote) >= passage.settings.min_evidence_characters or _is_a_line(passage.text, pair.span):
        return None
    return "evidence-too-short"


def _is_a_line(text: str, span: Span) -> bool:
    """Return whether nothing but marks stands beside a span on its line."""
    before = text[text.rfind("\n", 0, span.start) + 1 : span.start]
    after = text[span.end :].partition("\n")[0]
    return not any(character.isalnum() for character in before + after)
