"""The core tells its policy what every billed ticket brought, once."""

import numpy as np
import pytest

from equal_stream.allocation.policy.random import Random
from tests.allocation.world import DIMENSION, START, World, answered, ended, make_core, pair, unit


class Listening(Random):
    """Notes what it is told."""

    def __init__(self):
        super().__init__()
        self.told = []

    def extracted(self, arm, vectors):
        self.told.append((arm, vectors))


def listening_core():
    core = World(topics=3, passages=4).fill(make_core(policy="random"))
    core.holdings.policy = core.holdings.pool._policy = Listening()
    return core


def direction(place):
    return np.eye(DIMENSION, dtype=np.float32)[place]


def test_an_answer_is_told_with_the_vectors_of_its_published_pairs():
    core = listening_core()
    one, two = (r.ticket for r in core.choose(2, START))
    found = [pair("a", direction(0)), pair("b", unit(direction(0) + direction(1))), pair("A?", direction(5))]
    core.settle(one, answered(one, [*found, pair("b", direction(7))]), START)
    core.settle(two, answered(two, []), START)
    (arm, vectors), (other, nothing) = core.holdings.policy.told
    assert arm == core.holdings.pool.arm_of(one.cluster_id)
    assert other == core.holdings.pool.arm_of(two.cluster_id)
    assert vectors.dtype == nothing.dtype == np.float32
    assert vectors == pytest.approx(
        np.stack([np.frombuffer(p.vector, np.float32) for p in found[:2]]), abs=1e-6
    )
    assert nothing.shape == (0, DIMENSION)


def test_a_failure_is_told_as_nothing_when_it_was_billed_and_not_at_all_otherwise():
    core = listening_core()
    billed, unsent, unknown, dropped, gone = (r.ticket for r in core.choose(5, START))
    core.settle(billed, ended(billed, "failed", tokens_in=40), START)
    core.settle(unsent, ended(unsent, "unsent"), START)
    core.settle(unknown, ended(unknown, "unknown", usage_known=False), START)
    core.drop(dropped, "shutting down", START)
    core.remove_passages([gone.passage_id])
    core.settle(gone, answered(gone, [pair("q", direction(0))]), START)
    assert [vectors.shape for _, vectors in core.holdings.policy.told] == [(0, DIMENSION)]


def test_on_replay_pairs_are_told_one_by_one_empty_tickets_at_once_and_nothing_twice():
    core, fresh = listening_core(), listening_core()
    tickets = [r.ticket for r in core.choose(2, START)]
    found = [pair("a", direction(0)), pair("b", direction(1))]
    settled = [
        core.settle(tickets[0], answered(tickets[0], found), START),
        core.settle(tickets[1], answered(tickets[1], []), START),
    ]
    for _ in range(2):
        for each in settled:
            fresh.replay_outcome(each.outcome)
            core.replay_outcome(each.outcome)
        for published, made in zip(settled[0].pairs, found, strict=True):
            fresh.replay_pair(published, np.frombuffer(made.vector, np.float32))
            core.replay_pair(published, np.frombuffer(made.vector, np.float32))
    assert [len(vectors) for _, vectors in fresh.holdings.policy.told] == [0, 1, 1]
    assert [len(vectors) for _, vectors in core.holdings.policy.told] == [2, 0]
