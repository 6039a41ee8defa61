import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.background import PRIOR, Background


def background(vectors):
    sample = Background(vectors.shape[1], np.random.default_rng(0))
    for vector in vectors:
        sample.add(vector)
    return sample


def test_before_any_passage_the_threshold_is_the_prior():
    assert background(np.zeros((0, 8), np.float32)).threshold(np.eye(8, dtype=np.float32)) == PRIOR


def skewed(rng, count):
    """Similarities as texts have them: most near zero, a longer tail above."""
    return 0.05 + 0.06 * rng.standard_normal(count) + 0.03 * rng.exponential(size=count)


def threshold_of(similarities):
    """The threshold of a target with one reference that passages are so similar to."""
    vectors = np.stack([similarities, np.sqrt(1 - similarities**2)], axis=1).astype(np.float32)
    return background(vectors).threshold(np.array([[1, 0]], np.float32))


def test_with_many_passages_about_one_pair_in_a_hundred_lies_above_the_threshold():
    similarities = skewed(np.random.default_rng(1), 2000)
    assert (similarities > threshold_of(similarities)).mean() == pytest.approx(0.01, abs=0.005)


def test_a_theme_that_is_a_tenth_of_the_crawl_moves_the_threshold_far_less_than_the_percentile():
    rng = np.random.default_rng(1)
    plain = skewed(rng, 1800)
    mixed = np.concatenate([plain, 0.5 + 0.1 * rng.standard_normal(200)])
    assert threshold_of(mixed) < threshold_of(plain) + 0.1
    assert np.quantile(mixed, 0.99) > threshold_of(plain) + 0.3


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


def test_a_smaller_sample_is_spread_over_all_that_is_held_and_always_the_same():
    vectors = np.arange(1000, dtype=np.float32)[:, None].repeat(2, axis=1)
    sample = background(vectors)
    picked = sample.sample(10)[:, 0]
    assert picked.tolist() == [100 * place for place in range(10)]
    assert np.array_equal(sample.sample(10)[:, 0], picked)
    assert len(sample.sample(5000)) == 1000
    assert sample.sample(0).shape == background(vectors[:0]).sample(7).shape == (0, 2)
