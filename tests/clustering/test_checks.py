"""The conformance checks catch clusterers that break a promise."""

import numpy as np
import pytest

from equal_stream.clustering import checks
from equal_stream.clustering.evolving import EvolvingSphericalKMeans

BATCHES = checks.drifting_batches(dimension=8, documents=600)


class Inventive(EvolvingSphericalKMeans):
    """Answers with ids that no event announced."""

    def assign_many(self, vectors):
        ids, cosines = super().assign_many(vectors)
        return ids + 1000, cosines


class Unresolving(EvolvingSphericalKMeans):
    """Resolves every id to itself, ended or not."""

    def resolve(self, cluster_id):
        return cluster_id


class Silent(EvolvingSphericalKMeans):
    """Loses every other batch of events."""

    calls = 0

    def drain_events(self):
        self.calls += 1
        events = super().drain_events()
        return events if self.calls % 2 else []


class Moody(EvolvingSphericalKMeans):
    """Draws its seed anew each time."""

    def __init__(self):
        super().__init__(first_id=int(np.random.default_rng().integers(1_000_000_000)))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Inventive, checks.check_ids_are_never_reused),
        (Unresolving, checks.check_every_id_resolves_to_a_live_cluster),
        (Silent, checks.check_events_account_for_the_live_clusters),
        (Moody, checks.check_same_batches_give_same_clusters),
    ],
)
def test_a_clusterer_that_breaks_a_promise_is_caught(broken, check):
    with pytest.raises(AssertionError):
        check(broken, BATCHES)


def test_all_checks_together_accept_the_default_clusterer():
    checks.check_clusterer(EvolvingSphericalKMeans, dimension=8, documents=400)
