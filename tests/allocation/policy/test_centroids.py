"""Where clusters lie, followed passage by passage."""

import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.policy.centroids import Centroids
from equal_stream.allocation.quantise import unit

RNG = np.random.default_rng(0)
VECTORS = [unit(RNG.standard_normal(8).astype(np.float32)) for _ in range(40)]


def test_a_place_is_told_anew_whenever_the_passages_doubled():
    centroids = Centroids()
    told = [number + 1 for number, vector in enumerate(VECTORS) if centroids.add(3, vector) is not None]
    assert told == [1, 2, 4, 8, 16, 32]


def test_a_place_is_the_direction_of_the_mean():
    centroids = Centroids()
    places = [place for vector in VECTORS[:4] if (place := centroids.add(0, vector)) is not None]
    np.testing.assert_allclose(places[-1], unit(np.mean(VECTORS[:4], axis=0)), atol=1e-6)


def test_a_merged_cluster_lies_between_both():
    centroids, together = Centroids(), Centroids()
    for vector in VECTORS[:5]:
        centroids.add(0, vector)
    for vector in VECTORS[5:8]:
        centroids.add(7, vector)
    for vector in VECTORS[:8]:
        place = together.add(1, vector)
    np.testing.assert_allclose(centroids.merge(0, 7), place, atol=1e-6)
    assert Centroids().merge(0, 1) is None


def test_a_row_that_is_used_again_begins_anew():
    centroids = Centroids()
    for vector in VECTORS[:5]:
        centroids.add(0, vector)
    centroids.clear(0)
    np.testing.assert_allclose(centroids.add(0, VECTORS[9]), VECTORS[9], atol=1e-6)
    centroids.clear(999)


def test_a_restored_table_goes_on_exactly():
    first, second = Centroids(), Centroids()
    for number, vector in enumerate(VECTORS[:7]):
        first.add(number % 2, vector)
    second.load_state(saved.load(saved.dump(first.to_state())))
    np.testing.assert_array_equal(first.merge(0, 1), second.merge(0, 1))
