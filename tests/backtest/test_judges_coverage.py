import numpy as np
import pytest

from equal_stream.allocation.background import PRIOR
from equal_stream.backtest.judges.base import Judged
from equal_stream.backtest.judges.coverage import CoverageJudge

E = np.eye(4, dtype=np.float32)


def judge(vectors, references, background):
    texts = ["-"] * len(vectors)
    unseen = [("-", "-")] * len(references)
    return CoverageJudge(Judged(texts, texts, vectors, unseen, references, background))


def test_copies_of_a_reference_are_worth_log_two_then_log_three_and_others_nothing():
    coverage = judge(E[[0, 0, 1]], E[:1], np.zeros((0, 4), np.float32))
    assert coverage.values([[0], [1], [2]]) == pytest.approx(np.log([2, 3, 3]))


def test_every_reference_counts_alike():
    coverage = judge(E[:2], E[[0, 1, 2, 3]], np.zeros((0, 4), np.float32))
    assert coverage.values([[0], [1]]) == pytest.approx([np.log(2) / 4, np.log(2) / 2])


def test_relevance_begins_where_ordinary_passages_end():
    leaning = np.array([[0.6, 0.8, 0, 0]], np.float32)
    unlike, alike = (np.repeat(vectors, 2000, axis=0) for vectors in (E[3:], leaning))
    assert judge(leaning, E[:1], unlike).values([[0]])[0] > np.log1p((0.6 - PRIOR) / (1 - PRIOR))
    assert judge(leaning, E[:1], alike).values([[0]])[0] == pytest.approx(0, abs=0.03)


def test_many_pairs_are_added_up_block_by_block():
    many = np.repeat(E[:1], 9000, axis=0)
    coverage = judge(many, E[:1], np.zeros((0, 4), np.float32))
    assert coverage.values([range(9000)]) == pytest.approx([np.log(9001)])
