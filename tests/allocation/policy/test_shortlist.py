import numpy as np
import pytest

from equal_stream.allocation.budget import Allowance
from equal_stream.allocation.policy.checks import buy, example_market
from equal_stream.allocation.policy.registry import make_policy
from equal_stream.allocation.policy.shortlist import Shortlist


def ones(market):
    return np.ones(market.arms.height, np.float32)


def exhaustive_greedy(market, limit):
    """The value bought when every passage is evaluated anew before every pick."""
    total = 0.0
    for _ in range(limit):
        rows = market.open_rows()
        gains = market.gains(market.expected(rows))
        best = int(np.argmax(gains / market.effort(rows)))
        total += float(gains[best])
        market.candidates.waiting[rows[best]] = False
        market.buy(int(rows[best]), float(gains[best]), 1.0)
    return total


@pytest.mark.parametrize("seed", range(3))
def test_evaluating_few_is_as_good_as_evaluating_all(seed):
    exact = exhaustive_greedy(example_market(passages=2000, seed=seed), 60)
    lazy = sum(choice.gain for choice in buy(make_policy("retrieval"), example_market(2000, seed), 60))
    assert lazy > 0.98 * exact


def test_the_first_pick_is_the_best_of_all():
    market = example_market(passages=2000)
    rows = market.open_rows()
    values = market.gains(market.expected(rows)) / market.effort(rows)
    pick = Shortlist(market, ones(market)).best(ones(market))
    assert pick.row == rows[np.argmax(values)]
    assert pick.value == pytest.approx(values.max(), rel=1e-4)


def test_a_passage_that_can_no_longer_be_paid_for_is_passed_over():
    market = example_market()
    shortlist = Shortlist(market, ones(market))
    first = shortlist.best(ones(market))
    size = int(market.candidates.bytes[first.row])
    tokens, amount = market.cost.bound(size - 1)
    market.afford(Allowance(amount, tokens))
    second = shortlist.best(ones(market))
    assert second.row != first.row
    assert market.candidates.bytes[second.row] < size


def test_sampling_reaches_passages_that_are_not_listed():
    market = example_market(passages=2000)
    shortlist = Shortlist(market, ones(market))
    drawn = {shortlist.sample() for _ in range(3000)}
    assert len(drawn) > 1200
    assert len(shortlist) == 2000
