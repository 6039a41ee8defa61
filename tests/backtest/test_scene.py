import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.backtest.scene import Target, make_scene

from . import scenery


@given(count=st.integers(1, 30), seed=st.integers(0, 3))
def test_half_of_the_references_is_seen_and_of_a_single_one_that_one(count, seed):
    texts = [(str(number), "") for number in range(count)]
    goal = Target.split("t", texts, np.zeros((count, 2), np.float32), seed)
    assert goal.seen.sum() == (count + 1) // 2


def test_the_same_seed_draws_the_same_half_and_others_draw_others():
    texts, vectors = [("", "")] * 30, np.zeros((30, 2), np.float32)
    halves = [tuple(Target.split("t", texts, vectors, seed).seen) for seed in (0, 0, 1, 2, 3)]
    assert halves[0] == halves[1]
    assert len(set(halves)) == 4


def test_all_at_once_is_one_tick_in_an_order_of_its_seed():
    orders = [scenery.scene(seed=seed).ticks for seed in (0, 0, 1)]
    assert [len(ticks) for ticks in orders] == [1, 1, 1]
    first, again, other = (ticks[0].tolist() for ticks in orders)
    assert first == again != other
    assert sorted(first) == sorted(other) == list(range(48))


@given(documents=st.integers(1, 40), ticks=st.integers(1, 60))
def test_a_stream_brings_every_passage_once_in_order_and_evenly(documents, ticks):
    crawl = scenery.corpus(documents=documents, pairs=1)
    stream = make_scene(crawl, scenery.target(), "stream", ticks=ticks)
    assert len(stream.ticks) == min(ticks, documents)
    assert np.concatenate(stream.ticks).tolist() == list(range(len(crawl)))
    of_tick = [len(set(crawl.document_of[rows])) for rows in stream.ticks]
    assert max(of_tick) - min(of_tick) <= 1
    assert stream.arrival_ticks().tolist() == sorted(stream.arrival_ticks().tolist())


def test_full_extraction_costs_every_call_once():
    plain = scenery.scene("stream")
    assert plain.total_tokens == plain.corpus.cost.sum()
    assert plain.total_tokens == sum(sum(plain.bill(row, 0)) for row in range(len(plain.corpus)))


def test_targets_follow_each_other_in_equal_shares_of_the_time():
    goals = [scenery.target(0), scenery.target(1), scenery.target(2)]
    before = scenery.scene("stream", ticks=6)
    after = before.with_goals(goals)
    assert after.targets.tolist() == [0, 0, 1, 1, 2, 2]
    assert after.goals == goals
    assert before.targets.tolist() == [0] * 6


@pytest.mark.parametrize("goals", [0, 2])
def test_more_targets_than_ticks_and_none_at_all_are_refused(goals):
    with pytest.raises(ValueError, match="cannot follow each other in 1 ticks"):
        scenery.scene().with_goals([scenery.target()] * goals)
