import numpy as np
import pytest

from equal_stream.allocation.policy.evidence import Evidence
from equal_stream.allocation.policy.noise import Noise, Size


def test_the_noise_of_tickets_is_learned_from_how_far_they_stray():
    rng = np.random.default_rng(0)
    noise = Noise(relative=2.0, trust=10.0)
    for _ in range(600):
        variance = noise.variance(mean=0.8, level=1.0, tickets=1.0)
        noise.learn(float(rng.normal(0, np.sqrt(0.2 * 0.8 + 0.1))) ** 2, expected=0.1, variance=variance)
    assert noise.relative == pytest.approx(0.2, rel=0.35)


def test_one_outlier_does_not_make_every_ticket_noisy():
    noise = Noise(relative=0.2, trust=10.0)
    noise.learn(1e6, expected=0.0, variance=0.2)
    assert noise.relative < 0.3


def test_a_typical_ticket_counts_those_in_flight():
    size = Size()
    assert size.typical() == 0.0
    assert size.typical(promised=1.0, in_flight=4) == 0.25
    size.learn(0.5)
    assert size.typical(promised=1.0, in_flight=4) == pytest.approx(0.3)


def test_evidence_grows_vague_with_time_and_keeps_its_value():
    evidence = Evidence(rate=0.01)
    evidence.reach(2)
    evidence.put(0, 4.0, 4.0 * 0.7)
    before = evidence.at(0, variance=0.5)
    evidence.now += 50
    precision, weighted = evidence.at(0, variance=0.5)
    assert before == (4.0, 4.0 * 0.7)
    assert precision == pytest.approx(1 / (1 / 4.0 + 0.5 * np.expm1(1.0)))
    assert weighted / precision == pytest.approx(0.7)
    everyone = evidence.all(2, variance=0.5)
    assert (everyone[0][0], everyone[1][0]) == pytest.approx((precision, weighted))
    assert everyone[0][1] == 0


def test_evidence_that_never_forgets_stays():
    evidence = Evidence(rate=0.0)
    evidence.reach(1)
    evidence.put(0, 4.0, 2.0)
    evidence.now += 1e9
    assert evidence.at(0, variance=1.0) == (4.0, 2.0)
