"""Encoders that cost nothing: each text has a vector that follows from it and from the encoder's name."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from tests.embedding.world import minilm_tokens


class NamedEncoder:
    """Gives each text a unit vector of its own space.

    `before` is called with the texts before each encoding: the moment for things to change meanwhile.
    """

    max_tokens = 256

    def __init__(
        self, identity: str, dimension: int, before: Callable[[Sequence[str]], None] = lambda _: None
    ) -> None:
        self.identity = identity
        self.dimension = dimension
        self.tokens = minilm_tokens()
        self.encoded: list[str] = []
        self._before = before

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors (n, d), and note the texts."""
        self._before(texts)
        self.encoded += texts
        rows = [self.vector(text) for text in texts]
        return np.array(rows, np.float32).reshape(-1, self.dimension)

    def vector(self, text: str) -> np.ndarray:
        """Return the vector of one text."""
        seed = int(hashlib.sha256(f"{self.identity} {text}".encode()).hexdigest()[:8], 16)
        row = np.random.default_rng(seed).normal(size=self.dimension)
        return (row / np.linalg.norm(row)).astype(np.float32)


class ThemeEncoder(NamedEncoder):
    """Texts whose first words agree are near each other, in this encoder's own space."""

    def vector(self, text: str) -> np.ndarray:
        """Return the vector of one text."""
        row = self._direction(text.split(maxsplit=1)[0]) + 0.4 * self._direction(text)
        return (row / np.linalg.norm(row)).astype(np.float32)

    def _direction(self, text: str) -> np.ndarray:
        seed = int(hashlib.sha256(f"{self.identity} {text}".encode()).hexdigest()[:8], 16)
        row = np.random.default_rng(seed).normal(size=self.dimension)
        return row / np.linalg.norm(row)
