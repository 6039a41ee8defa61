from itertools import pairwise

import numpy as np
import pytest

from equal_stream.allocation.policy.posterior import Posterior


def test_without_evidence_every_arm_is_believed():
    assert Posterior().means(3).tolist() == [1, 1, 1]


def test_an_arm_that_brings_nothing_is_believed_less_and_less():
    posterior = Posterior()
    seen = []
    for _ in range(10):
        posterior.update(0, 0.1, 0.0)
        posterior.update(1, 0.1, 0.1)
        seen.append(posterior.means(2)[0])
    assert all(later < earlier for earlier, later in pairwise(seen))
    assert seen[-1] < 0.3
    assert posterior.means(2)[1] > 0.8


def test_an_arm_without_evidence_is_believed_as_all_arms_are():
    posterior = Posterior()
    for _ in range(300):
        posterior.update(0, 0.1, 0.05)
    assert posterior.means(2)[1] == pytest.approx(0.5, abs=0.02)


def test_forgetting_lets_a_cluster_come_back():
    posterior = Posterior(forget=0.9)
    for _ in range(50):
        posterior.update(0, 0.1, 0.0)
    for _ in range(50):
        posterior.update(0, 0.1, 0.1)
    assert posterior.means(1)[0] > 0.9


def test_a_child_begins_with_its_parents_ratio_at_half_the_weight():
    posterior = Posterior(shrinkage=0.0)
    for _ in range(20):
        posterior.update(0, 0.1, 0.03)
    posterior.copy(1, 0)
    assert posterior.means(2)[1] == pytest.approx(0.3)
    assert posterior.tickets[1] == pytest.approx(posterior.tickets[0] / 2)


def test_a_child_that_has_evidence_of_its_own_keeps_it():
    posterior = Posterior()
    posterior.update(0, 0.1, 0.03)
    posterior.update(1, 0.2, 0.2)
    before = posterior.predicted[1]
    posterior.copy(1, 0)
    assert posterior.predicted[1] == before


def test_gain_promised_in_flight_counts_against_an_arm_that_has_shown_little():
    posterior = Posterior()
    for _ in range(100):
        posterior.update(0, 0.1, 0.1)
    promised = np.array([0.2, 0.2])
    shown, unknown = posterior.means(2, promised, in_flight=4) / posterior.means(2)
    assert unknown < 0.75 < shown


def test_even_before_the_first_answer_promises_spread_the_tickets():
    means = Posterior().means(2, np.array([0.5, 0.0]), in_flight=5)
    assert means[0] < 0.5 * means[1]


def test_what_was_predicted_as_worthless_teaches_nothing():
    posterior = Posterior()
    posterior.update(0, 0.0, 5.0)
    assert posterior.means(1)[0] == 1
