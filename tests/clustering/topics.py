"""Mixtures of topics on the sphere, small enough for tests."""

import numpy as np


def mixture(topics: int, documents: int, dimension: int = 48, noise: float = 0.5, seed: int = 0):
    """Return vectors, float32 (n, d), and the topic of each, in random order."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((topics, dimension))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    label = rng.integers(topics, size=documents)
    vectors = centres[label] + noise * rng.standard_normal((documents, dimension)) / np.sqrt(dimension)
    return vectors.astype(np.float32), label


def batches(vectors, size: int = 128):
    """Cut vectors into batches."""
    return [vectors[start : start + size] for start in range(0, len(vectors), size)]
