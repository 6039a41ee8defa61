"""The service's own pairs: those in force in `qa.pairs`, with the texts of their passages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equal_stream.alignment.examples import HarvestedPair
from equal_stream.allocator.reading import read_to_end
from equal_stream.export.fold import PairFold
from equal_stream.extraction.pairtext import pair_text
from equal_stream.topics import PAIRS
from equal_stream.transport.base import Transport

_SPARE = 1.5  # times as many pairs as are wanted: some will be copies, or their passages gone


@dataclass(frozen=True)
class Harvest:
    """What the log gave.

    Parameters
    ----------
    pairs
        The pairs whose passages have a text.
    not_drawn
        Pairs in force beyond those.
    without_text
        Pairs that were drawn and whose passages are not to be found any more.
    """

    pairs: list[HarvestedPair]
    not_drawn: int
    without_text: int


def harvest(
    transport: Transport,
    texts_of: Callable[[Sequence[str]], Mapping[str, str]],
    most: int,
    seed: int,
) -> Harvest:
    """Return pairs in force, drawn passage by passage when there are many more than `most`.

    Parameters
    ----------
    transport
        The log.
    texts_of
        Returns texts of passages by their ids; those that are gone are missing.
    most
        About two thirds of the pairs returned at most.
    seed
        Of the draw.
    """
    with PairFold() as fold:
        fold.add(read_to_end(transport, [PAIRS.name]))
        sizes: dict[str, int] = {}
        for pair in fold.pairs():
            sizes[pair.passage_id] = sizes.get(pair.passage_id, 0) + 1
        drawn = set(_drawn(sizes, int(most * _SPARE), seed))
        chosen = [
            (pair.doc_id, pair.passage_id, pair_text(pair.question, pair.answer))
            for pair in fold.pairs()
            if pair.passage_id in drawn
        ]
    texts = texts_of(sorted(drawn))
    pairs = [
        HarvestedPair(document, texts[passage], text)
        for document, passage, text in chosen
        if passage in texts
    ]
    return Harvest(pairs, sum(sizes.values()) - len(chosen), len(chosen) - len(pairs))


def _drawn(sizes: Mapping[str, int], pairs: int, seed: int) -> Iterator[str]:
    """Yield passages in random order until they have so many pairs."""
    ids = sorted(sizes)
    for number in np.random.default_rng(seed).permutation(len(ids)).tolist():
        if pairs <= 0:
            return
        pairs -= sizes[ids[number]]
        yield ids[number]
