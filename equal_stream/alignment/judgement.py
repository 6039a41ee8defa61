"""Held-out passages and pairs put to an encoder, and two encoders compared on them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from equal_stream.alignment.comparison import Comparison, compare
from equal_stream.alignment.examples import Example
from equal_stream.alignment.retrieval import by_passage, measures, ranks


class TextEncoder(Protocol):
    """What gives vectors."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (n, d)."""
        ...


class Vectors(NamedTuple):
    """Unit vectors of the passages (p, d) and pairs (n, d) of examples, and each pair's passage (n,)."""

    passages: NDArray[np.float32]
    pairs: NDArray[np.float32]
    owners: NDArray[np.int64]


class Judgement(NamedTuple):
    """Values of each passage by the name of the figure, in both directions."""

    passage_to_pair: Mapping[str, NDArray[np.float64]]
    pair_to_passage: Mapping[str, NDArray[np.float64]]


def embed(encoder: TextEncoder, examples: Sequence[Example]) -> Vectors:
    """Encode examples."""
    return Vectors(
        encoder.encode([example.passage for example in examples]),
        encoder.encode([pair for example in examples for pair in example.pairs]),
        np.repeat(np.arange(len(examples)), [len(example.pairs) for example in examples]),
    )


def judge(vectors: Vectors) -> Judgement:
    """Return how well each passage's pairs are found from it, and it from them."""
    found = ranks(*vectors)
    return Judgement(
        *(
            {name: by_passage(values, vectors.owners) for name, values in measures(each).items()}
            for each in (found.pair, found.passage)
        )
    )


def differences(
    before: Mapping[str, NDArray[np.float64]],
    after: Mapping[str, NDArray[np.float64]],
    examples: Sequence[Example],
) -> dict[str, Comparison]:
    """Compare two encoders' values of the same examples, figure by figure."""
    documents = [example.document for example in examples]
    return {name: compare(values, after[name], documents) for name, values in before.items()}
