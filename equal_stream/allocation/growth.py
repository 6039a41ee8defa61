"""Columns that grow by an eighth at a time, so that little memory lies idle."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 64  # rows; growing by fewer costs more than it saves


def grown(column: NDArray[Any], rows: int, fill: Any = 0) -> NDArray[Any]:
    """Return a column with room for at least `rows` (first axis), new ones filled."""
    have = len(column)
    if rows <= have:
        return column
    extra = max(rows - have, have // 8, _LEAST)
    return np.concatenate([column, np.full((extra, *column.shape[1:]), fill, column.dtype)])
