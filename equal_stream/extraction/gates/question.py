"""Is it a question, or a task, that stands on its own?"""

import re

from equal_stream.extraction.gates.base import Candidate, PassageView
from equal_stream.extraction.words import words

_LONGEST = 8_000  # characters; a programming exercise is a question too
_QUESTION_MARKS = ("?", "？", "؟", ";", "՞", "⸮")
_FEWEST_WORDS = 2
_FEWEST_WORDS_OF_A_TASK = 3  # without a question mark: an instruction such as "list open files"

# What only someone with the passage before them could answer.
_LEANS_ON_PASSAGE = re.compile(
    r"\b(?:(?:according to|in|from|by|does|as (?:stated|described|mentioned) in|based on)\s+(?:the|this|that)"
    r"\s+(?:given |provided |above |following )?(?:passage|excerpt|snippet|text above|above text))\b"
    r"|\b(?:this|the (?:above|given|provided)) (?:passage|excerpt|snippet)\b"
    r"|\baccording to the (?:text|document|article|author)\b"
    r"|\b(?:laut|gemäß|nach) (?:dem|diesem) (?:text|abschnitt|auszug)\b"
    r"|\b(?:selon|d'après) (?:le|ce) (?:texte|passage|extrait)\b"
    r"|\bsegún (?:el|este) (?:texto|pasaje|fragmento)\b"
    r"|根据(?:上文|本文|文章|短文|这段|该段|段落|文中)|根據(?:上文|本文|文章|短文|這段|該段|段落|文中)"
    r"|(?:本文|この文章|上の文)によ(?:ると|れば)",
    re.IGNORECASE,
)


def question_well_formed(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse what is empty, endless, or no sentence."""
    question = pair.question
    if not question:
        return "question-empty"
    if len(question) > _LONGEST:
        return "question-too-long"
    fewest = _FEWEST_WORDS if question.endswith(_QUESTION_MARKS) else _FEWEST_WORDS_OF_A_TASK
    spoken = words(question)
    in_letters = any(character.isalpha() for word in spoken for character in word)
    return None if in_letters and len(spoken) >= fewest else "question-malformed"


def question_self_contained(pair: Candidate, _passage: PassageView) -> str | None:
    """Refuse questions about "the passage", which mean nothing to whoever is asked without it."""
    return "question-leans-on-passage" if _LEANS_ON_PASSAGE.search(pair.question) else None
