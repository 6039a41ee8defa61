"""What a call for a passage would be billed: tokens in by the passage's length, tokens out by its pairs."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Bills:
    """Straight lines through the bills of a log.

    Parameters
    ----------
    lengths, pairs
        (n,) tokens of the passages and pairs that came, n ≥ 1.
    tokens_in, tokens_out
        (n,) as billed.
    """

    def __init__(self, lengths: Array, pairs: Array, tokens_in: Array, tokens_out: Array) -> None:
        self._in = _line(lengths, tokens_in)
        self._out = _line(pairs, tokens_out)

    def of(self, length: int, pairs: int) -> tuple[int, int]:
        """Return tokens in and out of a call; 1 at least in all, since money is divided by it."""
        base_in, slope_in = self._in
        base_out, slope_out = self._out
        tokens_in, tokens_out = round(base_in + slope_in * length), round(base_out + slope_out * pairs)
        return max(tokens_in, 1), max(tokens_out, 0)


def _line(at: Array, values: Array) -> tuple[float, float]:
    """Return base and slope, which is not below 0; flat where `at` says nothing."""
    spread = at - at.mean()
    slope = max(float(spread @ values) / max(float(spread @ spread), 1e-9), 0.0)
    return float(values.mean() - slope * at.mean()), slope
