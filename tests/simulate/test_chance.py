from collections import Counter
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.simulate.chance import Chance, RatesError
from equal_stream.simulate.outcomes import FAULTS, Outcome


@given(st.integers(), st.integers(1, 10**6))
def test_the_same_seed_and_number_meet_the_same_fate(seed, ordinal):
    first, second = (Chance(spread=0.5, latency=1.0, seed=seed).draw(ordinal) for _ in range(2))
    assert (first.outcome, first.latency) == (second.outcome, second.latency)
    assert first.generator.random() == second.generator.random()


def test_faults_come_at_their_rates():
    chance = Chance({Outcome.GARBAGE: 0.2}, spread=0.09)
    kinds = Counter(chance.draw(ordinal).outcome for ordinal in range(1, 5001))
    assert kinds[Outcome.GARBAGE] / 5000 == pytest.approx(0.21, abs=0.02)
    assert kinds[Outcome.RESET] / 5000 == pytest.approx(0.01, abs=0.005)
    assert kinds[Outcome.ANSWERED] / 5000 == pytest.approx(0.71, abs=0.02)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rate_of_one_is_always(fault):
    assert {Chance({fault: 1.0}).draw(ordinal).outcome for ordinal in range(200)} == {fault}


def test_latency_has_the_mean_that_was_asked_for():
    chance = Chance(latency=0.2, sigma=0.5)
    assert mean(chance.draw(ordinal).latency for ordinal in range(5000)) == pytest.approx(0.2, rel=0.05)
    assert Chance(latency=0.2, sigma=0.0).draw(1).latency == pytest.approx(0.2)
    assert Chance().draw(1).latency == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"rates": {Outcome.RESET: -0.1}},
        {"rates": {Outcome.RESET: float("nan")}},
        {"rates": {Outcome.RESET: 0.6}, "spread": 0.6},
        {"latency": -1.0},
        {"sigma": -1.0},
    ],
)
def test_rates_that_cannot_be_drawn_are_refused(wrong):
    with pytest.raises(RatesError):
        Chance(**wrong)
