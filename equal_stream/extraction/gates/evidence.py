"""Is there proof in the passage? The evidence must stand in it, and be long enough to prove something."""

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.extraction.words import width


def evidence_given(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse a pair without evidence."""
    return None if pair.evidence.strip() else "evidence-empty"


def evidence_verbatim(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse evidence that is not in the passage, as `locate` compares text."""
    return None if pair.span is not None else "evidence-not-found"


def evidence_long_enough(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse evidence shorter than the setting, unless the passage itself is hardly longer."""
    assert pair.span is not None, "evidence_verbatim comes first"
    quote = passage.text[pair.span.start : pair.span.end]
    needed = min(passage.settings.min_evidence_characters, width(passage.text.strip()))
    return None if width(quote) >= needed else "evidence-too-short"
