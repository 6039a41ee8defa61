from uuid import UUID

import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.budget import Allowance
from equal_stream.allocation.policy.checks import buy, example_market
from equal_stream.allocation.policy.registry import make_policy
from equal_stream.allocation.policy.shortlist import Shortlist
from equal_stream.allocation.quantise import unit


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
        market.candidates.take(int(rows[best]))
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


def test_a_draw_is_uniform_over_all_that_can_be_bought():
    market = example_market(passages=600)
    half = int(np.median(market.candidates.bytes[:600]))
    market.afford(Allowance(*reversed(market.cost.bound(half))))
    for row in range(0, 600, 7):
        market.candidates.take(row)
    rows = market.open_rows()
    assert market.stock() == len(rows)
    drawn = np.bincount([market.draw() for _ in range(40 * len(rows))], minlength=600)
    assert set(np.flatnonzero(drawn)) == set(rows)
    assert np.square(drawn[rows] - 40.0).sum() / 40 < 1.3 * len(rows)  # χ²


def test_a_draw_finds_the_only_passage_among_many_rows():
    market = example_market(passages=3000)
    for row in range(3000):
        if row != 1234:
            market.candidates.take(row)
    assert {market.draw() for _ in range(3)} == {1234}


def greedy(market, factors, limit):
    """The rows bought when every passage is evaluated anew before every pick."""
    picks = []
    for _ in range(limit):
        rows = market.open_rows()
        gains = market.gains(market.expected(rows))
        values = gains * factors[market.candidates.clusters[rows]] / market.effort(rows)
        best = int(np.argmax(values))
        picks.append(int(rows[best]))
        market.candidates.take(picks[-1])
        market.buy(picks[-1], float(gains[best]), 1.0)
        factors = shaken(len(picks), market)
    return picks


def shaken(number, market):
    """Multipliers as calibration moves them, up and down."""
    return np.random.default_rng(number).uniform(0.5, 1.5, market.arms.height).astype(np.float32)


def lazy(market, factors, limit, **how):
    """The rows bought from shortlists of one pull after another."""
    picks = []
    while len(picks) < limit:
        shortlist = Shortlist(market, factors, **how)
        for _ in range(10):
            pick = shortlist.best(factors)
            if pick is None:
                break
            market.candidates.take(pick.row)
            market.buy(pick.row, pick.gain, 1.0)
            shortlist.bought(pick.row)
            picks.append(pick.row)
            factors = shaken(len(picks), market)
        shortlist.close()
    return picks[:limit]


@pytest.mark.parametrize("seed", range(4))
def test_of_a_few_hundred_passages_exactly_those_are_bought_that_looking_at_all_would_buy(seed):
    size = 250
    exact = greedy(example_market(size, seed), ones(example_market(size)), 50)
    assert lazy(example_market(size, seed), ones(example_market(size)), 50) == exact


@pytest.mark.parametrize("seed", range(3))
def test_without_slack_that_holds_for_any_number(seed):
    exact = greedy(example_market(4000, seed), ones(example_market()), 150)
    found = lazy(example_market(4000, seed), ones(example_market()), 150, slack=1.001, joins=1000)
    assert found == exact


def test_a_pull_begins_with_the_list_of_the_one_before():
    market = example_market(passages=2000)
    buy(make_policy("retrieval"), market, 20)
    listed = set(market.candidates.listing.rows.tolist()) - {-1}
    read = []
    vectors = market.candidates.vectors
    market.candidates.vectors = lambda rows: read.extend(rows.tolist()) or vectors(rows)
    Shortlist(market, ones(market))
    assert len(listed) > 200
    assert listed.isdisjoint(read)


def test_who_continues_from_a_saved_table_buys_the_same():
    market, again = example_market(passages=2000), example_market(passages=2000)
    policy = make_policy("retrieval")
    buy(policy, market, 30)
    state = saved.load(saved.dump(market.candidates.to_state()))
    again.candidates.load_state(state)
    again.pending, again.promised[:] = market.pending, market.promised
    assert buy(policy, again, 30) == buy(policy, market, 30)


def test_a_row_that_holds_another_passage_by_now_is_not_taken_for_the_one_that_was_listed():
    market = example_market(passages=300)
    buy(make_policy("retrieval"), market, 5)
    table = market.candidates
    row = int(table.listing.rows[table.listing.rows >= 0][0])
    arm = int(table.clusters[row])
    table.remove(row)
    market.arms.waiting[arm] -= 1
    far = unit(-market.coverage.targets.vectors.sum(axis=0))
    again = table.add(str(UUID(int=999)), "d", "u", far, tokens=50, text_bytes=200, cluster=arm)
    market.arms.waiting[arm] += 1
    assert again == row
    market.evaluate(np.array([again]))
    gains = {choice.row: choice.gain for choice in buy(make_policy("retrieval"), market, 300)}
    assert gains[row] == 0


def test_what_predictions_say_now_counts_for_passages_listed_before():
    market = example_market(passages=300)
    policy = make_policy("retrieval")
    buy(policy, market, 5)
    market.candidates.outdate()
    targets = market.coverage.targets
    targets.vectors[:] = -targets.vectors
    choice = buy(policy, market, 1)[0]
    rows = np.append(market.open_rows(), choice.row)
    values = market.gains(market.expected(rows)) / market.effort(rows)
    assert choice.row == rows[np.argmax(values)]
