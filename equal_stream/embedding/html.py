"""The text of a web page: its main content, without ever running or fetching anything.

Parsing and extraction are resiliparse's, which mends broken markup the way browsers do. Three shapes cost it
time that grows with their square, and no honest page has them: very deep nesting, thousands of attributes
in one tag, and tens of thousands of options in one list. Such a page is refused before it is parsed.
"""

import re

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from equal_stream.errors import InvalidRecord

MAX_DEPTH = 512  # 40 ms to extract; 20,000 levels take 11 seconds
MAX_ATTRIBUTES = 2_000  # in one tag; 20,000 take 2 seconds
MAX_OPTIONS = 20_000  # in one list: a second or two; 300,000 take minutes
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_LONG_TAG = re.compile(r"<[a-zA-Z][^>]{8000,}")
_LIST_EDGE = re.compile("</?(?:select|optgroup)", re.IGNORECASE)
_OPTION = re.compile("<option", re.IGNORECASE)
_CLOSED_BY_NEIGHBOURS = {"p", "li", "dt", "dd", "option", "optgroup", "html", "head", "body"}
_TABLE_PARTS = {"tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_UNNESTED = _CLOSED_BY_NEIGHBOURS | _TABLE_PARTS | _VOID
_TOO_LITTLE = 200  # characters; below this the main content may have been missed


def page_text(html: str) -> tuple[str, str]:
    """Return text and title of a page.

    The main content alone, unless that is short and less than a third of the whole page's text.

    Raises
    ------
    InvalidRecord
        ``html-too-deep``, ``html-too-many-attributes`` or ``html-too-many-options``.
    """
    _refuse_hostile(html)
    tree = HTMLTree.parse(html)
    text = _extract(tree, main_content=True)
    if len(text) < _TOO_LITTLE:
        whole = _extract(tree, main_content=False)
        if len(whole) > 3 * len(text):
            text = whole
    return text, " ".join((tree.title or "").split())


def _extract(tree: HTMLTree, *, main_content: bool) -> str:
    return str(
        extract_plain_text(tree, main_content=main_content, preserve_formatting=True, alt_texts=False)
    ).strip()


def _refuse_hostile(html: str) -> None:
    if html.count("<") > MAX_DEPTH and _depth(html) > MAX_DEPTH:
        raise InvalidRecord(
            "html-too-deep", "html", f"field html nests more than {MAX_DEPTH} elements, too deep to be read"
        )
    for tag in _LONG_TAG.finditer(html):
        if len(tag[0].split()) > MAX_ATTRIBUTES:
            raise InvalidRecord(
                "html-too-many-attributes",
                "html",
                f"field html has a tag with more than {MAX_ATTRIBUTES} attributes, too many to be read",
            )
    if any(len(_OPTION.findall(part)) > MAX_OPTIONS for part in _LIST_EDGE.split(html)):
        raise InvalidRecord(
            "html-too-many-options",
            "html",
            f"field html has a list of more than {MAX_OPTIONS:,} options, too many to be read",
        )


def _depth(html: str) -> int:
    """Return how deep elements nest at most; elements that need no end tag do not count."""
    deepest = depth = 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() in _UNNESTED:
            continue
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
