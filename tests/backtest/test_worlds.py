from dataclasses import fields, replace

import numpy as np
import pytest

from equal_stream.backtest.corpus import Corpus
from equal_stream.backtest.full import full_extraction
from equal_stream.backtest.scene import Scene
from equal_stream.backtest.worlds import (
    WORLDS,
    bursts,
    decoys,
    delayed,
    duplicated_sites,
    failing_sources,
    noisy_yields,
    price_change,
)
from equal_stream.errors import ConfigurationError

from . import scenery


def snapshot(scene):
    """Everything in a scene, copied."""
    parts = {field.name: getattr(scene, field.name) for field in fields(Scene)}
    parts |= {f"corpus {field.name}": getattr(scene.corpus, field.name) for field in fields(Corpus)}
    return {name: _copied(value) for name, value in parts.items() if name not in {"corpus", "goals"}}


def _copied(value):
    return (
        [np.array(each).tolist() for each in value] if isinstance(value, list) else np.array(value).tolist()
    )


def changed(before, after):
    """The names of what differs between two scenes, except for what copies add to the crawl."""
    one, other = snapshot(before), snapshot(after)
    return {name for name, value in one.items() if value != other[name]}


def topics(scene):
    return scene.corpus.document_of % 4


@pytest.mark.parametrize("world", [*WORLDS, "decoys"])
def test_the_scene_it_is_made_of_stays_as_it_was_and_so_does_the_outcome(world):
    scene = scenery.scene("stream", ticks=6)
    before = snapshot(scene)
    make = WORLDS.get(world, lambda each: decoys(each, topics(each), 0.5))
    one, two = make(scene), make(scene)
    assert snapshot(scene) == before
    assert snapshot(one) == snapshot(two) != before


@pytest.mark.parametrize("world", ["noisy-yields", "failing-sources", "duplicated-sites", "bursts"])
def test_worlds_are_drawn_by_the_seed(world):
    drawn = [snapshot(WORLDS[world](scenery.scene("stream", seed=seed))) for seed in (1, 2)]
    assert {**drawn[0], "seed": 0} != {**drawn[1], "seed": 0}


def test_decoys_take_the_pairs_of_look_alike_clusters_and_nothing_else():
    scene = scenery.scene(documents=40, topics=4)
    clusters = np.arange(len(scene.corpus)) % 20
    after = decoys(scene, clusters, 0.5)
    assert changed(scene, after) == {"found"}
    owner = scene.corpus.pair_owner()
    empty = {int(each) for each in clusters[owner[~after.found]]}
    assert len(empty) == 3
    assert not after.found[np.isin(clusters[owner], list(empty))].any()
    assert after.found[~np.isin(clusters[owner], list(empty))].all()
    references = scene.goals[0].vectors[scene.goals[0].seen]
    near = np.sort(scene.corpus.vectors @ references.T, axis=1)[:, -5:].mean(axis=1)
    means = [near[clusters == each].mean() for each in range(20)]
    assert empty <= set(np.argsort(means)[-6:].tolist())


@pytest.mark.parametrize(("fraction", "empty"), [(0.0, 0), (0.01, 0), (0.34, 2), (1.0, 6)])
def test_decoys_are_a_fraction_of_six_clusters(fraction, empty):
    scene = scenery.scene(documents=40)
    clusters = np.arange(len(scene.corpus)) % 20
    lost = ~decoys(scene, clusters, fraction).found
    assert len(set(clusters[scene.corpus.pair_owner()[lost]])) == empty


@pytest.mark.parametrize(
    ("clusters", "fraction", "empty"), [(1, 0.5, 0), (1, 1.0, 1), (2, 0.9, 1), (3, 0.5, 2)]
)
def test_where_there_are_few_clusters_one_stays_unless_all_are_to_go(clusters, fraction, empty):
    scene = scenery.scene()
    of_passage = np.arange(len(scene.corpus)) % clusters
    lost = ~decoys(scene, of_passage, fraction).found
    assert len(set(of_passage[scene.corpus.pair_owner()[lost]])) == empty


def test_decoys_are_chosen_without_a_look_at_the_unseen_half():
    scene = scenery.scene()
    goal = scene.goals[0]
    moved = goal.vectors.copy()
    moved[~goal.seen] = scenery.target(2).vectors[~goal.seen]
    other = replace(scene, goals=[replace(goal, vectors=moved)])
    assert (decoys(scene, topics(scene), 0.5).found == decoys(other, topics(scene), 0.5).found).all()


def test_noise_overlooks_a_share_of_the_pairs():
    after = noisy_yields(scenery.scene(documents=200))
    assert changed(scenery.scene(documents=200), after) == {"found"}
    assert after.found.mean() == pytest.approx(0.5, abs=0.05)


def test_failing_sources_fail_in_every_passage_and_no_others_do():
    scene = scenery.scene()
    after = failing_sources(scene, 0.4)
    assert changed(scene, after) == {"failing"}
    sources = np.array(scene.corpus.sources)[scene.corpus.document_of]
    assert len(set(sources[after.failing])) == 2
    assert not set(sources[after.failing]) & set(sources[~after.failing])
    assert after.total_tokens == scene.total_tokens + scene.corpus.cost[after.failing].sum()


