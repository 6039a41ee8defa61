import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.background import PRIOR, Background

from .world import unit


def background(vectors):
    sample = Background(vectors.shape[1], np.random.default_rng(0))
    for vector in vectors:
        sample.add(vector)
    return sample


def test_before_any_passage_the_threshold_is_the_prior():
    assert background(np.zeros((0, 8), np.float32)).threshold(np.eye(8, dtype=np.float32)) == PRIOR


def test_with_many_passages_one_pair_in_a_hundred_lies_above_the_threshold():
    rng = np.random.default_rng(1)
    vectors = np.array([unit(v) for v in rng.standard_normal((5000, 8))])
    references = np.array([unit(v) for v in rng.standard_normal((20, 8))])
    threshold = background(vectors).threshold(references)
    assert (vectors @ references.T > threshold).mean() == pytest.approx(0.01, abs=0.004)


def test_the_sample_is_spread_over_the_whole_stream():
    vectors = np.zeros((20_000, 2), np.float32)
    vectors[:10_000, 0] = vectors[10_000:, 1] = 1
    sample = background(vectors).to_state()["sample"]
    assert sample[:, 0].mean() == pytest.approx(0.5, abs=0.06)


def test_thresholds_are_looked_at_once_for_every_doubling():
    sample = Background(2, np.random.default_rng(0))
    due = []
    for number in range(1, 1025):
        sample.add(np.zeros(2, np.float32))
        if sample.take_due():
            due.append(number)
    assert due == [64, 128, 256, 512, 1024]


def test_state_continues_exactly():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((5000, 4)).astype(np.float32)
    first = background(vectors)
    second = Background(4, np.random.default_rng(9))
    second.load_state(saved.load(saved.dump(first.to_state())))
    for vector in vectors[:500]:
        first.add(vector)
        second.add(vector)
    assert np.array_equal(first.to_state()["sample"], second.to_state()["sample"])
