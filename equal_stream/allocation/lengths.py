"""How many waiting passages have a text of at most so many bytes: counted, so that draws know their odds."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

_EXACT = 8192  # bytes; encoders read some 256 tokens at once, so that few passages are longer


class Lengths:
    """Counts of texts by their UTF-8 bytes."""

    def __init__(self) -> None:
        self.total = 0
        self._longest = 0  # ever seen
        self._short = np.zeros(_EXACT, np.int64)
        self._long: Counter[int] = Counter()

    def add(self, size: int) -> None:
        """Count one more text."""
        self.total += 1
        self._longest = max(self._longest, size)
        if size < _EXACT:
            self._short[size] += 1
        else:
            self._long[size] += 1

    def remove(self, size: int) -> None:
        """Count one text less."""
        self.total -= 1
        if size < _EXACT:
            self._short[size] -= 1
        else:
            self._long[size] -= 1
            if self._long[size] == 0:
                del self._long[size]

    def within(self, largest: float) -> int:
        """Return how many texts have at most so many bytes."""
        if largest >= self._longest:
            return self.total
        short = int(self._short[: max(0, int(min(largest, _EXACT)) + 1)].sum()) if largest >= 0 else 0
        return short + sum(count for size, count in self._long.items() if size <= largest)

    def recount(self, sizes: NDArray[np.int32]) -> None:
        """Count these texts (n,) and no others."""
        self.total = len(sizes)
        self._longest = int(sizes.max(initial=0))
        self._short = np.bincount(sizes[sizes < _EXACT], minlength=_EXACT).astype(np.int64)
        self._long = Counter(sizes[sizes >= _EXACT].tolist())
