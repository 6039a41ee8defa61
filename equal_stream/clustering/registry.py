"""Clusterers by name. A new one is a class that passes `checks.check_clusterer`, and one line here."""

from typing import Any

from equal_stream.clustering.base import StreamClusterer
from equal_stream.clustering.evolving import EvolvingSphericalKMeans
from equal_stream.clustering.river_kmeans import RiverKMeans
from equal_stream.errors import ConfigurationError

CLUSTERERS: dict[str, type[StreamClusterer]] = {
    "evolving": EvolvingSphericalKMeans,
    "river-kmeans": RiverKMeans,
}


def clusterer_class(name: str) -> type[StreamClusterer]:
    """Return the class registered under `name`, whose `from_state` reads what its `to_state` wrote.

    Raises ConfigurationError for a name that is not registered.
    """
    try:
        return CLUSTERERS[name]
    except KeyError:
        known = ", ".join(sorted(CLUSTERERS))
        raise ConfigurationError(f"there is no clusterer named {name!r}; choose one of: {known}") from None


def make_clusterer(name: str, **params: Any) -> StreamClusterer:
    """Return a new clusterer.

    Every one takes `max_clusters`, `first_id` and `seed`. Raises ConfigurationError for a name that is
    not registered or a parameter that the clusterer does not have.
    """
    made = clusterer_class(name)
    try:
        return made(**params)
    except TypeError as error:
        raise ConfigurationError(f"the clusterer {name!r} cannot be made: {error}") from error
