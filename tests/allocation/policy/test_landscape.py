import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.policy.landscape import Landscape
from equal_stream.allocation.policy.likeness import Likeness

ARMS, FEATURES = 6, 8


def unit(rng, *shape):
    vectors = rng.standard_normal(shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def placed(seed=0, variance=0.5, level_variance=1.0):
    rng = np.random.default_rng(seed)
    landscape = Landscape(FEATURES, variance, level_variance)
    landscape.reach(ARMS)
    for arm in range(ARMS - 1):  # the last one's place is not known
        landscape.place(arm, unit(rng, FEATURES).astype(float))
    return landscape


def test_what_is_known_is_the_exact_posterior_of_bayesian_linear_regression():
    rng = np.random.default_rng(1)
    landscape = placed()
    precision = np.diag(np.r_[1.0, np.full(FEATURES, 1 / 0.5)])
    weighted = np.r_[1.0, np.zeros(FEATURES)]
    for _ in range(30):
        arm, sure, value = int(rng.integers(ARMS)), rng.uniform(0.1, 5), rng.normal()
        landscape.observe(arm, sure, sure * value)
        features = landscape.features[arm]
        precision += sure * np.outer(features, features)
        weighted += sure * value * features
    covariance = np.linalg.inv(precision)
    mean, variance = landscape.all(ARMS)
    np.testing.assert_allclose(mean, landscape.features @ covariance @ weighted)
    np.testing.assert_allclose(
        variance, np.einsum("af,fg,ag->a", landscape.features, covariance, landscape.features)
    )


@given(st.lists(st.sampled_from(["observe", "fade", "scale", "place"]), max_size=30), st.integers(0, 99))
def test_what_is_kept_for_every_arm_is_what_the_belief_says_of_it(steps, seed):
    rng = np.random.default_rng(seed)
    landscape = placed(seed)
    for step in steps:
        if step == "observe":
            landscape.observe(int(rng.integers(ARMS)), rng.uniform(0, 20), rng.normal())
        elif step == "fade":
            landscape.fade(rng.uniform(0.5, 1), 0.5)
        elif step == "scale":
            landscape.scale(rng.uniform(0.5, 2))
        else:
            landscape.place(int(rng.integers(ARMS - 1)), unit(rng, FEATURES).astype(float))
    features, covariance = landscape.features, landscape.covariance
    mean, variance = landscape.all(ARMS)
    np.testing.assert_allclose(mean, features @ landscape.coefficients, atol=1e-9)
    np.testing.assert_allclose(variance, np.einsum("af,fg,ag->a", features, covariance, features), atol=1e-9)
    for arm in range(ARMS):
        assert landscape.at(arm) == pytest.approx((mean[arm], variance[arm]))
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_in_time_the_landscape_flattens_and_becomes_as_doubtful_as_it_was():
    landscape = placed()
    for _ in range(20):
        landscape.observe(0, 10.0, 30.0)
    doubt = placed().doubt
    for _ in range(200):
        landscape.fade(0.9, 0.5)
    np.testing.assert_allclose(landscape.relief, 0, atol=1e-6)
    np.testing.assert_allclose(landscape.doubt, doubt, atol=1e-6)
    assert landscape.level > 1.5


@pytest.mark.parametrize("dimension", [16, 384])
def test_features_multiply_to_the_likeness(dimension):
    rng = np.random.default_rng(2)
    centre = unit(rng, dimension)
    vectors = unit(rng, 60, dimension) * np.linspace(0, 3, 60, dtype=np.float32)[:, None] + centre
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = Likeness(512, 0.6)
    features = np.array([likeness.of(vector) for vector in vectors])
    squared = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    assert np.abs(features @ features.T - np.exp(-squared / (2 * 0.36))).max() < 0.2
    assert np.abs(features @ features.T - np.exp(-squared / (2 * 0.36))).mean() < 0.05
    np.testing.assert_allclose((features**2).sum(axis=1), 1)


def test_features_are_the_same_for_everyone():
    vector = unit(np.random.default_rng(3), 16)
    np.testing.assert_array_equal(Likeness().of(vector), Likeness().of(vector))
