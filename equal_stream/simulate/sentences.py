"""Sentences and content words of any text, with exact character offsets."""

import re

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
# A sentence ends after its full stop and closing quotes before a capital, a digit or an opening mark; after
# a CJK full stop; at an empty or underlining line; and before a line that begins like a list item, a heading
# or a row. White space is only tried from its beginning, so that long runs of it cost linear time.
_BOUNDARY = re.compile(
    r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[`]?[^\W_a-z])"
    r"|(?<=[。！？])[」』”’）]*"
    r"|(?<!\s)[ \t\r]*\n\s*\n"
    r"|(?<!\s)[ \t\r]*\n[ \t]*[-=~^*#]{3,}[ \t\r]*(?:\n\s*|$)"
    r"|(?<!\s)\s*\n(?=[ \t]*(?:[-*#>|+•$`]|\d+[.)]\s|[A-Za-z0-9][.)]\s))"
)
_WORD = re.compile(rf"(?=([{_CJK}]{{2}}))|([^\W_{_CJK}]+)")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        a about after all also an and any are as at be been before but by can could did do does following for
        from had has have he her his how if in into is it its may more most not of on or other our she should
        so some such than that the their them then there these they this to was we were what when where which
        who why will with would you your
        """,
    )
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each sentence of `text`, in order, without white space at either end."""
    spans = []
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        spans.append((start, boundary.end()))
        start = boundary.end()
    spans.append((start, len(text)))
    return [trimmed for span in spans if (trimmed := trim(text, *span)) is not None]


def trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Move both ends of a span inwards past white space; None where nothing else is in it."""
    inside = text[start:end]
    stripped = inside.strip()
    if not stripped:
        return None
    start += len(inside) - len(inside.lstrip())
    return start, start + len(stripped)


def content_words(text: str) -> set[str]:
    """Return the words that carry meaning, in lower case; CJK text gives its character pairs."""
    words = {pair or word.lower() for pair, word in _WORD.findall(text)}
    return words - _COMMON
