"""By how much the model errs, as tickets drawn at random say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.offpolicy.correction import DOUBT, Correction, Drawn


def drawn(count: int, factor: float, *, noise: float = 0.5, seed: int = 0) -> Drawn:
    """Random tickets that brought `factor` times what the model expected."""
    rng = np.random.default_rng(seed)
    expected = rng.uniform(0.5, 1.5, count)
    worth = np.maximum(factor * expected + noise * rng.standard_normal(count), 0)
    propensities = np.full(count, 1e-4)
    return Drawn(rng.uniform(0, 1, count), propensities, worth, expected, np.full(count, noise**2))


def test_without_random_tickets_the_model_is_believed_to_within_its_doubt() -> None:
    correction = Correction.by(drawn(0, 1.0))
    assert correction.factor(0.5, 0.0) == 1
    assert correction.factor(0.5, 1.0) == 1 + DOUBT


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.0, 2.0])
def test_enough_random_tickets_set_a_wrong_model_right(factor: float) -> None:
    correction = Correction.by(drawn(2000, factor, noise=0.1))
    for promise in (0.1, 0.4, 0.9):
        assert correction.factor(promise, 0.0) == pytest.approx(factor, rel=0.1)
        assert correction.factor(promise, 1.0) - correction.factor(promise, 0.0) < 0.2 * DOUBT


def test_a_few_are_weighed_against_the_model() -> None:
    few, many = Correction.by(drawn(3, 3.0, noise=2.0)), Correction.by(drawn(300, 3.0, noise=2.0))
    assert 1 < few.factor(0.5, 0.0) < many.factor(0.5, 0.0)
    assert few.doubts[0] > many.doubts[0]


def test_where_promises_differ_errors_may() -> None:
    rng = np.random.default_rng(0)
    promises = rng.uniform(0, 1, 4000)
    expected = np.ones(4000)
    worth = np.where(promises > 0.5, 2.0, 0.5)
    many = Drawn(promises, np.full(4000, 1e-4), worth, expected, np.full(4000, 0.01))
    correction = Correction.by(many)
    assert correction.factor(0.1, 0.0) == pytest.approx(0.5, rel=0.05)
    assert correction.factor(0.9, 0.0) == pytest.approx(2.0, rel=0.05)


def test_a_ticket_weighs_as_much_as_the_choices_it_stands_for() -> None:
    two = Drawn(
        promises=np.ones(2),
        propensities=np.array([0.001, 0.1]),
        worth=np.array([2.0, 0.0]),
        expected=np.ones(2),
        variances=np.full(2, 1e-9),
    )
    assert Correction.by(two).factor(1.0, 0.0) == pytest.approx(2.0, rel=0.02)


@given(st.integers(0, 40), st.floats(0, 10), st.floats(-4, 4))
def test_factors_are_positive(count: int, factor: float, deviation: float) -> None:
    assert Correction.by(drawn(count, factor)).factor(0.5, deviation) > 0
