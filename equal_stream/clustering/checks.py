"""What every clusterer must do, as checks that raise AssertionError with a sentence on the first breach.

Run them all with `check_clusterer(make)`, where `make()` returns a fresh, equally configured clusterer.
"""

from collections.abc import Callable, Iterator

import numpy as np

from equal_stream.clustering.base import StreamClusterer, UnknownCluster, Vectors

Make = Callable[[], StreamClusterer]


def check_clusterer(make: Make, dimension: int = 16, documents: int = 1500) -> None:
    """Run every check on clusterers from `make`, on a stream whose topics come and go."""
    batches = drifting_batches(dimension, documents)
    for check in yield_checks():
        check(make, batches)


def yield_checks() -> Iterator[Callable[[Make, list[Vectors]], None]]:
    """Yield each check, a function of `make` and a list of batches, float32 (n, d)."""
    yield check_every_document_gets_an_id
    yield check_ids_are_never_reused
    yield check_every_id_resolves_to_a_live_cluster
    yield check_events_account_for_the_live_clusters
    yield check_learning_and_assigning_are_the_same
    yield check_prediction_learns_nothing
    yield check_same_batches_give_same_clusters
    yield check_state_continues_exactly
    yield check_clusters_go_on_in_another_space
    yield check_awkward_vectors_are_harmless


def drifting_batches(dimension: int, documents: int) -> list[Vectors]:
    """Return batches of uneven size whose topics appear, drift and vanish; the same each time."""
    rng = np.random.default_rng(5)
    topics = rng.standard_normal((9, dimension))
    batches: list[Vectors] = []
    seen = 0
    while seen < documents:
        size = int(rng.integers(1, 120))
        newest = 3 + 6 * seen // documents
        label = rng.integers(max(newest - 4, 0), newest, size=size)
        noise = rng.standard_normal((size, dimension)) / np.sqrt(dimension)
        batches.append((topics[label] + noise).astype(np.float32))
        topics += 0.01 * rng.standard_normal(topics.shape)
        seen += size
    return batches


def check_every_document_gets_an_id(make: Make, batches: list[Vectors]) -> None:
    """`assign_many` answers from the first document on, with one id and one cosine each."""
    model = make()
    for batch in batches:
        ids, cosines = model.assign_many(batch)
        assert ids.shape == cosines.shape == (len(batch),), "one id and one similarity a document"
        assert ids.dtype == np.int64, "ids are int64"
        assert cosines.dtype == np.float32, "similarities are float32"
        assert np.all(np.abs(cosines) <= 1.001), "a similarity is a cosine"


def check_ids_are_never_reused(make: Make, batches: list[Vectors]) -> None:
    """An id is born once, and not heard of again once it ended."""
    model = make()
    born: set[int] = set()
    ended: set[int] = set()
    for batch in batches:
        ids, _ = model.assign_many(batch)
        for event in model.drain_events():
            new = {event.cluster_id} if event.event == "birth" else set(event.children) - set(event.parents)
            if event.event in {"birth", "split"}:
                assert not new & born, f"{event.event} reuses an id of {sorted(new)}"
                born |= new
            ended |= set(event.parents) - set(event.children)
            ended |= {event.cluster_id} if event.event == "death" else set()
        assert set(ids.tolist()) <= born, "every id returned was announced by an event"
        assert not ended & set(model.sizes()), "a cluster that ended is not live"


def check_every_id_resolves_to_a_live_cluster(make: Make, batches: list[Vectors]) -> None:
    """`resolve` is total over the ids ever returned, idempotent, and refuses ids never issued."""
    model = make()
    returned: set[int] = set()
    for batch in batches:
        returned |= set(model.assign_many(batch)[0].tolist())
        live = set(model.sizes())
        for cluster_id in returned:
            current = model.resolve(cluster_id)
            assert current in live, f"{cluster_id} resolves to {current}, which is not live"
            assert model.resolve(current) == current, "a live cluster resolves to itself"
    try:
        model.resolve(max(returned) + 1_000_000)
    except UnknownCluster:
        return
    raise AssertionError("an id that was never issued must raise UnknownCluster")


def check_events_account_for_the_live_clusters(make: Make, batches: list[Vectors]) -> None:
    """Replaying the events gives exactly the live clusters; sizes and centroids agree with them."""
    model = make()
    live: set[int] = set()
    for batch in batches:
        model.assign_many(batch)
        for event in model.drain_events():
            if event.event == "death":
                live.discard(event.cluster_id)
                assert set(event.children) <= live, "an heir is live when it inherits"
            else:
                live -= set(event.parents)
                live |= set(event.children) or {event.cluster_id}
        sizes = model.sizes()
        ids, centroids = model.centroids()
        assert live == set(sizes) == set(ids.tolist()), "events, sizes and centroids name the same clusters"
        assert min(sizes.values()) >= 0, "a size is not negative"
        lengths = np.linalg.norm(centroids, axis=1)
        assert np.all((np.abs(lengths - 1) < 1e-3) | (lengths == 0)), "centroids are unit vectors"
    assert model.drain_events() == [], "events are drained once"


