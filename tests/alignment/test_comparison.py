"""How sure a difference is."""

import numpy as np

from equal_stream.alignment.comparison import compare


def test_what_does_not_differ_differs_by_exactly_nothing() -> None:
    values = np.random.default_rng(0).random(50)
    found = compare(values, values, [str(n) for n in range(50)])
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(60):
        before = rng.random(80)
        after = before + rng.normal(0.1, 0.5, 80)
        found = compare(before, after, [str(n) for n in range(80)], seed)
        covered += found.low <= 0.1 <= found.high
        assert found.low < found.difference < found.high
    assert covered >= 52


def test_passages_of_one_document_are_not_taken_for_independent() -> None:
    rng = np.random.default_rng(2)
    after = np.repeat(rng.normal(0, 1, 10), 20)
    before = np.zeros(200)
    alone = compare(before, after, [str(n) for n in range(200)])
    together = compare(before, after, [str(n // 20) for n in range(200)])
    assert together.high - together.low > 3 * (alone.high - alone.low)
