"""Words of any script, as the gates compare them: without dictionaries, stop lists or stemmers.

Where a script puts spaces between words, a term is the first five letters of a word of four or more,
which drops most function words and most endings. Where it does not (Chinese, Japanese, Thai …), a term is
a pair of neighbouring characters.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_UNSPACED = re.compile(  # scripts written without spaces between words
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
_SHORTEST_WORD = 4  # letters
_STEM = 5  # letters
_SCRIPT_NAMES = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "BOPOMOFO": "CJK", "FULLWIDTH": "LATIN"}


def words(text: str) -> list[str]:
    """Return the words of `text`, folded; of unspaced scripts, the single characters."""
    return [word for run in _runs(text) for word in ([*run] if _UNSPACED.match(run) else [run])]


def terms(text: str) -> set[str]:
    """Return what `text` speaks of: stems of its longer words, character pairs of unspaced scripts."""
    found: set[str] = set()
    for run in _runs(text):
        if _UNSPACED.match(run):
            found.update(run[at : at + 2] for at in range(len(run) - 1))
        elif len(run) >= _SHORTEST_WORD and not run.isdigit():
            found.add(run[:_STEM])
    return found


def numbers(text: str) -> set[float]:
    """Return the numbers written in digits in `text`, in each way they can be read."""
    return {value for match in _NUMBER.finditer(text) for value in _readings(match.group())}


def _readings(written: str) -> Iterator[float]:
    """Yield what a number can mean: 1,234 and 1.234 are read both ways, since the language decides."""
    ungrouped = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", written)
    for reading in {ungrouped, written.replace(",", "."), written.replace(",", "")}:
        try:
            yield float(reading)
        except ValueError:
            continue


def scripts(text: str) -> Counter[str]:
    """Return how many letters of each script `text` has, such as LATIN, CYRILLIC, ARABIC, CJK, HANGUL."""
    return Counter(_script(character) for character in text if character.isalpha())


def width(text: str) -> int:
    """Return the length of `text` with wide (East Asian) characters counted twice, since they say more."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _runs(text: str) -> Iterator[str]:
    """Yield maximal runs of letters and digits, split where spaced and unspaced scripts meet."""
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run, at = match.group(), 0
        for unspaced in _UNSPACED.finditer(run):
            if unspaced.start() > at:
                yield run[at : unspaced.start()]
            yield unspaced.group()
            at = unspaced.end()
        if at < len(run):
            yield run[at:]


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the script of a letter: the first word of its Unicode name, kin joined."""
    name = unicodedata.name(character, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]
    return _SCRIPT_NAMES.get(name, name)