def test_where_all_is_of_one_source_none_can_fail():
    scene = scenery.scene()
    alone = replace(scene, corpus=replace(scene.corpus, sources=[""] * scene.corpus.documents))
    with pytest.raises(ConfigurationError, match="two or more sources"):
        failing_sources(alone)


def test_duplicates_are_almost_the_same_arrive_with_their_originals_and_are_told_apart():
    scene = noisy_yields(failing_sources(scenery.scene("stream", ticks=6)))
    after = duplicated_sites(scene)
    n, m = len(scene.corpus), len(scene.corpus.questions)
    copies = np.arange(n, len(after.corpus))
    assert len(copies) == round(0.2 * n)
    originals = [
        next(row for row in range(n) if after.corpus.vectors[row] @ after.corpus.vectors[copy] > 0.99)
        for copy in copies
    ]
    arrives = after.arrival_ticks()
    assert len(set(after.corpus.passage_ids)) == len(after.corpus)
    for original, copy in zip(originals, copies, strict=True):
        assert arrives[original] == arrives[copy] == scene.arrival_ticks()[original]
        assert after.failing[original] == after.failing[copy]
        assert after.corpus.cost[original] == after.corpus.cost[copy]
        assert after.corpus.document_of[original] == after.corpus.document_of[copy]
        pairs, copied = after.corpus.pairs(original), after.corpus.pairs(copy)
        assert [after.found[each] for each in pairs] == [after.found[each] for each in copied]
        assert [after.corpus.questions[each] for each in pairs] == [
            after.corpus.questions[each] for each in copied
        ]
        assert (after.corpus.pair_vectors[list(pairs)] * after.corpus.pair_vectors[list(copied)]).sum(
            1
        ).min() > 0.97
    assert after.corpus.pair_start[-1] == len(after.corpus.questions) == len(after.found) > m
    assert len(np.concatenate(after.ticks)) == len(after.corpus)


def test_copies_cost_and_bring_nothing_to_who_has_the_originals():
    scene = scenery.scene()
    after = duplicated_sites(scene)
    assert full_extraction(after).tolist() == full_extraction(scene).tolist()
    assert after.total_tokens == scene.total_tokens + after.corpus.cost[len(scene.corpus) :].sum()


def test_copies_of_copies_are_told_apart_too():
    twice = duplicated_sites(duplicated_sites(scenery.scene(), 1.0), 1.0)
    assert len(set(twice.corpus.passage_ids)) == len(twice.corpus) == 4 * 48
    assert scenery.play(twice, "random").spent[-1] == twice.total_tokens


def test_prices_rise_in_the_middle():
    scene = scenery.scene("stream", ticks=5)
    after = price_change(scene, 4.0)
    assert changed(scene, after) == {"wordiness"}
    assert after.wordiness.tolist() == [1, 1, 4, 4, 4]
    late = scene.arrival_ticks() >= 2
    assert after.total_tokens == scene.total_tokens + 3 * scene.corpus.tokens_out[late].sum()
    assert price_change(after, 2.0).wordiness.tolist() == [1, 1, 8, 8, 8]


def test_bursts_bring_the_same_in_the_same_order_most_of_it_at_once():
    scene = scenery.scene("stream", ticks=24, documents=48)
    after = bursts(scene)
    assert changed(scene, after) == {"ticks"}
    assert len(after.ticks) == 24
    assert np.concatenate(after.ticks).tolist() == np.concatenate(scene.ticks).tolist()
    sizes = sorted(len(rows) for rows in after.ticks)
    assert sum(sizes[-6:]) > len(scene.corpus) / 2


@pytest.mark.parametrize("world", [price_change, bursts])
def test_what_needs_time_is_refused_where_everything_is_there_at_once(world):
    with pytest.raises(ConfigurationError, match="arrival stream"):
        world(scenery.scene("all"))


def test_delay_is_a_delay():
    scene = scenery.scene()
    assert changed(scene, delayed(scene)) == {"delay"}
    assert delayed(scene, 3).delay == 3


@pytest.mark.parametrize("policy", scenery.EVERY_POLICY)
@pytest.mark.parametrize("world", [name for name in WORLDS if name != "price-change"])
def test_every_policy_can_buy_all_of_every_world(policy, world):
    scene = WORLDS[world](scenery.scene("stream", ticks=6))
    curve = scenery.judged(scene, policy)
    assert curve.tokens[-1] == scene.total_tokens
    assert curve.shares["coverage"][-1] == pytest.approx(1, abs=0.01)


def test_all_worlds_can_be_put_on_top_of_each_other():
    scene = scenery.scene("stream", ticks=6)
    for world in WORLDS.values():
        scene = world(scene)
    curve = scenery.judged(scene, "calibrated", budget=0.3)
    dearest = max(sum(scene.bill(row, 5)) for row in range(len(scene.corpus)))
    assert 0 <= curve.tokens[-1] - 0.3 * scene.total_tokens < dearest + 8 * (dearest - scene.mean_bill(5))
