import math
from itertools import pairwise, permutations

import numpy as np
import pytest

from equal_stream.allocation.policy.batches import Batches
from equal_stream.allocation.policy.checks import buy, example_market
from equal_stream.allocation.policy.equal import EQUAL
from equal_stream.allocation.policy.neighbours import Neighbours
from equal_stream.allocation.policy.transport import wasserstein
from tests.allocation.world import DIMENSION, PRICING, START, World, make_core, settings, share

D = 16
E = np.eye(D, dtype=np.float32)
WHOLE = {"warmup": 0.0}


def clusters(market, choices):
    """The cluster of each choice."""
    return [int(market.candidates.clusters[choice.row]) for choice in choices]


def near(market, arm_noise, seed=0, count=2):
    """Pairs around the references, the farther the more noise."""
    rng = np.random.default_rng(seed)
    found = market.coverage.targets.vectors[rng.integers(10, size=count)]
    found = found + arm_noise * rng.standard_normal(found.shape)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def come_back(market):
    """All tickets of a market end."""
    market.arms.in_flight[:] = 0
    market.pending = np.zeros_like(market.pending)


def show(policy, market, noises, passages=10):
    """Tell a policy of one batch of each cluster, its pairs the nearer to the references the less noise."""
    for arm, noise in enumerate(noises):
        for number in range(passages):
            policy.extracted(arm, near(market, noise, seed=number))


def refer_to(market, vectors):
    """Replace the references of a market."""
    targets = market.coverage.targets
    for target, number in list(targets.keys):
        targets.remove(target, number)
    for number, vector in enumerate(vectors):
        targets.set("target", str(number), vector, 1.0)
    market.pending = np.zeros(len(targets))


# The score.


def test_as_many_pairs_as_references_are_matched_one_to_one_at_the_least_cost():
    rng = np.random.default_rng(0)
    for cost, apart in [
        ("euclidean", lambda x, y: np.linalg.norm(x - y)),
        ("cosine", lambda x, y: 1 - x @ y),
    ]:
        x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.standard_normal((2, 5, D)))
        x, y = x.astype(np.float32), y.astype(np.float32)
        least = min(sum(apart(x[i], y[j]) for i, j in enumerate(p)) / 5 for p in permutations(range(5)))
        assert wasserstein(x, y, np.full(5, 0.2), cost) == pytest.approx(least, abs=1e-5)


def test_references_are_transported_by_their_weight():
    assert wasserstein(E[:1], E[:2], np.array([0.75, 0.25]), "cosine") == pytest.approx(0.25)


def test_no_pairs_are_as_far_as_unrelated_ones():
    for cost in ("euclidean", "cosine"):
        nothing = wasserstein(np.zeros((0, D), np.float32), E[:3], np.full(3, 1 / 3), cost)
        assert nothing == pytest.approx(wasserstein(E[5:7], E[:3], np.full(3, 1 / 3), cost))


# Warm-up and pulls.


def test_it_begins_with_a_twentieth_of_all_passages_at_random():
    market = example_market(passages=600)
    choices = buy(EQUAL(), market, 30)
    assert [choice.propensity for choice in choices] == [1 / (600 - n) for n in range(30)]
    assert set(clusters(market, choices)) == {0, 1, 2, 3, 4, 5}


def test_the_warm_up_is_of_what_is_known_when_the_first_passage_is_bought():
    policy = EQUAL()
    assert buy(policy, example_market(passages=0), 5) == []
    propensities = [choice.propensity for choice in buy(policy, example_market(passages=120), 7)]
    assert propensities[:6] == [1 / (120 - n) for n in range(6)]
    assert propensities[6] > 1 / 114


def test_the_cluster_nearest_to_the_references_is_pulled_ten_passages_at_a_time_whatever_they_cost():
    market, policy = example_market(passages=600), EQUAL(**WHOLE)
    market.candidates.tokens[market.candidates.clusters == 3] = 9_000
    show(policy, market, [9, 3, 1, 0.1, 1, 3])
    choices = buy(policy, market, 10)
    assert clusters(market, choices) == [3] * 10
    assert [choice.propensity for choice in choices] == [1 / (100 - n) for n in range(10)]


