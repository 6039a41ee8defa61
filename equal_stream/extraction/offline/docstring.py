"""What a docstring says of a name: what it does, what it takes, what it gives back, what it raises."""

import re
from collections.abc import Iterator

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.locate import Span
from equal_stream.extraction.offline.prose import beginning, paragraphs, readable, sentences
from equal_stream.extraction.offline.sections import Entry, entries, sections
from equal_stream.extraction.offline.subject import is_class_name, is_code_name, subject
from equal_stream.extraction.parse import RawPair
from equal_stream.extraction.words import words

_LONGEST_ANSWER = 500  # characters: a few sentences
_FEWEST_WORDS = 8  # a shorter description hardly says more than the name
_FEWEST_SUMMARY_WORDS = 4
_QUESTIONS = {  # by section, and whether the entry has a name
    ("Parameters", True): "What is the `{entry}` parameter of {name}?",
    ("Attributes", True): "What is the `{entry}` attribute of {name}?",
    ("Returns", True): "What is `{entry}`, which {name} returns?",
    ("Returns", False): "What does {name} return?",
    ("Raises", True): "When does {name} raise {entry}?",
    ("", True): "What does `{entry}` mean in {name}?",
}
_SIGNATURE = re.compile(r"\A[\w.]+\([^\n]*\)[^\n]*\n\s*")
_NOUN_PHRASE = re.compile(
    r"\A(?:An?|The|One|This (?:class|module|type|package)|Class|Abstract|\w+ (?:of|function|class))\b"
)
# Text to be filled in, a directive, or an entry within an entry.
_TEMPLATE = re.compile(r"%\(\w+\)s|\{\w+\}s?\b|\A\.\. |::\Z|\A\w+ : ")
_BRACKETS = (("{", "}"), ("(", ")"), ("[", "]"))


def summaries(passage: PassageText) -> Iterator[RawPair]:
    """Yield what the first paragraphs say that a name does or is; only where a document begins."""
    name, text = subject(passage), passage.text
    if passage.start != 0 or not is_code_name(name):
        return
    body = sections(text)[0].body
    signature = _SIGNATURE.match(text)
    told = list(paragraphs(text, signature.end() if signature else body.start, body.end))
    if not told or not _is_prose(text, told[0]) or not _says_something(text, told[0], _FEWEST_SUMMARY_WORDS):
        return
    span = told[0]
    if len(told) > 1 and told[1].end - span.start <= _LONGEST_ANSWER and _is_prose(text, told[1]):
        span = Span(span.start, told[1].end)
    quote = _quote(text, span)
    is_thing = is_class_name(name) or _NOUN_PHRASE.match(quote)
    yield RawPair(f"What is {name}?" if is_thing else f"What does {name} do?", readable(quote), quote)


def described_names(passage: PassageText) -> Iterator[RawPair]:
    """Yield the parameters, results and errors that a docstring describes."""
    name, text = subject(passage), passage.text
    if not is_code_name(name):
        return
    for entry in entries(text):
        is_whole = all(
            entry.kind.count(opening) == entry.kind.count(closing) for opening, closing in _BRACKETS
        )
        if not is_whole or not _says_something(text, entry.description, _FEWEST_WORDS):
            continue
        question, quote = _question(entry, name), _quote(text, entry.description)
        if question and not quote.endswith(":"):
            yield RawPair(question, readable(quote), quote)


def _question(entry: Entry, name: str) -> str:
    """Return what an entry answers, or nothing where that cannot be told."""
    form = _QUESTIONS.get((entry.section, bool(entry.name)), "")
    return form.format(entry=entry.name, name=name)


def _is_cut(kind: str) -> bool:
    """Return whether a type goes on in the next line, so that the description begins in its middle."""
    return any(kind.count(opening) != kind.count(closing) for opening, closing in _BRACKETS)


def _quote(text: str, span: Span) -> str:
    """Return the sentences of a span that fit an answer, up to the first list or block in it."""
    first = next(paragraphs(text, span.start, span.end), span)
    whole = span if _is_prose(text, span) else first
    kept = beginning(text, whole, _LONGEST_ANSWER)
    said = list(sentences(text, kept.start, kept.end))
    if len(said) > 1 and text[: said[-1].end].endswith(":"):
        return text[kept.start : said[-2].end]  # what the last sentence announces is not part of the quote
    return text[kept.start : kept.end]


def _says_something(text: str, span: Span, fewest_words: int) -> bool:
    said = text[span.start : span.end]
    return len(words(said)) >= fewest_words and not _TEMPLATE.search(said.split("\n\n")[0])


def _is_prose(text: str, span: Span) -> bool:
    """Return whether a span is sentences: no lists, examples, directives, tables or templates."""
    lines = [line.strip() for line in text[span.start : span.end].split("\n")]
    marks = (">>>", ":", "- ", "* ", ".. ", "+-", "|", "$", "1. ", "%(", "{", "#")
    return not any(line.startswith(marks) or line.endswith("::") for line in lines)
