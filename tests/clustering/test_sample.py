"""The ring of recent documents keeps the newest, with their clusters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.clustering.sample import RecentSample


@given(sizes=st.lists(st.integers(0, 12), max_size=20))
def test_it_holds_the_newest_documents_of_each_cluster_newest_first(sizes):
    sample = RecentSample(size=7, dimension=1)
    everything = np.arange(sum(sizes), dtype=np.float32)
    start = 0
    for size in sizes:
        values = everything[start : start + size]
        sample.add(values[:, None], values.astype(np.int64) % 3)
        start += size
    newest = everything[-7:] if len(everything) else everything
    for tag in range(3):
        expected = newest[newest.astype(int) % 3 == tag][::-1]
        positions = sample.positions(tag)
        assert sample.rows[positions, 0].tolist() == expected.tolist()
        assert sample.count(tag) == len(expected)
        assert sample.positions(tag, limit=1).tolist() == positions[:1].tolist()


def test_the_documents_of_an_ended_cluster_go_to_its_heir():
    sample = RecentSample(size=8, dimension=2)
    sample.add(np.ones((5, 2), dtype=np.float32), np.array([1, 2, 1, 2, 3]))
    sample.retag(2, 3)
    assert sample.count(2) == 0
    assert sample.count(3) == 3
