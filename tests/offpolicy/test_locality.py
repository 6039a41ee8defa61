"""Whether passages that lie near each other bring alike."""

import numpy as np
import pytest

from equal_stream.offpolicy.bills import Bills
from equal_stream.offpolicy.locality import Locality
from tests.offpolicy.crawl import unit

DIMENSION = 8


def places(count: int, seed: int = 0) -> np.ndarray:
    """Passages around two places, turn and turn about."""
    rng = np.random.default_rng(seed)
    centres = np.eye(DIMENSION)[:2]
    return np.array([unit(centres[n % 2] + 0.2 * rng.standard_normal(DIMENSION)) for n in range(count)])


def test_where_neighbours_bring_more_so_will_others_there() -> None:
    calls, others = places(200), places(20, seed=1)
    rich = np.arange(200) % 2 == 0
    rng = np.random.default_rng(2)
    local = Locality(calls, np.where(rich, 1.6, 0.4) + 0.3 * rng.standard_normal(200), np.full(200, 0.1))
    assert local.at(others)[::2].mean() == pytest.approx(1.6, abs=0.2)
    assert local.at(others)[1::2].mean() == pytest.approx(0.4, abs=0.2)


def test_where_place_says_nothing_nothing_is_read_into_it() -> None:
    rng = np.random.default_rng(2)
    local = Locality(places(200), 1 + 0.5 * rng.standard_normal(200), np.full(200, 0.25))
    np.testing.assert_allclose(local.at(places(20, seed=1)), 1, atol=0.2)


def test_a_call_says_nothing_of_itself() -> None:
    calls, ratios, noise = places(40), np.ones(40), np.full(40, 0.1)
    changed = ratios.copy()
    changed[0] = 3.0
    assert Locality(calls, changed, noise).own[0] == pytest.approx(
        Locality(calls, ratios, noise).own[0], abs=0.1
    )


def test_factors_stay_within_what_is_possible() -> None:
    local = Locality(places(60), np.array([0.0, 50.0] * 30), np.full(60, 0.01))
    for factors in (local.own, local.at(places(10, seed=3))):
        assert (factors >= 0.2).all()
        assert (factors <= 4.0).all()


def test_bills_follow_length_and_pairs() -> None:
    rng = np.random.default_rng(0)
    lengths, pairs = rng.integers(50, 500, 100).astype(float), rng.integers(0, 5, 100).astype(float)
    bills = Bills(lengths, pairs, 150 + 1.1 * lengths, 20 + 45 * pairs)
    assert bills.of(200, 2) == (370, 110)


def test_a_bill_is_never_nothing_and_never_falls_with_length() -> None:
    few = Bills(np.array([100.0]), np.array([1.0]), np.array([300.0]), np.array([50.0]))
    assert few.of(1000, 4) == (300, 50)
    odd = Bills(np.array([100.0, 200.0]), np.zeros(2), np.array([300.0, 100.0]), np.zeros(2))
    assert odd.of(5000, 3)[0] == 200
    assert Bills(np.ones(2), np.ones(2), np.zeros(2), np.zeros(2)).of(1, 0) == (1, 0)
