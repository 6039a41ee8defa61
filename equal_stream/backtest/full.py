"""What full extraction would publish: every pair that can be found, without repetitions."""

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.pairs import NEAR_COPY, question_key
from equal_stream.backtest.scene import Scene

_BLOCK = 512
_WINDOW = 4096  # as many recent pairs as the service compares a new one with


def full_extraction(scene: Scene) -> NDArray[np.intp]:
    """Return the rows of the pairs that extracting everything, in order, would publish.

    A question that was asked before and a near-copy of one of the pairs before it are left out, as the
    service leaves them out.
    """
    corpus = scene.corpus
    owner = corpus.pair_owner()
    rows = np.flatnonzero(scene.found & ~scene.failing[owner])
    asked: set[int] = set()
    first = []
    for row in rows:
        key = question_key(corpus.questions[row])
        if key not in asked:
            asked.add(key)
            first.append(row)
    kept = np.array(first, np.intp)
    published = np.ones(len(kept), bool)
    for start in range(0, len(kept), _BLOCK):
        block = corpus.pair_vectors[kept[start : start + _BLOCK]]
        begin = max(0, start - _WINDOW)
        before = corpus.pair_vectors[kept[begin : start + len(block)]]
        similar = block @ before.T >= NEAR_COPY
        similar &= published[begin : start + len(block)][None]
        for place in range(len(block)):
            if similar[place, : start - begin + place].any():
                published[start + place] = False
                similar[:, start - begin + place] = False
    return kept[published]
