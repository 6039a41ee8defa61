"""Pairs out of any text, without a model: questions that its own definitions and headings answer.

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
_SUBJECT = r"(?P<subject>(?:(?:The|A|An)\s+)?[A-Z`][\w`'’./()-]*(?:\s+[\w`'’./()-]+){0,5}?)"
_IS = re.compile(_SUBJECT + r"\s+(?P<verb>is|are|was|were)\s+\S.{15,}", re.DOTALL)
_DOES = re.compile(
    _SUBJECT
    + r"\s+(?P<verb>(?:allow|compute|contain|control|convert|create|define|describe|determine|implement|mean|"
    r"provide|represent|require|return|specifie|store|support|use)s)\s+\S.{15,}",
    re.DOTALL,
)
_POINTING = re.compile(  # a subject that begins so says nothing out of its context
    r"(?:(?:the|a|an)\s+(?:former|latter|following|first|second|last|same|other|above|below|result|default)|"
    r"this|that|these|those|it|its|there|here|he|she|they|we|you|i|what|which|who|where|when|how|why|if|as|"
    r"but|and|or|one|such|note|each|all|any|both|for|in|on|at|by|with|not|no|most|some|many|also|then)\b",
    re.IGNORECASE,
)
_CJK_IS = re.compile(r"(?P<subject>[\u4e00-\u9fff\w]{2,12}?)(?:是指|指的是|是)(?!否|不是).{6,}", re.DOTALL)
_HEADING = re.compile(
    r"(?:#{1,6}\s+)?(?P<title>(?=[^\n]*[^\W_])[A-Z`\u4e00-\u9fff][^\n]{2,79}|[a-z_][\w.]*(?:\([^\n]*\))?)"
)
_NAME = re.compile(r"(?P<name>[a-z_]\w*(?:\.\w+)*|\w+(?:\.\w+)+|\w+(?=\())(?:\([^\n]*\))?")
_LAYOUT = re.compile(  # headings that every document has
    r"attributes|changelog|contents|contributing|examples?|install(?:ation)?|introduction|licen[sc]e|methods|"
    r"notes?|overview|parameters|raises|references|returns|see also|sponsors|usage|yields",
    re.IGNORECASE,
)
_PROSE = re.compile(r"[^\W_][^\[\]{}<>|=]{0,60}\s")  # begins like a sentence, not like markup or code


def pairs_of(passage: str) -> list[Pair]:
    """Return up to four pairs of a passage; none where nothing in it can be asked about."""
    pairs: dict[str, Pair] = {}
    for pair in (*_definitions(passage), *_headings(passage)):
        pairs.setdefault(pair.question, pair)
    return list(pairs.values())[:MOST_PAIRS]


def _definitions(passage: str) -> Iterator[Pair]:
    """Ask what X is, or does, wherever a sentence says so."""
    for start, end in sentences(passage):
        sentence = passage[start : min(end, start + _LONGEST)].rstrip()
        if question := _question(sentence):
            yield Pair(question, sentence, sentence)


def _question(sentence: str) -> str | None:
    """Return what a sentence answers; None where it defines nothing."""
    if found := _CJK_IS.match(sentence):
        return f"什么是{found['subject']}？"
    readings = [found for verbs in (_IS, _DOES) if (found := verbs.match(sentence))]
    found = min(readings, key=lambda reading: reading.end("subject"), default=None)  # the first verb counts
    if found is None or _POINTING.match(found["subject"]):
        return None
    subject = re.sub(r"^(The|A|An)\b", lambda article: article[0].lower(), " ".join(found["subject"].split()))
    if found.re is _IS:
        return f"What {found['verb']} {subject}?"
    return f"What does {subject} {found['verb'].replace('ies', 'ys').removesuffix('s')}?"


def _headings(passage: str) -> Iterator[Pair]:
    """Ask what a heading announces, and answer with the first sentence below it."""
    for (start, end), (next_start, next_end) in pairwise(sentences(passage)):
        heading = _HEADING.fullmatch(passage[start:end].rstrip("=-~^*# \n"))
        below = passage[next_start : min(next_end, next_start + _LONGEST)].rstrip()
        if heading is None or not _PROSE.match(below) or len(content_words(below)) < 4:
            continue
        title = heading["title"].strip()
        if title[-1] in ".,;:。，：" or _LAYOUT.fullmatch(title):
            continue
        if title[-1] in "?？":
            question = title
        elif name := _NAME.fullmatch(title):
            question = f"What does {name['name']} do?"
        else:
            question = f"What is said about {title}?"
        yield Pair(question, below, below)