def test_a_pull_goes_on_where_the_last_choice_of_tickets_ended():
    market, policy = example_market(passages=600), EQUAL(**WHOLE)
    chosen = []
    for _ in range(10):  # nothing is known: equals, drawn once a pull
        chosen += clusters(market, buy(policy, market, 4))
    pulls = [chosen[start : start + 10] for start in range(0, 40, 10)]
    assert all(len(set(pull)) == 1 for pull in pulls)
    assert len({pull[0] for pull in pulls[1:]}) == 3  # those under way stand back


def test_when_a_cluster_is_sold_out_its_pull_ends():
    market, policy = example_market(passages=36), EQUAL(**WHOLE)
    show(policy, market, [0.1, 1, 3, 5, 7, 9])
    assert clusters(market, buy(policy, market, 9)) == [0] * 6 + [1] * 3


def test_passages_drawn_to_explore_are_of_no_pull():
    market, policy = example_market(passages=1200), EQUAL(exploration=0.3, **WHOLE)
    show(policy, market, [0.1, 5, 5, 5, 5, 5])
    chosen = clusters(market, buy(policy, market, 100))
    assert 60 < chosen.count(0) < 90
    policy_of_one = EQUAL(**WHOLE)
    show(policy_of_one, market, [0.1, 5, 5, 5, 5, 5])
    assert set(clusters(market, buy(policy_of_one, market, 20))) == {0}


# Rewards.


def test_ds_is_the_mean_reward_and_the_optimism_of_the_released_code():
    market, policy = example_market(), EQUAL(alpha=0.4, **WHOLE)
    refs = market.coverage.targets.vectors
    batches = {0: [0.3, 0.9], 1: [0.6]}
    for arm, noises in batches.items():
        for noise in noises:
            for number in range(10):
                policy.extracted(arm, near(market, noise, seed=number))
    market.arms.in_flight[2] = 11  # two pulls
    policy._score(market)
    rewards = {
        arm: np.mean(
            [
                1
                - wasserstein(
                    np.concatenate([near(market, n, s) for s in range(10)]),
                    refs,
                    np.full(10, 0.1),
                    "euclidean",
                )
                for n in noises
            ]
        )
        for arm, noises in batches.items()
    }
    bonus = [0.4 * math.sqrt(2 * math.log(5) / (pulls + 1)) for pulls in (2, 1, 2, 0)]
    overall = (2 * rewards[0] + rewards[1]) / 3
    expected = np.array([rewards[0], rewards[1], overall, overall]) + bonus
    assert policy._scores(market)[:4] == pytest.approx(expected)


def test_the_papers_alpha_vanishes_as_pulls_add_up():
    market, policy = example_market(), EQUAL(alpha=None, estimate="union", **WHOLE)
    show(policy, market, [1] * 6)
    policy._score(market)
    bonus = math.sqrt(2 * math.log(6)) / 7
    reward = policy._rewards.means(1, 0.0)[0]
    assert policy._scores(market)[0] == pytest.approx(reward + bonus)


