"""Sentences that say what something is or does, in English prose.

Two plain forms are taken, at the beginning of a sentence: "The Shapiro-Wilk test tests …" and "A permutation
is an …". The sentence is the answer, so whatever it says, it says in its own words; the difficulty is to
tell a name from a phrase that only the page explains, and in doubt nothing is taken.
"""

import re
from collections.abc import Iterator

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.offline.prose import paragraphs, readable, sentences
from equal_stream.extraction.offline.sections import sections
from equal_stream.extraction.parse import RawPair
from equal_stream.extraction.words import words

_LONGEST = 400  # characters of a sentence
_FEWEST_WORDS = 8
_FEWEST_LETTERS = 3  # of a subject: "L" is a variable
_NOUNS_TOO = frozenset({"tests", "models", "measures", "estimates", "returns"})  # "Custom models are …"
_PROSE_SECTIONS = frozenset({"", "Note", "Notes"})
_POINTS_AT_PAGE = re.compile(  # opens a sentence, or points at something on the page, and names nothing
    r"(?<![\w'’.+-])(?:a|also|although|an|and|any|are|as|at|because|before|both|but|by|calling|can|currently|default|"
    r"do|did|does|each|either|every|first|following|for|from|furthermore|given|hence|here|how|however|if|in|"
    r"input|instead|is|it|its|last|latter|many|may|method|more|moreover|most|must|next|no|nor|not|notes?|now|on|"
    r"once|one|only|or|other|otherwise|our|output|parameters|passing|please|returned|returns|right|same|second|"
    r"setting|should|since|so|some|such|that|the|their|then|there|therefore|these|they|this|those|though|thus|"
    r"to|two|typically|unless|until|use|user|using|usually|values?|we|what|when|where|whether|which|while|who|"
    r"why|with|without|you|your)(?![\w'’.+-])",
    re.IGNORECASE,
)
_PREPOSITIONS = frozenset({"of", "about", "between", "under", "over", "into"})
_WORD = r"[\w’'.+-]+"
_SUBJECT = rf"(?:(?P<article>The|An?)\s+)?(?P<subject>{_WORD}(?:\s+{_WORD}){{0,4}}?)"
_IS = re.compile(rf"{_SUBJECT}\s+(?P<verb>is|are)\s+(?:an?|the|used|defined)\b")
_DOES = re.compile(
    rf"{_SUBJECT}\s+(?P<verb>tests|measures|computes|calculates|describes|models|estimates|compares|determines|"
    r"represents|returns|converts|performs|generates|assesses|evaluates|implements|quantifies)\b"
)


def definitions(passage: PassageText) -> Iterator[RawPair]:
    """Yield the passage's defining sentences, each with the question it answers."""
    if passage.lang not in {"", "en"}:
        return
    text = passage.text
    for section in sections(text):
        if section.title not in _PROSE_SECTIONS:
            continue
        for paragraph in paragraphs(text, section.body.start, section.body.end):
            for sentence in sentences(text, paragraph.start, paragraph.end):
                quote = text[sentence.start : sentence.end]
                if len(quote) <= _LONGEST and quote.endswith(".") and (question := _question(quote, text)):
                    yield RawPair(question, readable(quote), quote)


def _question(quote: str, text: str) -> str:
    sentence = readable(quote)
    if len(words(sentence)) < _FEWEST_WORDS:
        return ""
    match = _DOES.match(sentence) or _IS.match(sentence)
    if match is None or not _is_name(match):
        return ""
    subject = _subject(match, text)
    verb = match["verb"]
    return f"What {verb} {subject}?" if verb in {"is", "are"} else f"What does {subject} {_base_form(verb)}?"


def _is_name(match: re.Match[str]) -> bool:
    """Return whether the subject means something outside the passage.

    "The" needs a proper name behind it ("the Poisson distribution"), since "the method" is one that only
    the page knows; "a" introduces any noun; without an article the first word must be capitalised.
    """
    said = match["subject"].split()
    if _POINTS_AT_PAGE.search(match["subject"]):
        return False
    if said[-1].casefold() in _PREPOSITIONS:
        return False  # "A study of tests …": the verb is no verb
    if sum(letter.isalpha() for letter in match["subject"]) < _FEWEST_LETTERS:
        return False
    match match["article"]:
        case "The":
            return len(said) > 1 and any(any(letter.isupper() for letter in word) for word in said)
        case None:
            is_possessive = any(word.endswith(("'s", "’s")) for word in said)
            return said[0][0].isupper() and (is_possessive or match["verb"] not in _NOUNS_TOO)
        case _:
            return True


def _subject(match: re.Match[str], text: str) -> str:
    """Return the subject as it stands within a question: a common noun loses its capital."""
    article, subject = match["article"], match["subject"]
    if article is not None:
        return f"{article.lower()} {subject}"
    uncapitalised = subject[0].lower() + subject[1:]
    is_common_noun = re.search(rf"(?<=\s){re.escape(uncapitalised)}(?=[\s.,;:)])", text)
    return uncapitalised if is_common_noun else subject


def _base_form(verb: str) -> str:
    """Return the base form of a verb in the third person; a test "examines", or it would be said twice."""
    if verb == "tests":
        return "examine"
    return verb[:-2] if verb.endswith("sses") else verb[:-1]
