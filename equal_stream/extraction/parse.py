"""From the text of an answer to candidate pairs: lenient about wrapping, strict about content.

Models put JSON into code fences, think aloud before it, or return the bare list. That is accepted where
only one reading is possible. Types are not guessed: a pair whose fields are not three strings is counted
as malformed, and the others are kept.
"""

import re
from typing import Any

import msgspec

_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```[A-Za-z]*[ \t]*\n(.*?)```", re.DOTALL)
_MAX_CHARACTERS = 250_000  # above anything an output limit allows
_LONGEST_FIELD = 20_000  # characters; nothing a person would ask or read is longer

MALFORMED = "pair-malformed"
SURPLUS = "pair-surplus"


class RawPair(msgspec.Struct, frozen=True):
    """A pair as the model gave it."""

    question: str
    answer: str
    evidence: str


class Parsed(msgspec.Struct, frozen=True):
    """The pairs of an answer, and how many were left aside by reason."""

    pairs: list[RawPair]
    rejected: dict[str, int]


class Unreadable(Exception):
    """An answer is no JSON of the shape that was asked for."""


def parse(content: str, max_pairs: int) -> Parsed:
    """Return the first `max_pairs` pairs of an answer. Raises `Unreadable` and nothing else."""
    items = _items(_json(content))
    pairs: list[RawPair] = []
    rejected: dict[str, int] = {}
    for item in items:
        pair = _pair(item)
        if pair is None:
            rejected[MALFORMED] = rejected.get(MALFORMED, 0) + 1
        elif len(pairs) >= max_pairs:
            rejected[SURPLUS] = rejected.get(SURPLUS, 0) + 1
        else:
            pairs.append(pair)
    return Parsed(pairs, rejected)


def _json(content: str) -> Any:
    """Decode the one JSON value in `content`."""
    if len(content) > _MAX_CHARACTERS:
        raise Unreadable("the answer is longer than any answer can be")
    text = _THINKING.sub("", content, count=1).strip().lstrip("\ufeff")
    for candidate in _candidates(text):
        try:
            return msgspec.json.decode(candidate.encode())
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            continue
    raise Unreadable("the answer is not JSON")


def _candidates(text: str) -> list[str]:
    """Return the readings of `text`: as it is, the one fence in it, its outermost braces."""
    candidates = [text]
    fenced = _FENCE.findall(text)
    if len(fenced) == 1:
        candidates.append(fenced[0])
    first, last = text.find("{"), text.rfind("}")
    if 0 <= first < last:
        candidates.append(text[first : last + 1])
    return candidates


def _items(decoded: Any) -> list[Any]:
    items = decoded.get("pairs") if isinstance(decoded, dict) else decoded
    if not isinstance(items, list):
        raise Unreadable("the answer has no list of pairs")
    return items


def _pair(item: Any) -> RawPair | None:
    try:
        pair = msgspec.convert(item, RawPair, strict=True)
    except (msgspec.ValidationError, RecursionError):
        return None
    longest = max(len(pair.question), len(pair.answer), len(pair.evidence))
    return pair if longest <= _LONGEST_FIELD else None
