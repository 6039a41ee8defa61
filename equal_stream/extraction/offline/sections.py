r"""The parts of a docstring, in the three styles in use: numpy, Google and Sphinx.

numpy has underlined headings and entries "name : type" with indented descriptions; Google has "Args:" with
indented "name (type): description"; Sphinx has ":param name: description". A passage may begin in the
middle of a section, whose heading is then in an earlier passage: such entries have no heading here.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from equal_stream.extraction.locate import Span
from equal_stream.extraction.offline.prose import trim

_UNDERLINED = re.compile(r"^(?P<title>[A-Z][A-Za-z ]{2,30})\n-{3,}[ \t]*$", re.MULTILINE)
_GOOGLE = re.compile(
    r"^(?P<title>Args|Arguments|Parameters|Returns|Yields|Raises|Attributes|Examples?|Notes?):$",
    re.MULTILINE,
)
_NUMPY_ENTRY = re.compile(
    r"^(?P<name>\*{0,2}[A-Za-z_][\w.]*(?:, ?\*{0,2}[A-Za-z_]\w*)*)[ \t]*:[ \t]*"
    r"(?P<type>[^\n]*)\n(?=[ \t]+\S)",
    re.MULTILINE,
)
_GOOGLE_ENTRY = re.compile(
    r"^(?P<indent>[ \t]+)(?P<name>\*{0,2}[A-Za-z_]\w*)[ \t]*(?:\((?P<type>[^)\n]*)\))?:[ \t]+(?=\S)",
    re.MULTILINE,
)
_SPHINX_ENTRY = re.compile(
    r"^[ \t]*:(?P<kind>param|parameter|arg|raises|returns?)(?:[ \t]+(?P<type>[\w.\[\]]+))??"
    r"(?:[ \t]+(?P<name>\*{0,2}\w[\w.]*))?:[ \t]*(?=\S)",
    re.MULTILINE,
)
_LONGEST_TYPE = 4  # words
_PARAMETERS = frozenset({"Args", "Arguments", "Parameters", "Other Parameters"})
_SPHINX_SECTIONS = {"raises": "Raises", "return": "Returns", "returns": "Returns"}


class Entry(NamedTuple):
    """A named thing and its description. `section` is Parameters, Returns …, or empty when not known."""

    section: str
    name: str
    kind: str
    description: Span


class Section(NamedTuple):
    """A titled part of a docstring."""

    title: str
    body: Span


def sections(text: str) -> list[Section]:
    """Return the sections of a passage; the first has no title and holds what comes before any heading."""
    headings = sorted([*_UNDERLINED.finditer(text), *_GOOGLE.finditer(text)], key=lambda match: match.start())
    starts = [("", 0, 0)] + [(match["title"], match.start(), match.end()) for match in headings]
    ends = [start for _, start, _ in starts[1:]] + [len(text)]
    return [
        Section("Parameters" if title in _PARAMETERS else title, Span(begin, end))
        for (title, _, begin), end in zip(starts, ends, strict=True)
    ]


def entries(text: str) -> Iterator[Entry]:
    """Yield the described names of a passage in any of the three styles, in order."""
    for section in sections(text):
        yield from _numpy_entries(text, section)
        if section.title:
            yield from _google_entries(text, section)
    yield from _sphinx_entries(text)


def _numpy_entries(text: str, section: Section) -> Iterator[Entry]:
    for match in _NUMPY_ENTRY.finditer(text, section.body.start, section.body.end):
        if len(match["type"].split()) > _LONGEST_TYPE and " : " not in match.group():
            continue  # Google's "name: description", whose indentation a cut took away
        end = _indented_until(text, match.end(), section.body.end, shallower_than=1)
        yield Entry(section.title, match["name"], match["type"].strip(), trim(text, match.end(), end))


def _google_entries(text: str, section: Section) -> Iterator[Entry]:
    found = list(_GOOGLE_ENTRY.finditer(text, section.body.start, section.body.end))
    outer = min((len(match["indent"]) for match in found), default=0)
    for match in found:
        if len(match["indent"]) == outer:
            end = _indented_until(text, match.end(), section.body.end, shallower_than=outer + 1)
            yield Entry(section.title, match["name"], match["type"] or "", trim(text, match.end(), end))


def _sphinx_entries(text: str) -> Iterator[Entry]:
    for match in _SPHINX_ENTRY.finditer(text):
        end = _indented_until(text, match.end(), len(text), shallower_than=1)
        section = _SPHINX_SECTIONS.get(match["kind"], "Parameters")
        yield Entry(section, match["name"] or "", match["type"] or "", trim(text, match.end(), end))


def _indented_until(text: str, start: int, end: int, *, shallower_than: int) -> int:
    """Return where the block that began at `start` ends: at the first shallower line after its own."""
    at = text.find("\n", start, end) + 1
    if text[start : start + 1] in {" ", "\t"}:
        at = start  # the description begins on a line of its own
    while 0 < at < end:
        line_end = text.find("\n", at, end)
        line_end = end if line_end < 0 else line_end
        line = text[at:line_end]
        if line.strip() and len(line) - len(line.lstrip()) < shallower_than:
            return at
        at = line_end + 1
    return end
