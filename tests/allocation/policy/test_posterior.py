from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation import state as saved
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


def test_an_arm_without_evidence_is_believed_about_as_all_arms_are():
    posterior = Posterior()
    for number in range(600):
        posterior.update(number % 20, 0.1, 0.05)
    assert posterior.means(21)[20] == pytest.approx(0.5, abs=0.1)


def test_forgetting_lets_a_cluster_come_back():
    posterior = Posterior(forget=0.9)
    for _ in range(50):
        posterior.update(0, 0.1, 0.0)
    for _ in range(50):
        posterior.update(0, 0.1, 0.1)
    assert posterior.means(1)[0] > 0.9


def test_a_child_begins_with_its_parents_ratio_and_is_sooner_persuaded_of_another():
    posterior = Posterior()
    for _ in range(40):
        posterior.update(0, 0.1, 0.03)
        posterior.update(2, 0.1, 0.1)
    posterior.copy(1, 0)
    parent, child, _ = posterior.means(3)
    assert child < 0.6
    for _ in range(3):
        posterior.update(0, 0.1, 0.1)
        posterior.update(1, 0.1, 0.1)
    later_parent, later_child, _ = posterior.means(3)
    assert later_child - child > later_parent - parent


def test_a_child_that_has_evidence_of_its_own_keeps_it():
    posterior = Posterior()
    posterior.update(0, 0.1, 0.03)
    posterior.update(1, 0.2, 0.2)
    before = posterior.means(2)
    posterior.copy(1, 0)
    np.testing.assert_array_equal(posterior.means(2), before)


def centroid(*numbers):
    vector = np.zeros(16, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.float32(np.linalg.norm(vector))


def taught_apart(shared):
    """Arms 0 and 1 lie together, arm 2 far from both; arm 0 brings nothing, arm 3 what is predicted."""
    posterior = Posterior(shared=shared)
    for arm, place in enumerate([(1, 0, 0), (1, 0.2, 0), (0, 1, 0), (0, 0, 1)]):
        posterior.locate(arm, centroid(*place))
    for _ in range(30):
        posterior.update(0, 0.1, 0.0)
        posterior.update(3, 0.1, 0.1)
    return posterior.means(4)


def test_clusters_that_lie_near_each_other_learn_from_each_other():
    _, near, far, _ = taught_apart(shared=0.5)
    assert near < 0.8 * far


def test_without_correlation_a_cluster_learns_from_all_alike():
    _, near, far, _ = taught_apart(shared=0.0)
    assert near == pytest.approx(far)


def test_a_cluster_that_ended_leaves_nothing_in_its_row():
    posterior = Posterior()
    posterior.locate(0, centroid(1))
    for _ in range(30):
        posterior.update(0, 0.1, 0.0)
        posterior.update(1, 0.1, 0.1)
    posterior.clear(0)
    assert posterior.means(3)[0] == pytest.approx(posterior.means(3)[2])


def test_larger_tickets_tell_more():
    small, large = Posterior(), Posterior()
    for posterior, size in ((small, 0.02), (large, 0.4)):
        for _ in range(20):
            posterior.update(1, 0.1, 0.1)
        posterior.update(0, size, 0.0)
    assert large.means(1)[0] < small.means(1)[0]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 1e3), st.floats(0, 1e3)).map(
            lambda lesson: (lesson[0], round(lesson[1], 6), round(lesson[2], 6))
        ),
        max_size=60,
    ),
    st.integers(0, 40),
)
def test_whatever_comes_ratios_stay_finite_and_never_negative_and_a_restored_belief_goes_on_exactly(
    lessons, cut
):
    first, second = Posterior(), Posterior()
    for number, (arm, predicted, realised) in enumerate(lessons):
        if number == cut:
            second.load_state(saved.load(saved.dump(first.to_state())))
        first.locate(arm, centroid(1, arm))
        first.update(arm, predicted, realised)
        if number >= cut:
            second.locate(arm, centroid(1, arm))
            second.update(arm, predicted, realised)
    means = first.means(6, np.full(6, 0.1), 3)
    assert np.isfinite(means).all()
    assert (means >= 0).all()
    if cut < len(lessons):
        np.testing.assert_array_equal(second.means(6, np.full(6, 0.1), 3), means)


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