def check_learning_and_assigning_are_the_same(make: Make, batches: list[Vectors]) -> None:
    """`learn_many` teaches what `assign_many` teaches."""
    learner, assigner = make(), make()
    for batch in batches:
        learner.learn_many(batch)
        assigner.assign_many(batch)
    assert learner.to_state() == assigner.to_state(), "learning and assigning leave the same state"


def check_prediction_learns_nothing(make: Make, batches: list[Vectors]) -> None:
    """`predict_many` answers with live ids and leaves the state as it was."""
    model = make()
    assert model.predict_many(batches[0]).shape == (len(batches[0]),), "predicting works before learning"
    for batch in batches:
        model.learn_many(batch)
    before = model.to_state()
    assert set(model.predict_many(batches[-1]).tolist()) <= set(model.sizes()), "predicted ids are live"
    assert model.to_state() == before, "predicting changes nothing"


def check_same_batches_give_same_clusters(make: Make, batches: list[Vectors]) -> None:
    """The same sequence of batches gives the same ids, events and state."""
    one, two = make(), make()
    for batch in batches:
        assert np.array_equal(one.assign_many(batch)[0], two.assign_many(batch)[0]), "ids are deterministic"
        assert one.drain_events() == two.drain_events(), "events are deterministic"
    assert one.to_state() == two.to_state(), "state is deterministic"


def check_state_continues_exactly(make: Make, batches: list[Vectors]) -> None:
    """A clusterer restored at any batch goes on bit for bit, with the events it had not yet handed out."""
    original = make()
    restored = type(original).from_state(original.to_state())
    for number, batch in enumerate(batches):
        expected, got = original.assign_many(batch), restored.assign_many(batch)
        assert np.array_equal(expected[0], got[0]), "a restored clusterer gives the same ids"
        assert np.array_equal(expected[1], got[1]), "a restored clusterer gives the same similarities"
        if number % 7 == 0:
            restored = type(original).from_state(restored.to_state())
            assert original.drain_events() == restored.drain_events(), "events survive the state"
    assert original.to_state() == restored.to_state(), "state survives itself"


def check_clusters_go_on_in_another_space(make: Make, batches: list[Vectors]) -> None:
    """Moved to a space in which documents lie alike, clusters keep ids, sizes and most documents."""
    model = make()
    for batch in batches:
        model.learn_many(batch)
    model.drain_events()
    documents = np.concatenate(batches[-3:])
    before, sizes = model.predict_many(documents), model.sizes()
    dimension = documents.shape[1]
    turned = np.linalg.qr(np.random.default_rng(7).standard_normal((dimension + 3, dimension)))[0]
    moved = (documents @ turned.T).astype(np.float32)
    model.change_space({cluster: moved[before == cluster] for cluster in np.unique(before).tolist()})
    after = model.sizes()
    ended = {event.cluster_id for event in model.drain_events() if event.event == "death"}
    assert set(after) == set(sizes) - ended, "what did not die is there under its id"
    assert np.isclose(sum(after.values()), sum(sizes.values())), "sizes are carried over"
    for cluster in sizes:
        assert model.resolve(cluster) in after, "what died has a live heir"
    assert model.centroids()[1].shape[1] == dimension + 3, "centroids lie in the new space"
    same = model.predict_many(moved) == before
    assert same.mean() > 0.6, "most documents stay in their clusters"
    model.learn_many(moved)
    restored = type(model).from_state(model.to_state())
    assert np.array_equal(restored.predict_many(moved), model.predict_many(moved)), "the state is whole"


def check_awkward_vectors_are_harmless(make: Make, batches: list[Vectors]) -> None:
    """Empty batches, zero vectors, copies and vectors of any length leave finite centroids."""
    model = make()
    dimension = batches[0].shape[1]
    awkward = [
        np.zeros((0, dimension), dtype=np.float32),
        np.zeros((1, dimension), dtype=np.float32),
        np.repeat(batches[0][:1], 100, axis=0),
        np.zeros((40, dimension), dtype=np.float32),
        batches[0] * np.float32(1e30),
        batches[0] * np.float32(1e-30),
    ]
    for batch in [*awkward, *batches[:3], *awkward]:
        ids, cosines = model.assign_many(batch)
        assert len(ids) == len(batch), "every document gets an id"
        assert np.all(np.isfinite(cosines)), "similarities stay finite"
    assert np.all(np.isfinite(model.centroids()[1])), "centroids stay finite"
    assert np.all(np.isfinite(list(model.sizes().values()))), "sizes stay finite"
