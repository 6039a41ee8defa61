"""Where the pairs of passages lie that were never bought."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.offpolicy.transplant import Transplants, carried
from tests.offpolicy.crawl import unit

seeds = st.integers(0, 10_000)


@given(seeds, st.integers(2, 40), st.integers(1, 5))
def test_carried_pairs_keep_their_cosine_to_the_passage(seed: int, dimension: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    origin, passage = unit(rng.standard_normal(dimension)), unit(rng.standard_normal(dimension))
    pairs = np.array([unit(origin + 0.3 * rng.standard_normal(dimension)) for _ in range(count)])
    moved = carried(origin, pairs, passage)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-4)
    if dimension > 2:  # in a plane there may be no direction left to go
        np.testing.assert_allclose(moved @ passage, pairs @ origin, atol=5e-3)


@given(seeds)
def test_pairs_carried_to_where_they_are_stay_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    origin = unit(rng.standard_normal(16))
    pairs = np.array([unit(origin + 0.3 * rng.standard_normal(16)) for _ in range(3)])
    np.testing.assert_allclose(carried(origin, pairs, origin), pairs, atol=1e-4)


def test_as_many_pairs_are_drawn_as_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    passages = [unit(rng.standard_normal(8)) for _ in range(3)]
    transplants = Transplants([0, 0, 1], passages, [passage[None] for passage in passages])
    for count in (0, 1, 7):
        assert transplants.draw(rng, passages[0], 5, count).shape == (count, 8)


def test_calls_of_the_same_cluster_are_preferred() -> None:
    rng = np.random.default_rng(0)
    here, there = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    close, far = unit(np.array([1.0, 0.0, 0.1])), unit(np.array([1.0, 0.0, 1.0]))
    transplants = Transplants([0] * 20 + [1] * 20, [here] * 40, [close[None]] * 20 + [far[None]] * 20)
    cosines = transplants.draw(rng, there, 0, 200) @ there
    assert (cosines > 0.9).mean() > 0.8
    assert (cosines < 0.9).any()
