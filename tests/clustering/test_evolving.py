"""The evolving clusterer finds topics, follows them, and keeps its promises on any input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import normalized_mutual_info_score as agreement

from equal_stream.clustering.base import InvalidState, InvalidVectors, UnknownCluster
from equal_stream.clustering.evolving import EvolvingSphericalKMeans
from equal_stream.errors import ConfigurationError

from .topics import batches, mixture


def learned(vectors, **params):
    model = EvolvingSphericalKMeans(**params)
    for batch in batches(vectors):
        model.learn_many(batch)
    return model


def test_it_finds_the_topics_of_a_mixture_without_being_told_their_number():
    vectors, label = mixture(topics=12, documents=4000)
    model = learned(vectors)
    assert model.n_clusters == 12
    assert agreement(label, model.predict_many(vectors)) > 0.97


def test_it_finds_them_just_as_well_when_the_encoder_puts_everything_in_one_direction():
    vectors, label = mixture(topics=12, documents=4000)
    vectors[:, 0] += 2.0
    model = learned(vectors)
    assert model.background_similarity > 0.6
    assert agreement(label, model.predict_many(vectors)) > 0.95


def test_a_small_topic_among_large_ones_is_found():
    vectors, label = mixture(topics=8, documents=8000, seed=3)
    small = label == 7
    keep = ~small | (np.cumsum(small) <= 60)
    vectors, label = vectors[keep], label[keep]
    ids = learned(vectors).predict_many(vectors)
    own = np.bincount(ids[label == 7]).argmax()
    assert np.mean(ids[label == 7] == own) > 0.9
    assert np.mean(label[ids == own] == 7) > 0.9


def test_a_topic_that_arrives_later_is_born_or_split_off():
    vectors, label = mixture(topics=6, documents=6000, seed=1)
    late = label == 5
    vectors = np.concatenate([vectors[~late], vectors[late]])
    model = learned(vectors)
    ids = model.predict_many(vectors[-late.sum() :])
    assert np.mean(ids == np.bincount(ids).argmax()) > 0.95
    assert np.bincount(ids).argmax() not in set(model.predict_many(vectors[: -late.sum()]).tolist())


def test_one_topic_stays_one_cluster_however_large_its_share():
    vectors, _ = mixture(topics=1, documents=6000, dimension=384)
    assert learned(vectors).n_clusters == 1


def test_a_wide_cluster_without_gaps_is_split_until_none_is_too_large():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((12_000, 64)) * np.r_[np.full(4, 3.0), np.full(60, 0.5)]
    wide[:, 4] += 4.0
    sizes = learned(wide.astype(np.float32), max_share=0.2).sizes()
    assert max(sizes.values()) / sum(sizes.values()) < 0.3


def test_copies_of_one_document_stay_together():
    vectors = np.repeat(mixture(topics=1, documents=1)[0], 5000, axis=0)
    assert learned(vectors).n_clusters == 1


def test_an_idle_cluster_lives_on_while_there_are_places():
    vectors, label = mixture(topics=5, documents=12_000, seed=2)
    early = np.flatnonzero(label == 0)[:300]
    rest = np.flatnonzero(label != 0)
    model = learned(np.concatenate([vectors[early], vectors[rest]]), halflife=3000)
    assert (
        len(
            set(model.predict_many(vectors[early]).tolist()) - set(model.predict_many(vectors[rest]).tolist())
        )
        >= 1
    )
    assert not [event for event in model.drain_events() if event.event == "death"]


def test_when_every_place_is_taken_the_lightest_gives_way_and_its_documents_go_to_an_heir():
    vectors, label = mixture(topics=12, documents=12_000, seed=4)
    order = np.argsort(label // 4, kind="stable")
    model = learned(vectors[order], max_clusters=6, halflife=1000)
    deaths = [event for event in model.drain_events() if event.event == "death"]
    assert deaths
    for death in deaths:
        assert model.resolve(death.cluster_id) in model.sizes()
        assert len(death.children) == 1
    assert model.n_clusters <= 6


def test_the_first_id_is_the_callers():
    model = EvolvingSphericalKMeans(first_id=501)
    vectors, _ = mixture(topics=3, documents=500)
    assert model.predict_many(vectors).tolist() == [501] * 500
    assert min(model.assign_many(vectors)[0]) == 501


def test_documents_of_a_batch_that_caused_a_split_already_get_the_new_ids():
    vectors, _ = mixture(topics=2, documents=256)
    ids, _ = EvolvingSphericalKMeans().assign_many(vectors)
    assert len(set(ids.tolist())) == 2


def test_dicts_and_arrays_teach_the_same():
    vectors, _ = mixture(topics=3, documents=150, dimension=9)
    by_row, by_dict = EvolvingSphericalKMeans(), EvolvingSphericalKMeans()
    names = [f"f{i}" for i in range(9)]
    for row in vectors:
        by_row.learn_many(row[None])
        by_dict.learn_one(dict(zip(names, row.tolist(), strict=True)))
    assert np.array_equal(by_row.centroids()[1], by_dict.centroids()[1])
    shuffled = dict(zip(names[::-1], vectors[0][::-1].tolist(), strict=True))
    assert by_dict.predict_one(shuffled) == by_row.predict_many(vectors[:1])[0]


def test_features_may_be_missing_or_new():
    model = EvolvingSphericalKMeans()
    assert model.predict_one({"a": 1.0}) == 1
    model.learn_one({"a": 1.0, "b": 2.0})
    model.learn_one({"b": 2.0})
    model.learn_one({"c": 2.0})
    assert model.predict_one({"a": 1.0, "c": 3.0}) == 1


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (3, 0)])
def test_a_batch_of_another_shape_is_refused(shape):
    with pytest.raises(InvalidVectors, match="shape"):
        EvolvingSphericalKMeans().learn_many(np.zeros(shape, dtype=np.float32))


def test_a_batch_of_another_dimension_is_refused_and_changes_nothing():
    model = learned(mixture(topics=2, documents=200)[0])
    before = model.to_state()
    with pytest.raises(InvalidVectors, match="48 coordinates, not 3"):
        model.assign_many(np.ones((2, 3), dtype=np.float32))
    assert model.to_state() == before


def test_a_number_that_is_not_finite_is_refused_with_its_row_and_changes_nothing():
    model = learned(mixture(topics=2, documents=200)[0])
    before = model.to_state()
    broken = np.ones((3, 48), dtype=np.float32)
    broken[1, 5] = np.nan
    with pytest.raises(InvalidVectors, match="vector 1 "):
        model.assign_many(broken)
    assert model.to_state() == before


@pytest.mark.parametrize("wrong", [{"max_clusters": 0}, {"sample_size": 0}, {"window": 0}, {"halflife": 0}])
def test_a_parameter_that_leaves_no_room_is_a_configuration_error(wrong):
    with pytest.raises(ConfigurationError, match="above 0"):
        EvolvingSphericalKMeans(**wrong).learn_many(np.ones((1, 3), dtype=np.float32))


def test_before_any_document_there_is_nothing_to_resolve():
    with pytest.raises(UnknownCluster, match="nothing has been learned"):
        EvolvingSphericalKMeans().resolve(1)


@pytest.mark.parametrize("state", [b"", b"nonsense", b"\x80"])
def test_bytes_that_are_no_state_are_refused(state):
    with pytest.raises(InvalidState, match="cannot be read"):
        EvolvingSphericalKMeans.from_state(state)


@settings(max_examples=40, deadline=None)
@given(
    data=st.lists(
        st.integers(1, 4).flatmap(
            lambda d: arrays.arrays(
                np.float32, (d * 12, 3), elements=st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-20, 1e20])
            )
        ),
        min_size=1,
        max_size=12,
    ),
    max_clusters=st.integers(1, 5),
)
def test_whatever_comes_ids_resolve_shares_sum_to_one_and_nothing_is_nan(data, max_clusters):
    model = EvolvingSphericalKMeans(max_clusters=max_clusters, halflife=40, sample_size=48)
    returned = set()
    ended = set()
    for batch in data:
        ids, cosines = model.assign_many(batch)
        returned |= set(ids.tolist())
        for event in model.drain_events():
            ended |= (
                {event.cluster_id} if event.event == "death" else set(event.parents) - set(event.children)
            )
        sizes = model.sizes()
        assert np.all(np.isfinite(cosines))
        assert np.all(np.isfinite(model.centroids()[1]))
        assert 1 <= len(sizes) <= max_clusters
        assert not ended & set(sizes)
        assert {model.resolve(cluster_id) for cluster_id in returned | ended} <= set(sizes)
        assert sum(sizes.values()) > 0
        assert np.isclose(sum(size / sum(sizes.values()) for size in sizes.values()), 1)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(0, 300),
    dimension=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_any_dimension_and_batch_size_gives_one_finite_answer_a_document(size, dimension, seed):
    model = EvolvingSphericalKMeans()
    vectors = np.random.default_rng(seed).standard_normal((size, dimension)).astype(np.float32)
    for batch in (vectors, vectors[:1], vectors[:0], vectors):
        ids, cosines = model.assign_many(batch)
        assert ids.shape == cosines.shape == (len(batch),)
        assert np.all(np.isfinite(cosines))
