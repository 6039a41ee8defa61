"""What a pair will cover is learned from how pairs lay around their passages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.allocation import state as saved
from equal_stream.allocation.spread import Spread

CLOSE = np.linspace(-1, 1, 201, dtype=np.float32)


def taught(covers, calls=200, seed=0):
    """Answer calls at random closeness with what a function of it says."""
    rng = np.random.default_rng(seed)
    spread = Spread()
    for _ in range(calls):
        closeness = rng.uniform(-1, 1, 50).astype(np.float32)
        spread.learn(closeness, covers(closeness).astype(np.float32))
        spread.refit()
    return spread


def test_before_any_answer_a_passage_below_the_threshold_keeps_a_little_that_falls_with_distance():
    at_threshold, below, far = Spread().expected(np.array([-0.01, -0.2, -0.6], np.float32))
    assert 0.011 > at_threshold > below > far > 0


def test_before_any_answer_a_pair_covers_a_little_less_than_its_passage_would():
    expected = Spread().expected(CLOSE[CLOSE > 0.1])
    assert (expected < CLOSE[CLOSE > 0.1] + 0.011).all()
    assert expected[-1] == pytest.approx(1.0, abs=0.02)


def test_the_curve_becomes_what_was_seen():
    spread = taught(lambda closeness: 0.3 * np.maximum(closeness, 0) ** 2, calls=800)
    wanted = 0.3 * np.maximum(CLOSE, 0) ** 2
    assert spread.expected(CLOSE) == pytest.approx(wanted, abs=0.05)


def test_what_changes_is_learned_anew():
    spread = taught(lambda closeness: np.maximum(closeness, 0))
    rng = np.random.default_rng(1)
    for _ in range(4000):
        closeness = rng.uniform(-1, 1, 50).astype(np.float32)
        spread.learn(closeness, np.zeros(50, np.float32))
        spread.refit()
    assert spread.expected(CLOSE).max() < 0.1


@given(st.lists(st.tuples(st.floats(-3, 1, width=32), st.floats(0, 1, width=32)), min_size=8, max_size=200))
@settings(deadline=None, max_examples=50)
def test_nearer_never_means_less(examples):
    spread = Spread()
    for closeness, covered in examples:
        spread.learn(np.array([closeness], np.float32), np.array([covered], np.float32))
    assert spread.refit()
    expected = spread.expected(CLOSE)
    assert (np.diff(expected) >= -1e-7).all()
    assert (expected >= 0).all()


def test_it_is_drawn_anew_when_enough_calls_came_and_says_so():
    spread = Spread()
    drawn = 0
    for _ in range(1000):
        spread.learn(CLOSE, CLOSE)
        drawn += spread.refit()
    assert drawn == spread.version
    assert 10 < drawn < 60


def test_closeness_beyond_the_curve_counts_as_its_end():
    spread = taught(lambda closeness: np.maximum(closeness, 0))
    beyond = spread.expected(np.array([[-50.0, 1.5]], np.float32))
    assert beyond.tolist() == [[spread.expected(np.float32([-1]))[0], spread.expected(np.float32([1]))[0]]]


def test_a_restored_curve_goes_on_exactly():
    spread = taught(lambda closeness: np.maximum(closeness, 0) / 2, calls=30)
    copy = Spread()
    copy.load_state(saved.load(saved.dump(spread.to_state())))
    for each in (spread, copy):
        for _ in range(20):
            each.learn(CLOSE, CLOSE * 0)
            each.refit()
    np.testing.assert_array_equal(spread.expected(CLOSE), copy.expected(CLOSE))
    assert spread.version == copy.version
