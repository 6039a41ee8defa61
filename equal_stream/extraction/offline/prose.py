"""Text as it stands on a page, and as it reads in an answer."""

import re
from collections.abc import Iterator

from equal_stream.extraction.locate import Span

_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[`*:]*[A-Z0-9À-ÞА-Я])|(?<=[。！？])")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|cf|vs|etc|resp|approx|Fig|Eq|Dr|Mr|Ms|No|St|al)|\b[A-Z])\.$")
_ROLE = re.compile(r":[a-z:+-]+:`~?([^`<]+?)(?:\s*<[^`>]*>)?`")
_CITATION = re.compile(r"\s*\[[\w*#.-]+\]_")
_LITERAL = re.compile(r"``([^`\n]+)``")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_EMPHASIS = re.compile(r"(?<![\w*])\*\*(?=\S)([^*\n]+)(?<=\S)\*\*(?![\w*])")


def paragraphs(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """Yield the paragraphs between two offsets, without white space at their ends."""
    end = len(text) if end is None else end
    at = start
    for gap in [*(match for match in _PARAGRAPH_END.finditer(text, start, end)), None]:
        span = trim(text, at, gap.start() if gap else end)
        if span.start < span.end:
            yield span
        at = gap.end() if gap else end


def sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the sentences between two offsets, without white space at their ends."""
    at = start
    for gap in _SENTENCE_END.finditer(text, start, end):
        said = text[at : gap.start()].rstrip("\"')]")
        if _ABBREVIATION.search(said):
            continue
        yield trim(text, at, gap.end())
        at = gap.end()
    last = trim(text, at, end)
    if last.start < last.end:
        yield last


def beginning(text: str, span: Span, longest: int) -> Span:
    """Return the first sentences of `span` that fit `longest` characters, at least one."""
    last = span.start
    for sentence in sentences(text, span.start, span.end):
        if last > span.start and sentence.end - span.start > longest:
            break
        last = sentence.end
    return Span(span.start, last)


def trim(text: str, start: int, end: int) -> Span:
    """Return the span without white space at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def readable(text: str) -> str:
    """Return prose as it reads: lines joined, mark-up of reStructuredText and Markdown resolved."""
    text = _ROLE.sub(r"`\1`", text)
    text = _LITERAL.sub(r"`\1`", _CITATION.sub("", text))
    text = _EMPHASIS.sub(r"\1", _LINK.sub(r"\1", text))
    return " ".join(text.split())
