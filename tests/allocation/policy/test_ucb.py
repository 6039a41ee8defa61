from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.policy.arm_sums import ArmSums
from equal_stream.allocation.policy.checks import buy, example_market
from equal_stream.allocation.policy.raw_ucb import RawUCB
from equal_stream.allocation.policy.registry import make_policy
from equal_stream.allocation.policy.stock import Stock
from tests.allocation.world import START, World, make_core, share

UCB = ["ucb-ratio", "discounted-ucb", "raw-ucb"]


def clusters(market, choices):
    """The cluster of each choice."""
    return [int(market.candidates.clusters[choice.row]) for choice in choices]


def alike(passages=120):
    """A market where every passage costs the same."""
    market = example_market(passages)
    market.candidates.tokens[:passages] = 100
    return market


def taught(name, gains, tickets=20, **options):
    """A policy that saw so many tickets of each arm bring these gains, and some noise."""
    policy, rng = make_policy(name, **options), np.random.default_rng(0)
    for _ in range(tickets):
        for arm, gain in enumerate(gains):
            policy.update(arm, 0.1, gain + 0.01 * rng.standard_normal())
    return policy


@pytest.mark.parametrize("name", UCB)
def test_every_cluster_is_tried_before_any_is_tried_again(name):
    market = alike()
    assert sorted(clusters(market, buy(make_policy(name), market, 6))) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", UCB)
def test_the_cluster_that_brought_most_is_bought_from(name):
    market = alike()
    policy = taught(name, [0.1, 0.2, 0.9, 0.3, 0.1, 0.2])
    assert set(clusters(market, buy(policy, market, 8))) == {2}


@pytest.mark.parametrize("name", UCB)
def test_half_the_gain_at_a_third_of_the_cost_is_better(name):
    market = alike()
    dear = market.candidates.clusters[:120] == 2
    market.candidates.tokens[:120][dear] = 8_000
    policy = taught(name, [0.1, 0.1, 0.8, 0.1, 0.4, 0.1])
    assert set(clusters(market, buy(policy, market, 8))) == {4}


@pytest.mark.parametrize("name", UCB)
def test_tickets_in_flight_spread_a_batch_over_clusters_that_are_about_as_good(name):
    market = alike(1200)
    policy = taught(name, [0.1, 0.50, 0.52, 0.50, 0.1, 0.1], alpha=1.0)
    chosen = clusters(market, buy(policy, market, 60))
    assert {1, 2, 3} <= set(chosen)


@pytest.mark.parametrize("name", UCB)
def test_below_the_reserve_price_nothing_is_bought(name):
    market = alike()
    market.reserve_price = 1e12
    policy = taught(name, [0.1] * 6)
    assert buy(policy, market, 8) == []


def test_the_index_is_ucb1_with_the_spread_of_gains_as_scale_over_the_cost():
    market, policy = alike(), make_policy("ucb-ratio", alpha=0.7)
    results = {arm: [0.1 * arm, 0.2, 0.05] for arm in range(6)}
    for arm, gains in results.items():
        for gain in gains:
            policy.update(arm, 1.0, gain)
    market.arms.in_flight[4] = 2
    every = np.concatenate(list(results.values()))
    stock = Stock(market)
    for arm in range(6):
        n = 3 + 2 * (arm == 4)
        bound = np.mean(results[arm]) + 0.7 * every.std() * np.sqrt(2 * np.log(20) / n)
        cost = market.effort(np.flatnonzero(market.candidates.clusters[:120] == arm)).mean()
        assert policy.index(market, stock)[arm] == pytest.approx(bound / cost)


def test_only_the_discounted_one_returns_to_a_cluster_that_was_long_left_alone():
    for name, returns in [("ucb-ratio", False), ("discounted-ucb", True)]:
        policy = taught(name, [0.5, 0.2, 0.2, 0.2, 0.2, 0.2], 10, alpha=0.5)
        rng = np.random.default_rng(1)
        for _ in range(6000):
            policy.update(0, 0.1, 0.5 + 0.1 * rng.standard_normal())
        market = alike()
        assert (0 not in clusters(market, buy(policy, market, 1))) == returns


def test_rotting_is_seen_by_raw_ucb_long_before_the_mean_shows_it():
    for name, leaves in [("ucb-ratio", False), ("raw-ucb", True)]:
        policy = taught(name, [0.5, 0.3, 0.1, 0.1, 0.1, 0.1], 200)
        for _ in range(32):
            policy.update(0, 0.1, 0.0)
        market = alike()
        assert (0 not in clusters(market, buy(policy, market, 1))) == leaves


