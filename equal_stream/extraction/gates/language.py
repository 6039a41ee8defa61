"""Is the pair in the passage's language?

Scripts decide first, which is certain. The identifier has a say only about longer text, where it is
reliable, and only when it is sure of both sides: short or mixed text (code, names) stays undecided.
"""

import threading
from functools import cache
from typing import Any

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.extraction.words import scripts

_SHARE_OF_SCRIPT = 0.05  # of the passage's letters, for a script to count as one the passage is written in
_FEWEST_LETTERS = 4
_LONG_ENOUGH = 160  # letters; below this the identifier errs too often
_SURE = 0.999


def language_of_passage(pair: Candidate, passage: PassageView) -> str | None:
    """Refuse a pair in a script that the passage is not written in, or clearly in another language."""
    text = f"{pair.question} {pair.answer}"
    written, source = scripts(text), scripts(passage.text)
    if written.total() < _FEWEST_LETTERS or source.total() < _FEWEST_LETTERS:
        return None
    script = written.most_common(1)[0][0]
    if source[script] < _SHARE_OF_SCRIPT * source.total():
        return "language-differs"
    if min(written.total(), source.total()) < _LONG_ENOUGH:
        return None
    (pair_language, pair_sure), (passage_language, passage_sure) = _identify(text), _identify(passage.text)
    sure = pair_sure >= _SURE and passage_sure >= _SURE
    return "language-differs" if sure and pair_language != passage_language else None


def _identify(text: str) -> tuple[str, float]:
    identifier, lock = _identifier()
    with lock:
        language, probability = identifier.classify(text)
    return str(language), float(probability)


@cache
def _identifier() -> tuple[Any, threading.Lock]:
    """Load the identifier once a process; half a second, and it is not thread-safe."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 (loaded only when needed)

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True), threading.Lock()
