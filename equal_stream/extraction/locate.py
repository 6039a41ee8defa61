"""Where a quote stands in a passage, to the exact character, although models do not copy exactly.

Both sides are brought to one form: canonical decomposition (NFD), any run of white space to one space,
typographic quotes, dashes and ellipses to their ASCII kin, invisible format characters left out. Each
character of that form remembers the character it came from, so a match leads back to offsets, and the
quote that is published is always the document's own text.
"""

import unicodedata
from typing import NamedTuple

_EQUIVALENTS = (
    dict.fromkeys(map(ord, "‘’‚‛`´′‹›＇"), "'")
    | dict.fromkeys(map(ord, "“”„‟«»″＂"), '"')
    | dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
    | {ord("…"): "..."}
)
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")


class Span(NamedTuple):
    """Characters [start, end) of a text."""

    start: int
    end: int


class QuoteIndex:
    """A text, prepared for finding quotes in it.

    Parameters
    ----------
    text
        The passage's text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.normal, self._origins = _normalise(text)

    def find(self, quote: str) -> Span | None:
        """Return the first span whose normal form is that of `quote`, or None.

        White space around the quote does not count. A span never cuts a character in two: neither one
        that has several in normal form, nor a letter from its combining marks.
        """
        wanted = normal_form(quote)
        if not wanted:
            return None
        at = self.normal.find(wanted)
        while at >= 0:
            last = at + len(wanted) - 1
            if self._is_boundary(at) and self._is_boundary(last + 1):
                return Span(self._origins[at], self._origins[last] + 1)
            at = self.normal.find(wanted, at + 1)
        return None

    def _is_boundary(self, position: int) -> bool:
        """Return whether an original character begins at this place of the normal form."""
        if position in {0, len(self.normal)}:
            return True
        if self._origins[position] == self._origins[position - 1]:
            return False
        return unicodedata.combining(self.normal[position]) == 0


def normal_form(text: str) -> str:
    """Return the form in which quotes are compared, without white space at the ends."""
    return _normalise(text)[0].strip(" ")


def _normalise(text: str) -> tuple[str, list[int]]:
    """Return the normal form of `text`, and for each character of it the position it came from."""
    characters: list[str] = []
    origins: list[int] = []
    for position, character in enumerate(text):
        if character in _INVISIBLE:
            continue
        if character.isspace():
            if characters and characters[-1] == " ":
                continue
            form = " "
        else:
            form = unicodedata.normalize("NFD", character).translate(_EQUIVALENTS)
        characters.extend(form)
        origins.extend([position] * len(form))
    return "".join(characters), origins
