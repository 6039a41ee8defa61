r"""Questions that the page asks itself: "Q: … A: …", and headings or lines that end in a question mark.

An answer reaches to the next question, to the next heading, or as far as an answer may be long.
"""

import re
from collections.abc import Iterator

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.locate import Span
from equal_stream.extraction.offline.prose import beginning, readable, sentences, trim
from equal_stream.extraction.offline.subject import is_code_name, subject
from equal_stream.extraction.parse import RawPair
from equal_stream.extraction.words import width, words

_LONGEST_ANSWER = 1_500  # characters
_SHORTEST_ANSWER = 12  # columns: "Yes, it does."
_LONGEST_QUESTION = 300
_FEWEST_WORDS = 3
_MARK = r"(?:\*\*|__|#{1,6}[ \t]*)?"
_NUMBER = r"(?:\(?\d{1,3}[.):][ \t]+)?"
_ASKS = r"(?:Q|Question|Frage|Pregunta|Domanda|Pergunta|Вопрос|問|问|質問|问题|問題|س|سؤال)"
_ANSWERS = r"(?:A|Answer|Antwort|Réponse|Respuesta|Risposta|Resposta|Ответ|答|回答|答案|ج|جواب)"
_LABELLED = re.compile(
    rf"^[ \t]*{_MARK}{_ASKS}[ \t]*\d{{0,3}}[ \t]*[:.：)][ \t]*{_MARK}[ \t]*"
    r"(?P<question>\S[^\n]*?)(?:\*\*|__)?[ \t]*\n"
    rf"\s*{_MARK}{_ANSWERS}[ \t]*\d{{0,3}}[ \t]*[:.：)][ \t]*{_MARK}[ \t]*",
    re.MULTILINE,
)
_LABEL = re.compile(rf"[ \t]*{_MARK}{_ASKS}[ \t]*\d{{0,3}}[ \t]*[:.：)]")
_ASKING_LINE = re.compile(
    rf"^[ ]{{0,3}}(?:[-*•][ \t]+)?{_MARK}{_NUMBER}(?P<question>\S[^\n]*[?？؟])[ \t]*(?:\*\*|__)?[ \t#]*\n"
    r"(?:[=\-~^\"'+*]{3,}[ \t]*(?:\n|\Z))?\s*",
    re.MULTILINE,
)
_HEADING = re.compile(r"^(?:#{1,6}[ \t]|[^\n]+\n[=\-~^]{3,}[ \t]*$)", re.MULTILINE)
_NO_QUESTION = re.compile(r"://|\b(?:TODO|FIXME|XXX)\b|>>>|\A\W*\Z")
_QUESTION_MARKS = ("?", "？", "؟")
_POINTERS = frozenset(
    ("what", "who", "why", "how", "which", "is", "are", "was", "do", "does", "this", "that", "it")
)
_LEAD = re.compile(r"\A[\s>*•-]+")


def labelled_questions(passage: PassageText) -> Iterator[RawPair]:
    """Yield what stands under "Q:" and "A:", or the same words in a few other languages."""
    yield from _pairs(passage.text, list(_LABELLED.finditer(passage.text)))


def asking_lines(passage: PassageText) -> Iterator[RawPair]:
    """Yield the lines that ask something and the text below them."""
    text = passage.text
    in_prose = not is_code_name(subject(passage))  # in a docstring, a bare question is part of a description
    found = [
        match
        for match in _ASKING_LINE.finditer(text)
        if not _LABEL.match(match.group())
        and (_is_marked(match) or (in_prose and _stands_apart(text, match)))
    ]
    yield from _pairs(text, found)


def _is_marked(match: re.Match[str]) -> bool:
    """Return whether a line is a heading or an item of a list."""
    return not match.group().lstrip().startswith(match["question"])


def _stands_apart(text: str, match: re.Match[str]) -> bool:
    """Return whether a line is one sentence with nothing right above it."""
    above = text[: match.start()].rstrip(" \t")
    one_sentence = len(list(sentences(text, *match.span("question")))) == 1
    return one_sentence and (not above or above.endswith(("\n\n", "\n\r\n")))


def _pairs(text: str, asked: list[re.Match[str]]) -> Iterator[RawPair]:
    ends = [*(match.start() for match in asked[1:]), len(text)]
    for match, end in zip(asked, ends, strict=False):
        question = _LEAD.sub("", " ".join(match["question"].split())).strip("*_# ")
        answer = _answer(text, match.end(), end)
        if answer is not None and _is_question(question):
            quote = text[answer.start : answer.end]
            yield RawPair(question, _tidy(quote), quote)


def _answer(text: str, start: int, end: int) -> Span | None:
    heading = _HEADING.search(text, start, end)
    span = trim(text, start, heading.start() if heading and heading.start() > start else end)
    if heading is not None and heading.start() == start:
        return None
    span = beginning(text, span, _LONGEST_ANSWER) if span.end - span.start > _LONGEST_ANSWER else span
    said = text[span.start : span.end]
    says_enough = width(said) >= _SHORTEST_ANSWER and len(words(said)) >= _FEWEST_WORDS
    return span if says_enough and not said.endswith(_QUESTION_MARKS) else None


def _is_question(question: str) -> bool:
    """Return whether a line with a question mark asks a reader something: no address, no note."""
    if len(question) > _LONGEST_QUESTION or _NO_QUESTION.search(question):
        return False
    spoken = words(question)
    if _POINTERS.issuperset(spoken):
        return False  # "What is this?"
    first = next((character for character in question if character.isalpha()), "")
    return first == first.upper() and len(spoken) >= _FEWEST_WORDS


def _tidy(answer: str) -> str:
    """Return an answer as it reads, paragraph by paragraph."""
    return "\n\n".join(readable(paragraph) for paragraph in re.split(r"\n[ \t]*\n", answer))
