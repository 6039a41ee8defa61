"""What bought passages brought, by cluster, until there is enough to be scored as one batch."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEPT = 16  # batches of one cluster that may wait; a log told before the first pull can bring any number


class Batches:
    """Pairs by arm and passage.

    Parameters
    ----------
    size
        Passages of a full batch.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._passages: dict[int, list[NDArray[np.float32]]] = {}

    def add(self, arm: int, vectors: NDArray[np.float32]) -> None:
        """Take in the pairs (p, d) of one passage; of an arm's that wait too long, the oldest go."""
        passages = self._passages.setdefault(arm, [])
        passages.append(vectors)
        del passages[: -_KEPT * self.size]

    def take(self, suffices: Callable[[int], bool]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield arms with the pairs (n, d) of one batch each, and forget these.

        A batch is full, or `suffices` says of its arm that fewer passages will do.
        """
        for arm in list(self._passages):
            passages = self._passages[arm]
            while len(passages) >= self.size or (passages and suffices(arm)):
                batch = np.concatenate(passages[: self.size])
                del passages[: self.size]
                yield arm, batch
            if not passages:
                del self._passages[arm]

    def merge(self, survivor: int, ended: int) -> None:
        """Give an arm what another waits with."""
        passages = self._passages.pop(ended, [])
        if passages:
            self._passages.setdefault(survivor, []).extend(passages)

    def clear(self, arm: int) -> None:
        """Drop what an arm waits with."""
        self._passages.pop(arm, None)

    def to_state(self) -> list[Any]:
        """Return what `load_state` takes."""
        return [[arm, passages] for arm, passages in self._passages.items()]

    def load_state(self, state: list[Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._passages = {arm: list(passages) for arm, passages in state}
