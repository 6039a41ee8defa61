"""Near-copies are found exactly as by comparing everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.allocation.near_copies import NearCopies

from .world import unit


@given(st.integers(0, 10_000), st.sampled_from([8, 64, 96, 384]), st.floats(0.0, 0.6))
@settings(deadline=None, max_examples=60)
def test_it_says_what_comparing_with_all_of_them_says(seed, dimension, noise):
    rng = np.random.default_rng(seed)
    kept = np.array([unit(rng.standard_normal(dimension)) for _ in range(50)], np.float32)
    copies = NearCopies(dimension, 64, 0.97)
    copies.put(np.arange(50), kept)
    for near in kept[:10]:
        vector = unit(near + noise * rng.standard_normal(dimension) / np.sqrt(dimension))
        cosine = float((kept @ vector).max())
        if abs(cosine - 0.97) > 1e-5:
            assert copies.has(vector) == (cosine >= 0.97)


@pytest.mark.parametrize("dimension", [4, 200])
def test_what_was_replaced_or_taken_out_is_no_copy_any_more(dimension):
    one, other = np.eye(dimension, dtype=np.float32)[:2]
    copies = NearCopies(dimension, 2, 0.97)
    assert not copies.has(one)
    copies.put(np.array([0, 1]), np.array([one, other]))
    assert copies.has(one)
    copies.put(np.array([0]), other[None])
    assert not copies.has(one)
    copies.put(np.array([0, 1]), np.zeros((2, dimension), np.float32))
    assert not copies.has(other)
    assert not copies.has(np.zeros(dimension, np.float32))
