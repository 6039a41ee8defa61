"""Cuts a document's text into passages: exact slices of about so many encoder tokens, never more than fit.

Passages end where sentences, lines or paragraphs end if that is possible. Which of the possible cuts are
taken is the cheapest way through all of them: each passage costs the square of its distance from the
target length, relative to it, plus what its last cut leaves torn. So a document of 210 tokens stays whole
at a target of 200, and one of 300 becomes halves rather than 200 and a rest. Nothing but white space lies
between passages, and no passage is longer than the encoder reads, which would leave its end unseen.

`docs/passages.md` tells how the default length was chosen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.embedding.boundaries import Boundary, clause_cuts, sentence_cuts, token_positions
from equal_stream.embedding.tokens import LONGEST_WORD, Tokens

_TORN = {
    Boundary.PARAGRAPH: 0.0,
    Boundary.LINE: 0.05,
    Boundary.SENTENCE: 0.15,
    Boundary.CLAUSE: 0.6,
    Boundary.WORD: 0.8,
    Boundary.INSIDE_WORD: 2.0,
}  # in units of the squared relative distance from the target length


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document's text: `text == document[start:end]`; `tokens` as the encoder reads it."""

    start: int
    end: int
    text: str
    tokens: int


class PassageCutter:
    """Cuts texts by the encoder's own tokens.

    Parameters
    ----------
    tokens
        The encoder's tokenizer.
    target_tokens
        Length to aim at, special tokens not counted.
    max_tokens
        Most tokens of a passage, special tokens included: the encoder's window or less.

    Raises
    ------
    ValueError
        `max_tokens` leaves no room for text.
    """

    def __init__(self, tokens: Tokens, target_tokens: int, max_tokens: int) -> None:
        self._tokens = tokens
        self._room = max_tokens - tokens.special
        if self._room < 8:
            raise ValueError(f"passages of {max_tokens} tokens leave no room for text; allow 16 or more")
        self._target = min(target_tokens, self._room)

    def cut(self, text: str) -> list[Passage]:
        """Return the passages of a text in order; none when it is blank."""
        positions = token_positions(self._tokens.spans(text), len(text), LONGEST_WORD)
        spans = [
            span
            for first, last in _ways(_pieces(text, positions, self._target), self._target, self._room)
            if (span := _trimmed(text, first, last)) is not None
        ]
        return self._measured(text, spans)

    def _measured(self, text: str, spans: Sequence[tuple[int, int]]) -> list[Passage]:
        """Count what the encoder will read, and halve what a tokenizer reads longer out of its context."""
        counts = self._tokens.count([text[first:last] for first, last in spans])
        passages: list[Passage] = []
        for (first, last), count in zip(spans, counts, strict=True):
            if count <= self._room + self._tokens.special:
                passages.append(Passage(first, last, text[first:last], count))
            else:
                passages += self._measured(text, _halves(text, first, last))
        return passages


class _Piece(NamedTuple):
    """A stretch that is not cut further: its end, the tokens up to there, what cutting behind it tears."""

    end: int
    tokens: int
    torn: float


def _pieces(text: str, positions: NDArray[np.int64], target: int) -> list[_Piece]:
    """Return the text as sentences, those longer than the target as clauses and words."""
    cuts = sentence_cuts(text)
    ends = sorted(cuts)
    pieces: list[_Piece] = []
    begin = before = 0
    for end, tokens in zip(ends, np.searchsorted(positions, ends).tolist(), strict=True):
        if tokens - before > target:
            pieces += _smaller_pieces(text, positions, (begin, end), target)
        pieces.append(_Piece(end, tokens, _TORN[cuts[end]]))
        begin, before = end, tokens
    return pieces


def _smaller_pieces(
    text: str, positions: NDArray[np.int64], span: tuple[int, int], target: int
) -> list[_Piece]:
    """Return what a long sentence has before its end: clauses, words, and parts of overlong words."""
    first, last = span
    cuts = {first + end: cut for end, cut in clause_cuts(text[first:last]).items()}
    ends = sorted(cuts)
    pieces: list[_Piece] = []
    before = int(np.searchsorted(positions, first))
    step = max(1, target // 4)
    for end, tokens in zip(ends, np.searchsorted(positions, ends).tolist(), strict=True):
        if tokens - before > target:
            pieces += [
                _Piece(int(positions[inside]), inside, _TORN[Boundary.INSIDE_WORD])
                for inside in range(before + step, tokens, step)
            ]
        if end < last:
            pieces.append(_Piece(end, tokens, _TORN[cuts[end]]))
        before = tokens
    return pieces


def _ways(pieces: Sequence[_Piece], target: int, room: int) -> list[tuple[int, int]]:
    """Return the spans of the cheapest way to join pieces into passages of at most `room` tokens."""
    starts = [0, *(piece.tokens for piece in pieces)]
    cheapest = [0.0]  # of everything before each piece
    cut_before: list[int] = []
    for last, piece in enumerate(pieces):
        best, best_first = math.inf, last
        for first in range(last, -1, -1):
            length = piece.tokens - starts[first]
            if (length > room or last - first >= room) and first < last:
                break  # a piece may have no token at all, so the pieces are counted too
            cost = cheapest[first] + ((length - target) / target) ** 2
            if cost < best:
                best, best_first = cost, first
        cheapest.append(best + piece.torn)
        cut_before.append(best_first)
    spans: list[tuple[int, int]] = []
    last = len(pieces) - 1
    while last >= 0:
        first = cut_before[last]
        spans.append((pieces[first - 1].end if first else 0, pieces[last].end))
        last = first - 1
    return spans[::-1]


def _trimmed(text: str, first: int, last: int) -> tuple[int, int] | None:
    """Return the span without white space at its ends, None when nothing is left."""
    part = text[first:last]
    kept = part.strip()
    if not kept:
        return None
    first += len(part) - len(part.lstrip())
    return first, first + len(kept)


def _halves(text: str, first: int, last: int) -> list[tuple[int, int]]:
    """Return two spans that part a passage at the white space nearest its middle, or in the middle."""
    middle = (first + last) // 2
    after = text.find(" ", middle, last)
    cut = after + 1 if first < after < middle + (last - first) // 4 else middle
    halves = (_trimmed(text, first, cut), _trimmed(text, cut, last))
    return [half for half in halves if half is not None]
