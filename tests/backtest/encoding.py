"""Encoders for tests of what stands behind them: one that counts what it is asked."""

import hashlib

import numpy as np

from equal_stream.backtest.vectors import CachedEncoder
from equal_stream.settings import Settings

DIMENSION = 8


class HashingEncoder:
    """Vectors and counts that depend on the text alone; notes every text that it encodes."""

    def __init__(self, dimension=DIMENSION, breaks_after=None):
        self.dimension = dimension
        self.encoded = []
        self._breaks_after = breaks_after

    def encode(self, texts):
        if self._breaks_after is not None and len(self.encoded) >= self._breaks_after:
            raise KeyboardInterrupt
        self.encoded += texts
        return np.array([self._vector(text) for text in texts])

    def count_tokens(self, texts):
        return [len(text.split()) for text in texts]

    def _vector(self, text):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        vector = np.random.default_rng(seed).standard_normal(self.dimension)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def cached(directory, encoder=None, progress=None, **embedding):
    """A cache over an encoder; without one, the real one would be loaded."""
    settings = Settings(data_dir=directory)
    settings = settings.model_copy(update={"embedding": settings.embedding.model_copy(update=embedding)})
    cache = CachedEncoder(settings, directory / "backtest", progress)
    if encoder is not None:
        cache._encoder = encoder
    return cache
