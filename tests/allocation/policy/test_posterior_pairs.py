"""What the posterior makes of pairs, and how it bounds what an arm might bring."""

import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.policy.posterior import Posterior


def test_told_pairs_and_worth_multiply_to_what_comes():
    rng = np.random.default_rng(0)
    posterior = Posterior(forget=1.0)
    for _ in range(400):
        for arm, (rate, worth) in enumerate([(2.0, 0.5), (1.0, 1.0), (0.5, 0.4)]):
            pairs = int(rng.poisson(2 * rate))
            posterior.update(arm, 0.2, 0.1 * pairs * worth, pairs, 2.0)
    np.testing.assert_allclose(posterior.means(3), [1.0, 1.0, 0.2], rtol=0.1)


def test_the_worth_of_pairs_is_known_sooner_where_their_number_is_told():
    rng = np.random.default_rng(1)
    errors = {True: 0.0, False: 0.0}
    for told in errors:
        posterior = Posterior(forget=1.0)
        for number in range(400):
            pairs = int(rng.poisson(2.0))
            worth = 0.6 if number % 8 else 0.9
            posterior.update(number % 8, 0.2, 0.1 * pairs * worth, pairs if told else None, 2.0)
            errors[told] += abs(float(posterior.means(8)[1]) - 0.6)
    assert errors[True] < errors[False]


def test_a_ticket_without_pairs_says_that_pages_are_empty_not_what_pairs_are_worth():
    posterior = Posterior()
    for _ in range(30):
        posterior.update(0, 0.2, 0.2, 2, 2.0)
        posterior.update(1, 0.2, 0.0, 0, 2.0)
    full, empty = posterior.means(2)
    assert empty < 0.2 * full


def test_an_arm_that_was_never_tried_has_the_higher_bound_at_the_same_mean():
    posterior = Posterior()
    for number in range(300):
        posterior.update(number % 10, 0.1, 0.1, 2, 2.0)
    tried, untried = posterior.means(11)[[0, 10]]
    assert untried == pytest.approx(tried, rel=0.1)
    bounds = posterior.bounds(11, optimism=1.0)
    assert bounds[10] > 1.2 * bounds[0] > tried
    np.testing.assert_allclose(posterior.bounds(11, optimism=0.0), posterior.means(11))


def test_what_is_being_tried_need_not_be_tried_more():
    posterior = Posterior()
    for number in range(100):
        posterior.update(number % 5, 0.1, 0.1, 2, 2.0)
    promised = np.zeros(7)
    promised[6] = 0.8
    flying = posterior.bounds(7, 1.0, promised, in_flight=8)
    assert posterior.means(7)[6] < flying[6] < flying[5]


def test_what_was_foreseen_had_the_higher_density():
    posterior = Posterior()
    for _ in range(100):
        posterior.update(0, 0.1, 0.06, 2, 2.0)
    copy = Posterior()
    copy.load_state(saved.load(saved.dump(posterior.to_state())))
    assert posterior.update(0, 0.1, 0.06, 2, 2.0) > copy.update(0, 0.1, 0.02, 2, 2.0)


def test_a_restored_belief_about_pairs_goes_on_exactly():
    rng = np.random.default_rng(2)
    first, second = Posterior(), Posterior()
    players = [first]
    for step in range(200):
        if step == 100:
            second.load_state(saved.load(saved.dump(first.to_state())))
            players.append(second)
        arm, pairs, gain = int(rng.integers(5)), int(rng.poisson(2)), float(rng.random())
        for posterior in players:
            posterior.update(arm, 0.5, gain, pairs, 2.0)
            if step % 40 == 0:
                posterior.copy(5, arm)
                posterior.add(0, 4)
                posterior.clear(4)
    np.testing.assert_array_equal(first.bounds(6, 1.5), second.bounds(6, 1.5))


def test_what_is_asked_between_updates_changes_nothing():
    asked, left = Posterior(), Posterior()
    for step in range(50):
        for posterior in (asked, left):
            posterior.update(step % 4, 0.1, 0.02 * (step % 4), step % 3, 1.0)
        asked.means(4 + step % 2)
        asked.bounds(4, 1.0, np.full(4, 0.1), 2)
    np.testing.assert_array_equal(asked.means(4), left.means(4))
