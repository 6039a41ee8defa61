import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.pairs import PublishedPairs

from .world import unit

D = 16
E = np.eye(D, dtype=np.float32)


def test_a_question_is_asked_once_however_it_is_written():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "What is  water?", E[0])
    assert pairs.repeats("b", "what is WATER", E[1]) == "duplicate-question"
    assert pairs.repeats("b", "What is ice?", E[1]) is None


def test_a_near_copy_of_a_recent_pair_is_refused_and_a_neighbour_is_not():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0])
    assert pairs.repeats("b", "two", unit(E[0] + 0.1 * E[1])) == "near-copy"
    assert pairs.repeats("b", "two", unit(E[0] + 0.5 * E[1])) is None


def test_a_passage_takes_its_pairs_and_questions_with_it():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0])
    pairs.add("b", "p1", "two", E[1])
    pairs.add("c", "p2", "three", E[2])
    ids, vectors = pairs.withdraw("p1")
    assert ids == ["a", "b"]
    assert vectors == pytest.approx(E[:2], abs=1e-2)
    assert pairs.repeats("d", "one", E[0]) is None
    assert "c" in pairs
    assert pairs.withdraw("p1")[0] == []


def test_one_pair_can_be_withdrawn_alone():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0])
    pairs.add("b", "p1", "two", E[1])
    assert len(pairs.withdraw_pair("a")) == 1
    assert len(pairs.withdraw_pair("a")) == 0
    assert pairs.withdraw("p1")[0] == ["b"]


def test_blocks_hold_every_published_vector_and_zeros_for_what_left():
    pairs = PublishedPairs(D)
    for number in range(9000):
        pairs.add(str(number), f"p{number}", str(number), E[number % D])
    pairs.withdraw("p5")
    total = sum(block.sum(axis=0) for block in pairs.blocks())
    assert total.sum() == pytest.approx(8999, rel=1e-3)


def test_state_continues_exactly():
    pairs, copy = PublishedPairs(D), PublishedPairs(D)
    for number in range(5000):
        pairs.add(str(number), f"p{number // 2}", str(number), E[number % D])
    pairs.withdraw("p7")
    copy.load_state(saved.load(saved.dump(pairs.to_state())))
    assert copy.withdraw("p9")[0] == pairs.withdraw("p9")[0]
    assert len(copy) == len(pairs)
    for question, vector in (("15", E[0]), ("20", E[0]), ("new", E[3]), ("new", unit(E[3] + E[4]))):
        assert copy.repeats("x", question, vector) == pairs.repeats("x", question, vector)
    for row, (a, b) in enumerate(zip(copy.blocks(), pairs.blocks(), strict=True)):
        assert np.array_equal(a, b), row
