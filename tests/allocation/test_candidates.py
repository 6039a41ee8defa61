from uuid import UUID

import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.candidates import Candidates
from equal_stream.allocation.pages import SIZE
from equal_stream.allocation.quantise import quantise, restore

from .world import unit

D = 16
BURDENS = np.full(64, 50, np.float32)


def name(number):
    """The id of a passage."""
    return str(UUID(int=number))


def fill(count, limit=10_000):
    table, rng = Candidates(D, limit), np.random.default_rng(0)
    for number in range(count):
        vector = unit(rng.standard_normal(D))
        table.add(name(number), "d", "u", vector, tokens=100, text_bytes=number, cluster=number % 3)
    return table


def evaluate_due(table, gain=1.0):
    rows = table.due(10, 400)
    table.evaluated(rows, np.full(len(rows), gain, np.float32), BURDENS)
    return rows.tolist()


def test_a_quantised_vector_is_almost_the_vector():
    rng = np.random.default_rng(0)
    vectors = np.array([unit(v) for v in rng.standard_normal((200, 384))])
    back = restore(*quantise(vectors))
    assert np.abs((back @ vectors[:50].T) - vectors @ vectors[:50].T).max() < 0.004


def test_zero_vectors_stay_zero():
    assert not restore(*quantise(np.zeros((2, D), np.float32))).any()


def test_rows_are_used_again_and_hold_nothing_of_the_passage_before():
    table = fill(3000)
    row = table.rows[name(1234)]
    table.gain[row] = 5
    table.remove(row)
    assert name(1234) not in table.rows
    again = table.add(name(90_001), "d2", "u2", unit(np.ones(D)), tokens=1, text_bytes=2, cluster=9)
    assert again == row
    assert (table.gain[row], table.tokens[row], table.clusters[row], table.ids[row]) == (
        0,
        1,
        9,
        name(90_001),
    )
    assert table.height == 3000


def test_only_waiting_passages_of_an_affordable_size_are_offered():
    table = fill(10)
    table.take(4)
    assert table.waiting_rows(5).tolist() == [0, 1, 2, 3, 5]


def test_new_passages_come_first_and_the_round_reaches_every_row():
    table = fill(1000)
    assert set(evaluate_due(table)) >= set(range(400))
    seen = set()
    while table.unseen:
        evaluate_due(table)
    for _ in range(10):
        seen |= set(evaluate_due(table))
    assert seen == set(range(1000))
    assert len(evaluate_due(table)) <= SIZE


def test_when_gains_are_outdated_the_round_hurries_until_all_were_seen():
    table = fill(1000)
    while table.unseen:
        evaluate_due(table)
    table.outdate()
    seen = [set(evaluate_due(table)) for _ in range(5)]
    assert set.union(*seen[:3]) == set(range(1000))
    assert len(seen[4]) <= SIZE


def test_the_least_valuable_leave_first_and_those_never_evaluated_last():
    table = fill(100)
    table.evaluated(np.arange(100), np.arange(100, dtype=np.float32), BURDENS)
    table.add(name(90_001), "d", "u", unit(np.ones(D)), tokens=1, text_bytes=2, cluster=0)
    assert set(table.least_valuable(10)) == set(range(10))


def test_moving_a_cluster_moves_waiting_and_bought_alike():
    table = fill(9)
    table.take(0)
    assert table.move(0, 2) == 2
    assert (table.clusters[:9] == 2).sum() == 6


def test_state_continues_exactly():
    table = fill(50)
    table.due(5, 20)
    table.remove(7)
    copy = Candidates(D, 10_000)
    copy.load_state(saved.load(saved.dump(table.to_state())))
    for each in (table, copy):
        each.add(name(90_001), "d", "u", unit(np.ones(D)), tokens=1, text_bytes=2, cluster=0)
        each.add(name(90_002), "d", "u", unit(np.ones(D)), tokens=1, text_bytes=2, cluster=0)
    assert [copy.ids[row] for row in copy.rows.values()] == [table.ids[row] for row in table.rows.values()]
    assert [copy.document(row) for row in range(40)] == [table.document(row) for row in range(40)]
    assert np.array_equal(copy.due(5, 20), table.due(5, 20))
    assert copy.vectors(np.arange(5)) == pytest.approx(table.vectors(np.arange(5)))


def test_rows_used_again_and_again_before_any_is_evaluated_wait_for_it_once() -> None:
    table = Candidates(2, 10)
    for number in range(100):
        row = table.add(name(number), "d", "u", unit(np.array([1.0, 0.0])), tokens=1, text_bytes=1, cluster=0)
        if number < 99:
            table.remove(row)
    assert evaluate_due(table) == [0]
    assert table.unseen == 0
