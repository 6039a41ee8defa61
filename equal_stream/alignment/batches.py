"""Batches in which the hardest wrong answers sit beside the right one.

All other pairs of a batch are negatives of a passage. So hard negatives cost nothing when each pair takes
some of its nearest neighbours along into its batch: they are encoded there anyway, as what they are for
their own passages. No passage is twice in a batch, since its pairs would be negatives of each other.
"""

from collections.abc import Iterator

import numpy as np

from equal_stream.alignment.neighbours import NOBODY, Neighbours

_NEIGHBOURS_KNOWN = 32  # nearest ones looked through for those that are still to be learned


class Batches:
    """Makes the batches of an epoch; no pair is in two of them.

    Parameters
    ----------
    neighbours
        Tells who may stand beside whom.
    size
        Pairs a batch. The last ones of an epoch may be smaller; those with less than a quarter have too few
        wrong answers to tell the right one from, and are left out.
    group
        Pairs that are drawn together: one at random and its nearest neighbours. 1: no hard negatives.
    seed
        Of the draws.
    """

    def __init__(self, neighbours: Neighbours, size: int, group: int, seed: int) -> None:
        self._neighbours = neighbours
        self._owners = neighbours.owners.tolist()
        self._nearest = neighbours.hardest(_NEIGHBOURS_KNOWN).tolist()
        self._size = size
        self._group = group
        self._rng = np.random.default_rng(seed)

    def epoch(self) -> Iterator[list[int]]:
        """Return the numbers of the pairs of each batch, the batches in random order."""
        left = dict.fromkeys(self._rng.permutation(len(self._owners)).tolist())
        batches = []
        while left:
            batch = self._batch(left)
            for number in batch:
                del left[number]
            if 4 * len(batch) >= self._size:
                batches.append(batch)
        self._rng.shuffle(batches)  # the last ones made are the smallest and least varied
        yield from batches

    def _batch(self, left: dict[int, None]) -> list[int]:
        batch: list[int] = []
        passages: set[int] = set()
        for first in left:
            if len(batch) == self._size:
                break
            if self._owners[first] in passages:
                continue
            together = self._together(first, left, passages)
            batch += together[: self._size - len(batch)]
            passages = {self._owners[number] for number in batch}
        return batch

    def _together(self, first: int, left: dict[int, None], taken: set[int]) -> list[int]:
        """Return `first` and neighbours of it that are left, each admissible beside the others."""
        together = [first]
        for number in self._nearest[first]:
            if number == NOBODY or len(together) == self._group:
                break
            if number not in left or self._owners[number] in taken:
                continue
            if self._neighbours.admissible(number, np.array(together)).all():
                together.append(number)
        return together
