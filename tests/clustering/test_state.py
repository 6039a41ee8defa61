"""A saved clusterer is small, readable by its own version only, and never a pickle."""

import msgspec
import pytest

from equal_stream.clustering.base import InvalidState
from equal_stream.clustering.evolving import EvolvingSphericalKMeans
from equal_stream.clustering.registry import CLUSTERERS, make_clusterer

from .topics import mixture


def test_the_state_takes_four_bytes_a_coordinate_of_what_is_kept():
    vectors, _ = mixture(topics=4, documents=3000, dimension=32)
    model = EvolvingSphericalKMeans(sample_size=1024)
    model.learn_many(vectors)
    kept = 4 * 32 * (1024 + 512 + 2 * model.n_clusters)
    assert len(model.to_state()) < kept + 8 * (1024 + 512) + 4096


@pytest.mark.parametrize("name", CLUSTERERS)
def test_a_state_of_another_format_is_refused_by_name(name):
    made = make_clusterer(name, max_clusters=3)
    saved = msgspec.msgpack.decode(made.to_state())
    saved["format"] = "equal-stream/clusters/99"
    with pytest.raises(InvalidState, match="clusters/99"):
        type(made).from_state(msgspec.msgpack.encode(saved))


@pytest.mark.parametrize("name", CLUSTERERS)
def test_a_truncated_state_is_refused(name):
    made = make_clusterer(name, max_clusters=3)
    made.learn_many(mixture(topics=2, documents=50)[0])
    with pytest.raises(InvalidState, match="cannot be read"):
        type(made).from_state(made.to_state()[:-20])


def test_parameters_come_back_with_the_state():
    model = EvolvingSphericalKMeans(max_clusters=9, max_share=0.2, first_id=70, seed=5)
    assert repr(EvolvingSphericalKMeans.from_state(model.to_state())) == repr(model)
