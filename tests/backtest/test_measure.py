from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.backtest.judges.base import Judge
from equal_stream.backtest.measure import SHARES, Curve, cost_to, measure, over_time, share_of
from equal_stream.backtest.replay import Replay


class CountingJudge(Judge):
    """A pair is worth 1."""

    name: ClassVar[str] = "count"

    def __init__(self):
        pass

    def values(self, groups):
        seen, values = set(), []
        for group in groups:
            seen |= set(group)
            values.append(float(len(seen)))
        return np.array(values)


def bought(*counts, ticks=None, price=10):
    """A replay of tickets with so many pairs each."""
    rows = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1]) if counts else []
    spent = np.arange(1, len(counts) + 1) * price
    at = np.zeros(len(counts), np.intp) if ticks is None else np.array(ticks, np.intp)
    return Replay(spent.astype(np.int64), [row.tolist() for row in rows], at, 0.0)


def curve(*counts, full=10.0):
    return measure(bought(*counts), [CountingJudge()], {"count": full})


@given(counts=st.lists(st.integers(0, 4), max_size=600))
def test_a_curve_begins_with_nothing_ends_with_everything_and_never_goes_back(counts):
    found = curve(*counts)
    assert (found.tokens[0], found.pairs[0], found.tickets[0], found.shares["count"][0]) == (0, 0, 0, 0)
    assert (found.tokens[-1], found.pairs[-1], found.tickets[-1]) == (
        10 * len(counts),
        sum(counts),
        len(counts),
    )
    assert (np.diff(found.tokens) > 0).all()
    assert (np.diff(found.pairs) >= 0).all()
    assert len(found.tokens) <= 241
    assert found.shares["count"] == pytest.approx(found.pairs / 10)


def test_the_first_tickets_are_all_on_the_curve():
    assert curve(*[1] * 5000).tickets[:20].tolist() == list(range(20))


@pytest.mark.parametrize(
    ("share", "cost"),
    [(0.0, 0.0), (0.05, 0.05), (0.1, 0.1), (0.35, 0.35), (0.9, 0.9), (1.0, 1.0), (1.01, None)],
)
def test_the_cost_of_a_share_lies_between_the_points_around_it(share, cost):
    assert cost_to(curve(*[1] * 10), "count", share, 100) == (cost if cost is None else pytest.approx(cost))


def test_what_is_reached_and_lost_again_was_reached():
    tokens = np.array([0, 10, 20, 30])
    shares = {"lm": np.array([0.0, 0.9, 0.4, 0.95])}
    found = Curve(tokens, tokens, tokens, shares)
    assert cost_to(found, "lm", 0.8, 100) == pytest.approx(0.1 * 8 / 9)


def test_the_contracts_shares_are_there():
    assert {"0.5", "0.8", "0.9"} <= {str(share) for share in SHARES}


@pytest.mark.parametrize("full", [0.0, 1e-12])
def test_of_nothing_there_is_no_share_and_none_is_ever_reached(full):
    found = curve(1, 1, full=full)
    assert found.shares["count"].tolist() == [0, 0, 0]
    assert all(cost_to(found, "count", share, 100) is None for share in SHARES)
    assert share_of(np.array([1e-13, 5.0]), full).tolist() == [0, 0]


def test_nothing_bought_is_a_curve_of_one_point():
    found = curve()
    assert [found.tokens.tolist(), found.pairs.tolist(), found.shares["count"].tolist()] == [[0], [0], [0]]
    assert cost_to(found, "count", 0.5, 100) is None


def test_the_average_over_time_compares_each_tick_with_what_was_possible_by_then():
    arrived = [[0, 1], [2, 3], [], [4, 5]]
    played = Replay(np.arange(3), [[0], [1, 2], [3]], np.array([0, 1, 3]), 0.0)
    assert over_time(played, CountingJudge(), arrived) == pytest.approx((1 / 2 + 3 / 4 + 3 / 4 + 4 / 6) / 4)
    assert over_time(played, CountingJudge(), arrived, 2) == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert over_time(played, CountingJudge(), arrived, 0, 1) == pytest.approx(1 / 2)


def test_ticks_before_anything_could_be_covered_do_not_count():
    assert over_time(bought(1, ticks=[2]), CountingJudge(), [[], [], [0], []]) == 1
    assert over_time(bought(0), CountingJudge(), [[]]) == 0
    assert over_time(bought(), CountingJudge(), [[], [0]]) == 0
