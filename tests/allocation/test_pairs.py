import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.pairs import PublishedPairs

from .world import unit

D = 16
E = np.eye(D, dtype=np.float32)


def test_a_question_is_asked_once_however_it_is_written():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "What is  water?", E[0], 0.0)
    assert pairs.repeats("b", "what is WATER", E[1]) == "duplicate-question"
    assert pairs.repeats("b", "What is ice?", E[1]) is None


def test_a_near_copy_of_a_recent_pair_is_refused_and_a_neighbour_is_not():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0], 0.0)
    assert pairs.repeats("b", "two", unit(E[0] + 0.1 * E[1])) == "near-copy"
    assert pairs.repeats("b", "two", unit(E[0] + 0.5 * E[1])) is None


def test_a_passage_takes_its_pairs_and_questions_with_it():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0], 0.0)
    pairs.add("b", "p1", "two", E[1], 0.0)
    pairs.add("c", "p2", "three", E[2], 0.0)
    ids, vectors, _ = pairs.withdraw("p1")
    assert ids == ["a", "b"]
    assert vectors == pytest.approx(E[:2], abs=1e-2)
    assert pairs.repeats("d", "one", E[0]) is None
    assert "c" in pairs
    assert pairs.withdraw("p1")[0] == []


def test_one_pair_can_be_withdrawn_alone():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0], 0.0)
    pairs.add("b", "p1", "two", E[1], 0.0)
    assert len(pairs.withdraw_pair("a")[0]) == 1
    assert len(pairs.withdraw_pair("a")[0]) == 0
    assert pairs.withdraw("p1")[0] == ["b"]


def test_blocks_hold_every_published_vector_and_zeros_for_what_left():
    pairs = PublishedPairs(D)
    for number in range(9000):
        pairs.add(str(number), f"p{number}", str(number), E[number % D], 0.0)
    pairs.withdraw("p5")
    total = sum(vectors.sum(axis=0) for vectors, _ in pairs.blocks())
    assert total.sum() == pytest.approx(8999, rel=1e-3)


def test_state_continues_exactly():
    pairs, copy = PublishedPairs(D), PublishedPairs(D)
    for number in range(5000):
        pairs.add(str(number), f"p{number // 2}", str(number), E[number % D], 0.0)
    pairs.withdraw("p7")
    copy.load_state(saved.load(saved.dump(pairs.to_state())))
    assert copy.withdraw("p9")[0] == pairs.withdraw("p9")[0]
    assert len(copy) == len(pairs)
    for question, vector in (("15", E[0]), ("20", E[0]), ("new", E[3]), ("new", unit(E[3] + E[4]))):
        assert copy.repeats("x", question, vector) == pairs.repeats("x", question, vector)
    for mine, theirs in zip(copy.blocks(), pairs.blocks(), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_a_withdrawn_pair_tells_when_it_was_published():
    pairs = PublishedPairs(D)
    pairs.add("a", "p1", "one", E[0], 5.0)
    pairs.add("b", "p1", "two", E[1], 7.0)
    pairs.add("c", "p2", "three", E[2], 9.0)
    assert pairs.withdraw("p1")[2].tolist() == [5, 7]
    assert pairs.withdraw_pair("c")[1].tolist() == [9]
    assert pairs.withdraw_pair("c")[1].tolist() == []


def test_the_latest_pairs_of_a_target_are_those_published_last_in_whatever_order_they_came():
    pairs = PublishedPairs(D)
    for number in (3, 0, 4, 1, 2):
        pairs.add(str(number), f"p{number}", str(number), E[number], 10.0 + number)
        pairs.attribute(str(number), "t")
    pairs.add("other", "q", "other", E[9], 99.0)
    pairs.attribute("other", "u")
    latest = pairs.latest("t", 2)
    assert sorted(latest.argmax(axis=1)) == [3, 4]
    assert np.linalg.norm(latest, axis=1) == pytest.approx(1)
    assert (pairs.held_for("t"), pairs.held_for("u"), pairs.held_for("none")) == (5, 1, 0)
    assert len(pairs.latest("none", 2)) == 0


def test_withdrawn_pairs_belong_to_no_target_any_more():
    pairs, copy = PublishedPairs(D), PublishedPairs(D)
    for number in range(4):
        pairs.add(str(number), f"p{number}", str(number), E[number], float(number))
        pairs.attribute(str(number), "tu"[number % 2])
    pairs.withdraw("p2")
    pairs.add("new", "p9", "new", E[5], 9.0)  # takes the free row, and is attributed to nobody yet
    copy.load_state(saved.load(saved.dump(pairs.to_state())))
    for each in (pairs, copy):
        assert (each.held_for("t"), each.held_for("u")) == (1, 2)
        assert each.latest("t", 9).argmax(axis=1).tolist() == [0]