def test_one_bad_ticket_does_not_count_as_rotting_unless_the_shortest_window_is_one():
    for shortest, leaves in [(1, True), (8, False)]:
        policy = taught("raw-ucb", [0.5, 0.3, 0.1, 0.1, 0.1, 0.1], 64, shortest=shortest)
        policy.update(0, 0.1, 0.0)
        market = alike()
        assert (0 not in clusters(market, buy(policy, market, 1))) == leaves


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=300))
def test_windows_are_sums_of_consecutive_results_that_ended_lately(results):
    policy = RawUCB()
    for result in results:
        policy.update(0, 0.0, result)
    for scale in range(int(np.log2(len(results))) + 1):
        length, late = 2**scale, max(1, 2**scale // 2)
        sums = [
            sum(results[end - length : end])
            for end in range(len(results), max(length, len(results) - late + 1) - 1, -1)
        ]
        assert policy._windows[0, scale] in sums


@pytest.mark.parametrize("name", UCB)
def test_a_child_begins_as_its_parent_and_a_survivor_with_what_was_known_of_the_ended(name):
    market, gains = alike(), [0.1, 0.2, 0.9, 0.3, 0.1, 0.2]
    policy = taught(name, gains)
    policy.freed(0)
    policy.born(0, 2)
    policy.freed(2)
    policy.born(2, None)
    policy.update(2, 0.1, 0.0)
    assert set(clusters(market, buy(policy, market, 4))) == {0}
    policy.update(0, 0.1, 0.9)
    policy.merged(5, 0)
    policy.update(0, 0.1, 0.0)
    assert set(clusters(market, buy(policy, market, 4))) == {5}


@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(-1, 1)), min_size=2, max_size=40),
    st.sampled_from([1.0, 0.95]),
)
def test_sums_fade_and_their_spread_is_that_of_faded_results(results, forget):
    sums = ArmSums(forget)
    for arm, result in results:
        sums.add(arm, result)
    weights = forget ** np.arange(len(results) - 1, -1, -1)
    values = np.array([result for _, result in results])
    mean = np.average(values, weights=weights)
    assert sums.mean == pytest.approx(mean, abs=1e-9)
    assert sums.spread == pytest.approx(np.sqrt(np.average((values - mean) ** 2, weights=weights)), abs=1e-6)
    for arm in range(5):
        mine = np.array([a == arm for a, _ in results])
        expected = np.average(values[mine], weights=weights[mine]) if mine.any() else -7.0
        assert sums.means(5, -7.0)[arm] == pytest.approx(expected, abs=1e-9)


def test_a_merge_and_a_clearing_keep_the_spread_true():
    sums, other = ArmSums(), ArmSums()
    for number in range(20):
        sums.add(number % 4, number / 10)
        if number % 4 != 1:
            other.add(number % 2, number / 10)
    sums.clear(1)
    sums.merge(0, 2)
    assert sums.spread == pytest.approx(other.spread)


@pytest.mark.parametrize("name", UCB)
def test_on_a_small_crawl_the_theme_gets_several_times_its_share(name):
    shares = []
    for seed in range(3):
        world = World(seed=seed, topics=20)
        settled = world.run(world.fill(make_core(policy=name, seed=seed)), 120)
        shares.append(share(world, settled))
    assert np.mean(shares) > 3 / 20


@pytest.mark.parametrize("name", UCB)
def test_counts_of_the_stock_are_exact_while_money_runs_out(name):
    world = World(seed=1, topics=6, passages=20)
    core = world.fill(make_core(budget={"tokens_total": 30_000}, policy=name))
    market = core._chooser._market(START)
    stock, totals = Stock(market), []
    for choice in make_policy(name, exploration=0.3).pull(market, 200):
        totals.append(stock.refresh())
        assert stock.counts.sum() == totals[-1] == len(market.open_rows())
        core.holdings.pool.take(choice.row)
        stock.bought(choice.row)
        market.buy(choice.row, choice.gain, choice.weight)
        tokens, _ = core.holdings.cost.bound(int(market.candidates.bytes[choice.row]))
        market.largest_text -= tokens / 100
    assert all(later < earlier for earlier, later in pairwise(totals))
