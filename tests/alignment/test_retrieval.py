"""Ranks and what they are worth."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.alignment.retrieval import by_passage, measures, ranks


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_another_pair_of_the_same_passage_is_no_wrong_answer() -> None:
    passages = unit(np.array([[1.0, 0.0], [0.0, 1.0]]))
    pairs = unit(np.array([[1.0, 0.01], [1.0, 0.9], [0.8, 1.0]]))
    found = ranks(passages, pairs, np.array([0, 0, 1]))
    assert found.pair.tolist() == [1, 1, 1]  # the second is behind the first of its own passage only
    assert found.passage.tolist() == [1, 1, 1]


def test_a_tie_is_lost() -> None:
    same = unit(np.array([[1.0, 0.0], [1.0, 0.0]]))
    found = ranks(same, same, np.array([0, 1]))
    assert found.pair.tolist() == [2, 2]
    assert found.passage.tolist() == [2, 2]


@given(st.integers(0, 1_000), st.integers(1, 40), st.integers(1, 5))
def test_ranks_are_what_sorting_gives(seed: int, count: int, pairs_each: int) -> None:
    rng = np.random.default_rng(seed)
    passages = unit(rng.normal(size=(count, 6)))
    owners = np.repeat(np.arange(count), pairs_each)
    pairs = unit(rng.normal(size=(len(owners), 6)))
    found = ranks(passages, pairs, owners)
    for number, owner in enumerate(owners):
        asked = np.flatnonzero((owners != owner) | (np.arange(len(owners)) == number))
        order = asked[np.argsort(-(pairs[asked] @ passages[owner]))]
        assert found.pair[number] == 1 + order.tolist().index(number)
        nearest = np.argsort(-(passages @ pairs[number])).tolist()
        assert found.passage[number] == 1 + nearest.index(owner)


def test_every_passage_counts_alike_however_many_pairs_it_has() -> None:
    found = measures(np.array([1, 2, 4, 20]))
    assert found["mrr"].tolist() == [1.0, 0.5, 0.25, 0.05]
    assert found["recall_at_1"].tolist() == [1, 0, 0, 0]
    assert found["recall_at_5"].tolist() == [1, 1, 1, 0]
    assert by_passage(found["recall_at_5"], np.array([0, 0, 0, 1])).tolist() == [1.0, 0.0]
