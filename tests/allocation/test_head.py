"""The alignment head moves passages to where their pairs lie, and serves only while it predicts better."""

import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.head import AlignmentHead

from .world import unit

DIMENSION = 24


def rotation(seed=0):
    """An orthogonal map that is not far from the identity."""
    rng = np.random.default_rng(seed)
    skew = rng.standard_normal((DIMENSION, DIMENSION)) * 0.25
    orthogonal, _ = np.linalg.qr(np.eye(DIMENSION) + skew - skew.T)
    return orthogonal * np.sign(np.diag(orthogonal))


def examples(count, seed=1):
    rng = np.random.default_rng(seed)
    turn = rotation()
    for _ in range(count):
        passage = unit(rng.standard_normal(DIMENSION))
        pairs = np.array([unit(passage @ turn + 0.02 * rng.standard_normal(DIMENSION)) for _ in range(3)])
        yield passage, pairs


def taught(count=400):
    head = AlignmentHead(DIMENSION)
    for passage, pairs in examples(count):
        head.learn(passage, pairs)
    head.refit()
    return head


def test_a_fitted_map_brings_passages_nearer_to_their_pairs():
    head = taught()
    held_out = list(examples(50, seed=9))
    before = np.mean([pairs @ passage for passage, pairs in held_out])
    after = np.mean([pairs @ head.mapped(passage[None])[0] for passage, pairs in held_out])
    assert after > before + 0.1


def test_it_is_the_identity_until_it_was_fitted_and_while_it_is_not_in_use():
    passage = next(iter(examples(1)))[0][None]
    np.testing.assert_array_equal(AlignmentHead(DIMENSION).mapped(passage), passage)
    np.testing.assert_array_equal(taught().apply(passage), passage)


def test_few_examples_move_it_little():
    head = AlignmentHead(DIMENSION)
    for passage, pairs in examples(7):
        head.learn(passage, pairs)
    assert not head.fitted
    assert not head.refit()  # fitted now, and not in use
    assert head.fitted
    passage = unit(np.ones(DIMENSION))
    assert float(head.mapped(passage[None])[0] @ passage) > 0.98


def test_it_is_used_when_it_predicted_better_often_enough_and_dropped_when_it_no_longer_does():
    head = taught()
    for _ in range(19):
        head.compare(2.0, 1.0)
    assert not head.refit()
    assert not head.in_use
    version = head.version
    head.compare(2.0, 1.0)
    assert head.refit()
    assert head.in_use
    assert head.version > version
    for _ in range(40):
        head.compare(1.0, 3.0)
    assert head.refit()
    assert not head.in_use


def test_it_answers_alike_from_one_fit_to_the_next():
    head = taught()
    passage = unit(np.ones(DIMENSION))[None]
    plain, version = head.apply(passage), head.version
    for _ in range(25):
        head.compare(2.0, 1.0)
    np.testing.assert_array_equal(head.apply(passage), plain)
    assert head.version == version
    head.refit()
    assert (head.apply(passage) != plain).any()


def test_mapped_vectors_have_unit_length():
    head = taught()
    lengths = np.linalg.norm(head.mapped(np.array([passage for passage, _ in examples(30)])), axis=1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-5)


def test_a_passage_without_pairs_teaches_nothing():
    head = AlignmentHead(DIMENSION)
    for passage, _ in examples(100):
        head.learn(passage, np.zeros((0, DIMENSION), np.float32))
    assert not head.refit()
    assert not head.fitted


def test_a_restored_head_goes_on_exactly():
    head = taught(60)
    for _ in range(25):
        head.compare(2.0, 1.0)
    head.refit()
    assert head.in_use
    copy = AlignmentHead(DIMENSION)
    copy.load_state(saved.load(saved.dump(head.to_state())))
    for each in (head, copy):
        for passage, pairs in examples(40, seed=5):
            each.learn(passage, pairs)
        each.refit()
        each.compare(1.0, 1.5)
    vectors = np.array([passage for passage, _ in examples(5, seed=6)])
    np.testing.assert_array_equal(head.apply(vectors), copy.apply(vectors))
    assert head.in_use == copy.in_use
