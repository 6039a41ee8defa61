"""Every registered clusterer conforms, to our checks and (where it is one of river's) to river's."""

import pytest
from river import checks as river_checks

from equal_stream.clustering import checks
from equal_stream.clustering.base import StreamClusterer
from equal_stream.clustering.evolving import EvolvingSphericalKMeans
from equal_stream.clustering.registry import CLUSTERERS, clusterer_class, make_clusterer
from equal_stream.errors import ConfigurationError

BATCHES = checks.drifting_batches(dimension=16, documents=1500)
VARIANTS = {
    "evolving": ("evolving", {}),
    "evolving short of places": ("evolving", {"max_clusters": 3}),
    "evolving with a small sample": ("evolving", {"sample_size": 64, "first_id": 1000}),
    "evolving that forgets at once": ("evolving", {"halflife": 20}),
    "river-kmeans": ("river-kmeans", {"max_clusters": 4}),
}


@pytest.mark.parametrize(
    "check", checks.yield_checks(), ids=lambda check: check.__name__.removeprefix("check_")
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_registered_clusterer_conforms(variant, check):
    name, params = VARIANTS[variant]
    check(lambda: make_clusterer(name, seed=3, **params), BATCHES)


@pytest.mark.parametrize(
    "check", river_checks.yield_checks(EvolvingSphericalKMeans()), ids=lambda check: check.__name__
)
def test_the_evolving_clusterer_passes_the_checks_of_river(check):
    check(EvolvingSphericalKMeans(seed=1))


@pytest.mark.parametrize("name", CLUSTERERS)
def test_every_name_makes_a_clusterer_that_its_class_restores(name):
    made = make_clusterer(name, max_clusters=5, first_id=7, seed=1)
    assert isinstance(made, StreamClusterer)
    restored = clusterer_class(name).from_state(made.to_state())
    assert restored.to_state() == made.to_state()


def test_an_unknown_name_is_a_configuration_error_that_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="evolving, river-kmeans"):
        make_clusterer("dbscan")


def test_an_unknown_parameter_is_a_configuration_error_that_names_it():
    with pytest.raises(ConfigurationError, match="colour"):
        make_clusterer("evolving", colour="red")
