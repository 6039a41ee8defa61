"""Which documents are learned from and which are held out to judge by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equal_stream.alignment.examples import Example
from equal_stream.errors import EqualStreamError

HELD_OUT_SHARE = 0.2
FEWEST_LEARNED = 128  # pairs: four batches of 32, below which nothing is learned but those pairs
FEWEST_HELD_OUT = 30  # passages: with fewer the interval spans any effect there is


class TooFewExamples(EqualStreamError):
    """There is not enough to learn from and to judge by."""


@dataclass(frozen=True)
class Division:
    """Examples to learn from and examples held out; no document is in both."""

    learned: list[Example]
    held_out: list[Example]


def divide(examples: Sequence[Example], seed: int, share: float = HELD_OUT_SHARE) -> Division:
    """Hold out whole documents, drawn at random, with about `share` of all passages.

    A document that would bring the held-out part far beyond its share is learned from.

    Raises
    ------
    TooFewExamples
        Fewer than `FEWEST_LEARNED` pairs or `FEWEST_HELD_OUT` passages would remain.
    """
    passages = Counter(example.document for example in examples)
    documents = sorted(passages)
    wanted = share * len(examples)
    held: set[str] = set()
    count = 0
    for number in np.random.default_rng(seed).permutation(len(documents)).tolist():
        document = documents[number]
        if count + passages[document] <= 1.2 * wanted:
            held.add(document)
            count += passages[document]
        if count >= wanted:
            break
    division = Division(
        [example for example in examples if example.document not in held],
        [example for example in examples if example.document in held],
    )
    _require_enough(division, len(documents))
    return division


def _require_enough(division: Division, documents: int) -> None:
    learned = sum(len(example.pairs) for example in division.learned)
    held_out = len(division.held_out)
    if learned < FEWEST_LEARNED or held_out < FEWEST_HELD_OUT:
        raise TooFewExamples(
            f"there are too few pairs to align the encoder: {learned} to learn from where {FEWEST_LEARNED} "
            f"are needed, and {held_out} passages to hold out where {FEWEST_HELD_OUT} are, from {documents} "
            "documents; harvest more first"
        )
