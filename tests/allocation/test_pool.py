import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.allocation.cost import CostModel
from equal_stream.allocation.policy.calibrated import Calibrated
from equal_stream.allocation.pool import Pool
from equal_stream.messages import ClusterEvent

from .world import DIMENSION, PRICING, START, passage, passage_id

VECTOR = np.eye(DIMENSION, dtype=np.float32)[0]


def event(kind, cluster, parents=(), children=()):
    return ClusterEvent(
        event=kind, cluster_id=cluster, parents=list(parents), children=list(children), size=1, at=START
    )


def make_pool(clusters=(1, 1, 1, 2, 2, 3), limit=1000):
    pool = Pool(DIMENSION, limit, Calibrated(), CostModel(PRICING, 200))
    for number, cluster in enumerate(clusters):
        pool.add(passage(str(number), VECTOR, cluster=cluster), VECTOR, 100)
    return pool


def waiting(pool):
    return {int(pool.arms.ids[row]): int(pool.arms.waiting[row]) for row in pool.arms.rows.values()}


def taught(pool, cluster, ratio, times=20):
    for _ in range(times):
        pool._policy.update(pool.arm_of(cluster), 1.0, ratio)
    return pool


def believed(pool, cluster):
    return pool._policy.posterior(pool.arm_of(cluster))


def test_a_merge_moves_waiting_passages_and_evidence_to_the_survivor():
    pool = taught(make_pool(), 2, 0.0)
    pool.apply(event("merge", 1, parents=[1, 2], children=[1]))
    assert waiting(pool) == {1: 5, 3: 1}
    assert believed(pool, 1) < 0.5


def test_a_message_that_still_names_an_ended_cluster_reaches_its_survivor():
    pool = make_pool()
    pool.apply(event("merge", 1, parents=[1, 2], children=[1]))
    pool.add(passage("late", VECTOR, cluster=2), VECTOR, 100)
    assert waiting(pool) == {1: 6, 3: 1}


def test_a_merge_into_a_cluster_never_heard_of_moves_everything_there():
    pool = make_pool()
    pool.apply(event("merge", 9, parents=[1, 2], children=[9]))
    assert waiting(pool) == {9: 5, 3: 1}


def test_the_dead_leave_their_passages_to_the_heir():
    pool = make_pool()
    pool.apply(event("death", 3, children=[2]))
    assert waiting(pool) == {1: 3, 2: 3}


def test_without_an_heir_a_dead_cluster_stays_while_passages_wait_in_it():
    pool = make_pool()
    pool.apply(event("death", 3))
    assert waiting(pool) == {1: 3, 2: 2, 3: 1}
    pool.remove(pool.candidates.rows[passage_id("5")])
    assert waiting(pool) == {1: 3, 2: 2}


def test_children_of_a_split_inherit_what_their_parent_has_shown():
    pool = taught(taught(make_pool(), 1, 0.1), 2, 1.0)
    pool.apply(event("split", 1, parents=[1], children=[1, 8]))
    assert believed(pool, 8) == pytest.approx(believed(pool, 1), abs=0.15)
    assert waiting(pool)[1] == 3


def test_when_the_parent_ends_in_a_split_its_passages_wait_under_a_child():
    pool = make_pool()
    pool.apply(event("split", 1, parents=[1], children=[8, 9]))
    assert waiting(pool) == {8: 3, 2: 2, 3: 1, 9: 0}


def test_an_event_told_twice_changes_nothing_more():
    pool = taught(make_pool(), 1, 0.1)
    events = [
        event("split", 1, parents=[1], children=[1, 8]),
        event("merge", 2, parents=[2, 3], children=[2]),
        event("death", 8, children=[2]),
    ]
    for each in events:
        pool.apply(each)
    before, belief = waiting(pool), believed(pool, 2)
    for each in events[1:]:
        pool.apply(each)
    assert waiting(pool) == before
    assert believed(pool, 2) == belief


def test_a_passage_told_again_under_another_cluster_moves_there():
    pool = make_pool()
    pool.reassign(pool.candidates.rows[passage_id("0")], 3)
    assert waiting(pool) == {1: 2, 2: 2, 3: 2}


def test_a_full_table_lets_the_least_valuable_go_and_says_how_many():
    pool = make_pool(clusters=[1] * 200, limit=200)
    pool.candidates.evaluated(
        np.arange(200), np.arange(200, dtype=np.float32), np.ones(pool.arms.height, np.float32)
    )
    assert pool.add(passage("new", VECTOR, cluster=4), VECTOR, 100) == 2
    assert passage_id("0") not in pool.candidates.rows
    assert waiting(pool) == {1: 198, 4: 1}


def counts_agree(pool):
    table, arms = pool.candidates, pool.arms
    for row in arms.rows.values():
        mine = table.taken[: table.height] & (table.clusters[: table.height] == row)
        waits = int((mine & table.waiting[: table.height]).sum())
        assert waits == arms.waiting[row]
        assert int(mine.sum()) - waits == arms.in_flight[row]
    assert sum(arms.waiting) + sum(arms.in_flight) == len(table)


ids = st.integers(0, 6)
steps = st.one_of(
    st.tuples(st.just("add"), ids),
    st.tuples(st.just("take"), ids),
    st.tuples(st.just("put back"), ids),
    st.tuples(st.just("remove"), ids),
    st.tuples(st.just("reassign"), ids, ids),
    st.tuples(st.just("merge"), ids, ids),
    st.tuples(st.just("death"), ids, st.none() | ids),
    st.tuples(st.just("split"), ids, ids, ids),
)


@given(st.lists(steps, max_size=40))
@settings(deadline=None, max_examples=150)
def test_counts_agree_with_the_table_after_any_history(history):
    pool = make_pool()
    for number, (kind, first, *rest) in enumerate(history):
        rows = [r for r in pool.candidates.rows.values() if pool.candidates.clusters[r] % 7 == first]
        free = [r for r in rows if pool.candidates.waiting[r]]
        flying = [r for r in rows if not pool.candidates.waiting[r]]
        if kind == "add":
            pool.add(passage(f"n{number}", VECTOR, cluster=first), VECTOR, 10)
        elif kind == "take" and free:
            pool.take(free[0])
        elif kind == "put back" and flying:
            pool.put_back(flying[0])
        elif kind == "remove" and rows:
            pool.remove(rows[0])
        elif kind == "reassign" and rows:
            pool.reassign(rows[0], rest[0])
        elif kind == "merge":
            pool.apply(event("merge", rest[0], parents=[first, rest[0]], children=[rest[0]]))
        elif kind == "death":
            pool.apply(event("death", first, children=[c for c in rest if c is not None]))
        elif kind == "split":
            pool.apply(event("split", first, parents=[first], children=[rest[0], rest[1]]))
        counts_agree(pool)
