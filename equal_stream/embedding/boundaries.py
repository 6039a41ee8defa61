"""Where a text may be cut, and how well: between paragraphs, lines, sentences, clauses, words.

Sentence marks cover Latin, Greek, Cyrillic, Chinese, Japanese, Arabic, Urdu, Devanagari, Armenian,
Ethiopic, Burmese and Khmer script; full-width marks need no space behind them.
"""

import re
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_CLOSERS = "\"'”’»」』）)\\]】》"
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"[\n\r\u2028\u2029]\s*")
_SENTENCE = re.compile(rf"[.!?…؟۔।॥։።;\u037e][{_CLOSERS}]*\s+|[。！？｡][{_CLOSERS}]*\s*|[။។]\s*")
_CLAUSE = re.compile(r"[,:،、，；：–—][^\S\n]*|\|[^\S\n]*")
_WORD = re.compile(r"\s+")


class Boundary(IntEnum):
    """How much meaning a cut leaves whole; the higher the better."""

    INSIDE_WORD = 0
    WORD = 1
    CLAUSE = 2
    SENTENCE = 3
    LINE = 4
    PARAGRAPH = 5


_MARKS = (
    (Boundary.CLAUSE, _CLAUSE),
    (Boundary.SENTENCE, _SENTENCE),
    (Boundary.LINE, _LINE),
    (Boundary.PARAGRAPH, _PARAGRAPH),
)


def sentence_cuts(text: str) -> dict[int, Boundary]:
    """Return the places at which sentences, lines and paragraphs end, with the end of the text."""
    return _cuts(text, _MARKS[1:])


def clause_cuts(text: str) -> dict[int, Boundary]:
    """Return the places at which clauses and words end, with the end of the text."""
    return _cuts(text, ((Boundary.WORD, _WORD), *_MARKS[:1]))


def _cuts(text: str, marks: tuple[tuple[Boundary, re.Pattern[str]], ...]) -> dict[int, Boundary]:
    cuts: dict[int, Boundary] = {}
    for boundary, pattern in marks:
        for match in pattern.finditer(text):
            cuts[match.end()] = boundary
    cuts.pop(0, None)
    cuts[len(text)] = Boundary.PARAGRAPH
    return cuts


def token_positions(spans: NDArray[np.int64], length: int, longest: int) -> NDArray[np.int64]:
    """Return where each token begins, sorted, so that a stretch of text has as many as fall into it.

    What a tokenizer passes over in silence is counted too: a word too long for it is broken up before it
    is encoded, so it counts once for every two characters, which is more than it will make; and white
    space counts once for every `longest` characters, so that no passage grows without bound.

    Parameters
    ----------
    spans
        Character spans of the tokens in order, (n, 2).
    length
        Characters of the text.
    longest
        Characters beyond which a token or a gap counts more than once.
    """
    starts, ends = spans[:, 0], spans[:, 1]
    gaps = np.stack([np.concatenate([[0], ends]), np.concatenate([starts, [length]])], axis=1)
    wide = gaps[gaps[:, 1] - gaps[:, 0] > longest]
    overlong = ends - starts > longest
    if not (len(wide) or overlong.any()):
        return starts
    parts = [starts[~overlong]]
    parts += [np.arange(first, last, 2, dtype=np.int64) for first, last in spans[overlong]]
    parts += [np.arange(first, last, longest, dtype=np.int64) for first, last in wide]
    return np.sort(np.concatenate(parts))
