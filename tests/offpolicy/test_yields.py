"""What is known of yields after a log."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.offpolicy.yields import Counts, Yields


def yields_of(pairs: list[list[int]], tokens: float = 100.0) -> Yields:
    """Calls by cluster, all of one length."""
    clusters = [cluster for cluster, calls in enumerate(pairs) for _ in calls]
    flat = np.array([count for calls in pairs for count in calls], float)
    return Yields(Counts(np.array(clusters), np.full(len(flat), tokens), flat, np.ones(len(flat))))


def mean_rate(yields: Yields, cluster: int, draws: int = 400) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([yields.draw_rate(rng, yields.draw_law(rng), cluster) for _ in range(draws)]))


def test_a_cluster_that_was_bought_often_brings_what_it_brought() -> None:
    yields = yields_of([[2, 1, 3, 2, 2, 1, 3, 2] * 5, [0] * 40, [1] * 40])
    assert mean_rate(yields, 0) == pytest.approx(2.0, rel=0.1)
    assert mean_rate(yields, 1) < 0.1
    assert mean_rate(yields, 2) == pytest.approx(1.0, rel=0.1)


def test_a_cluster_that_nobody_bought_brings_what_others_do_and_may_bring_anything() -> None:
    yields = yields_of([[2, 1, 3] * 10, [0] * 30, [1, 2] * 15, [4, 3] * 15])
    rng = np.random.default_rng(0)
    rates = np.array([yields.draw_rate(rng, yields.draw_law(rng), 99) for _ in range(600)])
    assert 0.8 < rates.mean() < 4
    assert np.quantile(rates, 0.1) < 0.6
    assert np.quantile(rates, 0.9) > 2.5


def test_three_bad_calls_are_weaker_evidence_than_thirty() -> None:
    yields = yields_of([[2, 1, 3] * 10, [1, 2] * 15, [4, 3] * 15, [0] * 3, [0] * 30])
    assert mean_rate(yields, 4) < 0.5 * mean_rate(yields, 3) < 0.5 * mean_rate(yields, 0)


def test_longer_passages_bring_more_where_they_did() -> None:
    rng = np.random.default_rng(1)
    tokens = rng.choice([50.0, 200.0], 200)
    growing = Yields(Counts(np.zeros(200, int), tokens, rng.poisson(tokens / 50).astype(float), np.ones(200)))
    flat = Yields(Counts(np.zeros(200, int), tokens, rng.poisson(2.0, 200).astype(float), np.ones(200)))
    for yields, low, high in ((growing, 3.0, 4.5), (flat, 0.8, 1.4)):
        law = yields.draw_law(np.random.default_rng(0))
        assert low < yields.size(law, 200) / yields.size(law, 50) < high


def test_a_call_is_foretold_by_the_others_alone() -> None:
    calls = [1] * 20
    alike = yields_of([calls, [2] * 20])
    changed = yields_of([[5, *calls[1:]], [2] * 20])
    laws = [alike.draw_law(np.random.default_rng(0))] * 3
    assert changed.foretell(laws, 0)[0] == pytest.approx(alike.foretell(laws, 0)[0], rel=0.05)
    assert changed.foretell(laws, 1)[0] > alike.foretell(laws, 1)[0]


@given(
    st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=4), st.integers(0, 9)
)
def test_draws_are_possible_whatever_was_seen(pairs: list[list[int]], cluster: int) -> None:
    yields = yields_of(pairs)
    rng = np.random.default_rng(0)
    law = yields.draw_law(rng)
    rate = yields.draw_rate(rng, law, cluster)
    assert 0 <= rate < np.inf
    assert 0 <= yields.draw_pairs(rng, rate) <= max(max(calls) for calls in pairs)
    mean, variance = yields.foretell([law], 0)
    assert mean >= 0
    assert variance >= 0
