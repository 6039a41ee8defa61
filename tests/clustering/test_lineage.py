"""The forward map resolves every id ever issued, whatever the order in which clusters end."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.clustering.base import LineageEvent, UnknownCluster
from equal_stream.clustering.lineage import Lineage, LineageState


def test_ids_count_up_from_the_first_and_resolve_to_themselves():
    lineage = Lineage(first_id=40)
    assert [lineage.issue() for _ in range(200)] == list(range(40, 240))
    assert lineage.resolve(40) == 40
    assert lineage.resolve(239) == 239


def test_an_ended_cluster_resolves_to_the_heir_of_its_heir():
    lineage = Lineage()
    a, b, c = (lineage.issue() for _ in range(3))
    lineage.end(a, b)
    lineage.end(b, c)
    assert [lineage.resolve(x) for x in (a, b, c)] == [c, c, c]


@pytest.mark.parametrize("unknown", [0, 2, -5])
def test_an_id_that_was_never_issued_is_refused(unknown):
    lineage = Lineage()
    lineage.issue()
    with pytest.raises(UnknownCluster, match=f"cluster {unknown} was never issued"):
        lineage.resolve(unknown)


def test_events_are_drained_once_in_order():
    lineage = Lineage()
    first = LineageEvent("birth", 1, (), (), 1.0, 0)
    second = LineageEvent("death", 1, (), (2,), 1.0, 9)
    lineage.record(first)
    lineage.record(second)
    assert lineage.drain() == [first, second]
    assert lineage.drain() == []


@given(choices=st.lists(st.tuples(st.booleans(), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=200))
def test_after_any_history_every_id_resolves_to_a_live_one_and_survives_the_state(choices):
    lineage = Lineage()
    issued, live = [], []
    for opens, first, second in choices:
        if opens or len(live) < 2:
            issued.append(lineage.issue())
            live.append(issued[-1])
        else:
            ended = live.pop(first % len(live))
            lineage.end(ended, live[second % len(live)])
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(lineage.to_state()), type=LineageState)
    restored = Lineage.from_state(saved)
    for cluster_id in issued:
        assert lineage.resolve(cluster_id) in live
        assert restored.resolve(cluster_id) == lineage.resolve(cluster_id)
    assert len(set(issued)) == len(issued)
    assert restored.issue() not in issued