def test_the_union_sees_that_two_pulls_complete_each_other_and_the_mean_does_not():
    for estimate, best in [("batches", 1), ("union", 0)]:
        market = example_market()
        policy = EQUAL(alpha=0.0, estimate=estimate, cost="cosine", unvisited=-9.0, **WHOLE)
        refer_to(market, [E[0], E[1]])
        between = (E[0] + E[1]) / np.sqrt(2)
        for number in range(20):
            policy.extracted(0, E[number // 10][None])
            policy.extracted(1, ((between + 0.3 * E[2]) / np.linalg.norm(between + 0.3 * E[2]))[None])
        assert set(clusters(market, buy(policy, market, 5))) == {best}


def test_what_brings_nothing_ranks_below_what_brings_anything_related():
    market, policy = example_market(), EQUAL(alpha=0.0, unvisited=-9.0, **WHOLE)
    for _ in range(10):
        policy.extracted(0, np.zeros((0, D), np.float32))
        policy.extracted(1, near(market, 0.8))
    assert set(clusters(market, buy(policy, market, 10))) == {1}


def test_a_pull_is_scored_when_all_its_passages_are_back_and_not_before():
    market, policy = example_market(passages=600), EQUAL(**WHOLE)
    arm = clusters(market, buy(policy, market, 4))[0]
    for number in range(4):
        policy.extracted(arm, near(market, 0.5, number))
    come_back(market)
    policy._score(market)
    assert policy._rewards.counts.sum() == 0  # the pull goes on
    buy(policy, market, 6)
    for number in range(6):
        policy.extracted(arm, near(market, 0.5, number))
    policy._score(market)
    assert policy._rewards.counts[arm] == 1


def test_the_warm_up_gives_every_cluster_it_touched_a_first_score_once_it_is_over():
    market, policy = example_market(passages=600), EQUAL()
    touched = clusters(market, buy(policy, market, 20))
    come_back(market)
    for arm in touched:
        policy.extracted(arm, near(market, 1.0))
    touched += (rest := clusters(market, buy(policy, market, 10)))
    assert policy._rewards.counts.sum() == 0
    for arm in rest:
        policy.extracted(arm, near(market, 1.0))
    come_back(market)
    policy._score(market)
    assert set(np.flatnonzero(policy._rewards.counts)) == set(touched)


def test_unvisited_clusters_come_first_last_or_as_average_ones():
    for unvisited, expected in [(math.inf, {2, 3, 4, 5}), (-9.0, {0}), (None, {0})]:
        market, policy = example_market(passages=600), EQUAL(unvisited=unvisited, alpha=0.0, **WHOLE)
        show(policy, market, [0.1, 9])
        chosen = clusters(market, buy(policy, market, 40))
        assert set(chosen) == expected
    market, policy = example_market(passages=36), EQUAL(alpha=0.0, **WHOLE)
    show(policy, market, [0.1, 9])
    assert clusters(market, buy(policy, market, 36))[-6:] == [1] * 6  # below the average


def test_many_references_are_compared_with_by_a_fixed_sample():
    market, policy = example_market(), EQUAL(references=30)
    refer_to(market, [E[0] if number % 2 else E[1] for number in range(200)])
    (first, shares), (second, _) = policy._sample(market), policy._sample(market)
    assert (first == second).all()
    assert len(first) == 30
    assert shares == pytest.approx(1 / 30)
    assert 5 < first[:, 0].sum() < 25


# Sharing with neighbours.


def two_near_clusters():
    """A market whose clusters 0 and 1 are in the same place."""
    market = example_market(passages=600)
    table = market.candidates
    ones = np.flatnonzero(table.clusters[:600] == 1)
    zeros = np.flatnonzero(table.clusters[:600] == 0)
    table.storage.codes[ones], table.storage.scales[ones] = (
        table.storage.codes[zeros],
        table.storage.scales[zeros],
    )
    return market


@pytest.mark.parametrize("closeness", ["frechet", "cosine"])
def test_neighbours_are_clusters_in_the_same_place(closeness):
    market, neighbours = two_near_clusters(), Neighbours(0.05, closeness)
    assert neighbours.near(0, market).tolist() == [1]
    assert neighbours.near(1, market).tolist() == [0]
    assert neighbours.near(2, market).tolist() == []
    neighbours.forget(1)
    market.arms.waiting[1] = 0
    assert neighbours.near(0, market).tolist() == []
    assert neighbours.near(50, market).tolist() == []


def test_clusters_with_one_centre_but_another_spread_are_apart_by_frechet_only():
    market = two_near_clusters()
    table = market.candidates
    ones = np.flatnonzero(table.clusters[:600] == 1)
    centre = table.vectors(ones).mean(axis=0)
    codes, scale = np.round(centre * 127 / np.abs(centre).max()), np.abs(centre).max() / 127
    table.storage.codes[ones], table.storage.scales[ones] = codes.astype(np.int8), scale
    assert Neighbours(0.05, "cosine").near(0, market).tolist() == [1]
    assert Neighbours(0.05, "frechet").near(0, market).tolist() == []


def test_a_reward_counts_for_neighbours_too_when_they_share():
    market, policy = two_near_clusters(), EQUAL(neighbours=0.05, **WHOLE)
    show(policy, market, [0.5])
    policy._score(market)
    policy._rewards.reach(6)
    assert policy._rewards.counts.tolist() == [1, 1, 0, 0, 0, 0]
    assert policy._rewards.sums[0] == policy._rewards.sums[1]


# Lineage.


def test_a_pull_under_way_and_what_waits_to_be_scored_go_to_the_survivor():
    market, policy = example_market(passages=600), EQUAL(**WHOLE)
    arm = clusters(market, buy(policy, market, 4))[0]
    other = (arm + 1) % 6
    for number in range(4):
        policy.extracted(arm, near(market, 0.5, number))
    policy.merged(other, arm)
    assert set(clusters(market, buy(policy, market, 6))) == {other}
    for number in range(6):
        policy.extracted(other, near(market, 0.5, number))
    policy._score(market)
    assert policy._rewards.counts[[arm, other]].tolist() == [0, 1]


def test_a_row_that_is_free_is_not_pulled_on():
    market, policy = example_market(passages=600), EQUAL(unvisited=-9.0, **WHOLE)
    show(policy, market, [0.1, 1, 5, 5, 5, 5])
    assert clusters(market, buy(policy, market, 4)) == [0] * 4
    policy.freed(0)
    assert clusters(market, buy(policy, market, 4)) == [1] * 4
    policy.freed(1)
    policy.born(1, None)
    policy.born(0, 2)
    assert 1 not in clusters(market, buy(policy, market, 30))


def test_batches_that_nobody_takes_do_not_grow_without_end():
    batches = Batches(2)
    for number in range(1000):
        batches.add(0, np.full((1, 1), number, np.float32))
    taken = [pairs.ravel().tolist() for _, pairs in batches.take(lambda _: False)]
    assert len(taken) == 16
    assert taken[-1] == [998, 999]
    assert all(later[0] == earlier[0] + 2 for earlier, later in pairwise(taken))


# In the core.


def test_on_a_small_crawl_the_theme_gets_several_times_its_share_after_the_warm_up():
    shares = []
    for seed in range(3):
        world = World(seed=seed, topics=20)
        settled = world.run(world.fill(make_core(policy="equal", seed=seed)), 80)
        shares.append(share(world, settled[40:]))
    assert np.mean(shares) > 8 / 20


def test_pairs_replayed_one_by_one_over_a_fresh_core_teach_which_cluster_is_best():
    world = World(seed=2, topics=8, passages=60)
    core, fresh = (
        world.fill(make_core(policy="equal", seed=1)),
        World(seed=2, topics=8, passages=60).fill(make_core(policy="equal", seed=1)),
    )
    settled = world.run(core, 60)
    found = {p.question: p.vector for s in settled for p in world.pairs_of(s.outcome)}
    for each in settled:
        fresh.replay_ledger(each.entry)
        fresh.replay_outcome(each.outcome)
    for each in settled:
        for published in each.pairs:
            fresh.replay_pair(published, np.frombuffer(found[published.question], np.float32))
    for each in (core, fresh):
        each.choose(1, START)  # what came is scored before the next is bought
        pool, rewards = each.holdings.pool, each.holdings.policy._rewards
        best = int(np.argmax(rewards.means(pool.arms.height, -9.0)))
        assert pool.arms.ids[best] == 0


@pytest.mark.parametrize(
    "options", [{}, {"estimate": "union", "alpha": None}, {"neighbours": 0.3, "closeness": "cosine"}]
)
def test_a_restored_core_continues_exactly_in_the_middle_of_a_pull(options):
    world = World(seed=3, topics=8, passages=30, decoys=2)

    def core():
        made = make_core(policy="equal", exploration=0.1, seed=4)
        made.holdings.policy = made.holdings.pool._policy = EQUAL(0.1, **options)
        return made

    first = world.fill(core())
    world.run(first, 67)
    first.choose(5, START)
    copy = core()
    copy.restore(first.to_state())
    assert world.run(copy, 60) == world.run(first, 60)


def test_it_can_be_chosen_by_its_name_in_the_settings():
    core = make_core(policy="equal")
    assert isinstance(core.holdings.policy, EQUAL)
    assert type(core)(settings(policy="equal"), pricing=PRICING, dimension=DIMENSION)
