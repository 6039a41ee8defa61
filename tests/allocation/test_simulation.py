"""On a small synthetic crawl the policies come out in the order that justifies them."""

import numpy as np
import pytest

from .world import START, World, make_core, share

SEEDS = range(4)


def runs(policy, tickets, batch=8, exploration=0.0, **kind):
    """Coverage reached, and the share of tickets that went to the theme, each a mean over seeds."""
    reached, shares = [], []
    for seed in SEEDS:
        world = World(seed=seed, topics=30, **kind)
        core = world.fill(make_core(policy=policy, exploration=exploration, seed=seed))
        settled = world.run(core, tickets, batch)
        reached.append(core.status(START).targets[0].coverage)
        shares.append(share(world, settled))
    return float(np.mean(reached)), float(np.mean(shares))


def test_on_clean_data_prediction_beats_chance_many_times_over():
    (retrieval, _), (chance, _) = runs("retrieval", 24), runs("random", 24)
    assert retrieval > 3 * chance
    assert runs("calibrated", 24)[0] > 0.95 * retrieval


def test_where_look_alikes_yield_nothing_calibration_beats_retrieval_and_that_beats_chance():
    calibrated, theme = runs("calibrated", 40, decoys=4)
    retrieval, theme_of_retrieval = runs("retrieval", 40, decoys=4)
    assert theme > 1.5 * theme_of_retrieval
    assert calibrated > 1.1 * retrieval
    assert retrieval > 2 * runs("random", 40, decoys=4)[0]


def test_the_theme_gets_many_times_its_share_of_the_crawl():
    world = World(seed=1, topics=30)
    settled = world.run(world.fill(make_core()), 40)
    assert share(world, settled) > 20 / 30


def test_calibration_moves_away_from_clusters_that_yield_nothing():
    world = World(seed=2, topics=30, decoys=3)
    settled = world.run(world.fill(make_core()), 60)
    early = [world.topic_of[s.outcome.passage_id] for s in settled[:16]]
    late = [world.topic_of[s.outcome.passage_id] for s in settled[24:40]]
    decoys_early = sum(1 <= topic <= 3 for topic in early)
    decoys_late = sum(1 <= topic <= 3 for topic in late)
    assert decoys_early > 2 * decoys_late


@pytest.mark.parametrize("batch", [1, 16])
def test_a_few_per_cent_of_exploration_cost_little(batch):
    free, _ = runs("calibrated", 40, batch, decoys=2)
    exploring, _ = runs("calibrated", 40, batch, decoys=2, exploration=0.05)
    assert exploring > 0.9 * free


def test_a_large_first_batch_is_spread_over_clusters_that_have_shown_nothing_yet():
    world = World(seed=1, topics=30, decoys=4)
    first = world.fill(make_core()).choose(20, START)
    topics = [world.topic_of[r.ticket.passage_id] for r in first]
    assert len(set(topics)) == 5
    assert max(topics.count(topic) for topic in set(topics)) <= 8
