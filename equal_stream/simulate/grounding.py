"""Where in a text a recorded pair is at home: the words its answer stands in, or the sentence nearest to it.

Most recorded answers are verbatim in their document; then the occurrence whose sentence speaks most of
the question is the home. Otherwise it is the sentence that shares most content words with the answer,
and a pair whose answer is hardly there at all has no home and is not given.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from equal_stream.simulate.sentences import content_words, sentences, trim

_LONGEST_QUOTE = 400  # characters: a sentence or two, which is what models quote
_COMPARED = 200  # characters of an answer that are looked for; the rest follows from them
_OCCURRENCES = 50  # places looked at for an answer such as "11" that is all over a long document
_ENOUGH = 0.5  # share of content words in common below which a sentence supports nothing


@dataclass(frozen=True, slots=True)
class Home:
    """Offsets into a text: a passage with all from `start` to `end` has the pair; the quote surrounds it."""

    start: int
    end: int
    quote_start: int
    quote_end: int


class GroundText:
    """One text, prepared for grounding many pairs in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._sentences = sentences(text)
        self._words = [content_words(text[start:end]) for start, end in self._sentences]
        self._sentences_with: defaultdict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            for word in words:
                self._sentences_with[word].append(number)

    def home(self, question: str, answer: str) -> Home | None:
        """Return where the pair is at home, or None where the text does not support it."""
        return self._verbatim(content_words(question), answer) or self._nearest(
            content_words(question), answer
        )

    def _verbatim(self, asked: set[str], answer: str) -> Home | None:
        """Find the occurrence of the answer whose sentence has most words of the question."""
        words = answer[:_COMPARED].split()
        if not words:
            return None
        pattern = r"\s+".join(map(re.escape, words))
        before = r"(?<![^\W_])" if re.match(r"[A-Za-z0-9]", words[0]) else ""
        after = r"(?![^\W_])" if len(answer) <= _COMPARED and re.search(r"[A-Za-z0-9]$", words[-1]) else ""
        best: tuple[int, int, int, int] | None = None
        for order, found in enumerate(re.finditer(before + pattern + after, self.text)):
            number = self._sentence_at(found.start())
            rank = (len(asked & self._words[number]), -found.start(), found.end(), number)
            best = rank if best is None else max(best, rank)
            if order == _OCCURRENCES:
                break
        if best is None:
            return None
        _, negative_start, end, number = best
        return self._quoted(-negative_start, end, number)

    def _nearest(self, asked: set[str], answer: str) -> Home | None:
        """Find the sentence that shares most content words with the answer."""
        said = content_words(answer)
        shared = Counter(number for word in sorted(said) for number in self._sentences_with.get(word, ()))
        if not shared:
            return None

        def rank(number: int) -> tuple[float, int, int]:
            of_smaller = shared[number] / min(len(said), max(len(self._words[number]), 4))
            return of_smaller, len(asked & self._words[number]), -number

        number = max(shared, key=rank)
        share, asked_there, _ = rank(number)
        if share < _ENOUGH or (shared[number] < 3 and not asked_there):
            return None
        start, end = self._sentences[number]
        return self._quoted(start, min(end, start + _LONGEST_QUOTE), number)

    def _sentence_at(self, offset: int) -> int:
        low, high = 0, len(self._sentences) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._sentences[middle][0] <= offset:
                low = middle
            else:
                high = middle - 1
        return low

    def _quoted(self, start: int, end: int, number: int) -> Home:
        """Surround `start` to `end` with its sentence, or with what of it a quote has room for."""
        sentence_start, sentence_end = self._sentences[number]
        first = sentence_start if end - sentence_start <= _LONGEST_QUOTE else start
        last = min(max(sentence_end, end), first + _LONGEST_QUOTE)
        if end < last < sentence_end and (space := self.text.rfind(" ", end, last)) > 0:
            last = space
        trimmed = trim(self.text, first, last)
        assert trimmed is not None, "a sentence has something in it"
        return Home(start, min(end, trimmed[1]), *trimmed)
