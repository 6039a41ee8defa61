"""Where the quantised vectors of candidates lie: in memory, or wherever a shell puts them.

Vectors are nine tenths of a candidate and are read for the few passages that look best, so the service
keeps them in a file; tests and backtests keep them here.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.growth import grown

Codes = NDArray[np.int8]
Scales = NDArray[np.float32]


class VectorStorage(Protocol):
    """Codes (d,) int8 and a scale for each row, as `quantise` gives them."""

    def write(self, row: int, identity: bytes, codes: Codes, scale: float) -> None:
        """Put a vector (d,) at a row, in place of what was there; `identity` is the passage's id."""
        ...

    def read(self, rows: NDArray[np.intp]) -> tuple[Codes, Scales]:
        """Return codes (n, d) and scales (n,) of rows that were written."""
        ...

    def holds(self, rows: NDArray[np.intp], identities: list[bytes]) -> NDArray[np.bool_]:
        """Tell which rows (n,) hold, whole, the vectors of these passages."""
        ...

    def to_state(self, height: int) -> dict[str, Any]:
        """Return what `load_state` needs of the rows below `height`; nothing, where they outlast it."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue where `to_state` was taken; `holds` then tells what is there."""
        ...


class MemoryVectors:
    """Vectors in memory, saved with the state.

    Parameters
    ----------
    dimension
        Length of the vectors.
    """

    def __init__(self, dimension: int) -> None:
        self.codes: Codes = np.zeros((0, dimension), np.int8)
        self.scales: Scales = np.zeros(0, np.float32)

    def write(self, row: int, identity: bytes, codes: Codes, scale: float) -> None:
        """Put a vector (d,) at a row."""
        del identity
        self.codes, self.scales = grown(self.codes, row + 1), grown(self.scales, row + 1)
        self.codes[row], self.scales[row] = codes, scale

    def read(self, rows: NDArray[np.intp]) -> tuple[Codes, Scales]:
        """Return codes (n, d) and scales (n,) of rows."""
        return self.codes[rows], self.scales[rows]

    def holds(self, rows: NDArray[np.intp], identities: list[bytes]) -> NDArray[np.bool_]:
        """Tell which rows (n,) are there: those of a state that was saved with its vectors."""
        del identities
        return rows < len(self.codes)

    def to_state(self, height: int) -> dict[str, Any]:
        """Return the vectors."""
        return {"codes": self.codes[:height], "scales": self.scales[:height]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the vectors up; a state whose vectors lie elsewhere brings none."""
        if "codes" in state:
            self.codes, self.scales = state["codes"], state["scales"]
