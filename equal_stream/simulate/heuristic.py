"""Pairs out of any text, without a model: questions that its own headings and definitions answer.

Deterministic and always grounded (the answer stands in the evidence, the evidence in the passage), so
that a dry run on unrecorded text has a plausible yield. The questions are simple; that is the point of
a simulation, and the reason why nobody should train on them.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from equal_stream.simulate.pairs import Pair
from equal_stream.simulate.sentences import content_words, sentences

MOST_PAIRS = 4
_LONGEST = 400  # characters of an answer
_DEFINITION = re.compile(
    r"(?P<subject>(?:(?:The|A|An)\s+)?[A-Z`][\w`'’./()-]*(?:\s+[\w`'’./()-]+){0,5}?)\s+"
    r"(?P<verb>is|are|was|were|means|refers to|stands for)\s+(?P<said>\S.{15,})",
    re.DOTALL,
)
_POINTING = re.compile(
    r"(?:this|that|these|those|it|its|there|here|he|she|they|we|you|i|what|which|who|where|when|how|why|if|as|"
    r"but|and|or|one|such|note|each|all|any|both|for|in|on|at|by|with|not|no|most|some|many)\b",
    re.IGNORECASE,
)
_CJK_DEFINITION = re.compile(
    r"(?P<subject>[\u4e00-\u9fff\w]{2,12}?)(?:是指|是一|是由|指的是|是)(?P<said>.{6,})", re.DOTALL
)
_HEADING = re.compile(r"(?:#{1,6}\s+)?(?P<title>[^\W_][^\n]{1,79})")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*(?:\([^()\n]*\))?")


def pairs_of(passage: str) -> list[Pair]:
    """Return up to four pairs of a passage in any language; none where nothing in it can be asked about."""
    pairs: dict[str, Pair] = {}
    for pair in (*_definitions(passage), *_headings(passage)):
        pairs.setdefault(pair.question, pair)
    return list(pairs.values())[:MOST_PAIRS]


def _definitions(passage: str) -> Iterator[Pair]:
    """Ask what X is wherever a sentence says that X is something."""
    for start, end in sentences(passage):
        sentence = passage[start : min(end, start + _LONGEST)]
        if found := _DEFINITION.match(sentence):
            subject = " ".join(found["subject"].split())
            if not _POINTING.match(subject):
                verb = found["verb"] if found["verb"] in {"is", "are", "was", "were"} else "is"
                yield Pair(f"What {verb} {_uncapitalised(subject)}?", sentence, sentence)
        elif found := _CJK_DEFINITION.match(sentence):
            yield Pair(f"什么是{found['subject']}？", sentence, sentence)


def _headings(passage: str) -> Iterator[Pair]:
    """Ask what a heading announces, and answer with the first sentence below it."""
    spans = sentences(passage)
    for (start, end), (next_start, next_end) in pairwise(spans):
        heading = _HEADING.fullmatch(passage[start:end].rstrip("=-~^ \n"))
        below = passage[next_start : min(next_end, next_start + _LONGEST)]
        if heading is None or len(content_words(below)) < 4 or heading["title"][-1] in ".,;。，":
            continue
        title = heading["title"].rstrip(":： ")
        if title[-1:] in {"?", "？"}:
            question = title
        elif _IDENTIFIER.fullmatch(title) and not title.istitle():
            question = f"What does {title} do?"
        else:
            question = f"What should one know about {title}?"
        yield Pair(question, below, below)


def _uncapitalised(subject: str) -> str:
    """Lower the article a sentence began with; names keep their capitals."""
    return re.sub(r"^(The|A|An)\b", lambda article: article[0].lower(), subject)
