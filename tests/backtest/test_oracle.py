from dataclasses import replace

import numpy as np
import pytest

from equal_stream.allocation.pairs import question_key
from equal_stream.backtest.measure import cost_to, measure
from equal_stream.backtest.oracle import Oracle
from equal_stream.backtest.replay import cluster_arrivals
from equal_stream.backtest.study import stage_of
from equal_stream.backtest.worlds import WORLDS

from . import scenery
from .scenery import EVERY_POLICY, judged, play


class Checked(Oracle):
    """Holds every choice against all others, computed one by one from nothing but the scene."""

    def __init__(self, scene):
        super().__init__(scene)
        self.scene, self.ticks = scene, scene.arrival_ticks()
        self.places = {id_: row for row, id_ in enumerate(scene.corpus.passage_ids)}
        self.bought, self.flying = [], []
        self.tick = 0
        self.checked = 0
        self.worths = []

    def extracted(self, arm, vectors):
        super().extracted(arm, vectors)
        self.flying.pop(0)

    def worth(self, market, place):
        """The gain of a passage's new pairs for each token."""
        corpus, targets = self.scene.corpus, market.coverage.targets
        asked = {question_key(corpus.questions[pair]) for each in self.bought for pair in self.pairs(each)}
        covered = targets.covered + sum(
            (
                market.coverage.kernel(corpus.pair_vectors[pairs]).sum(axis=0, dtype=float)
                for pairs in self.flying
            ),
            np.zeros(len(targets)),
        )
        new = [pair for pair in self.pairs(place) if question_key(corpus.questions[pair]) not in asked]
        after = covered + market.coverage.kernel(corpus.pair_vectors[new]).sum(axis=0, dtype=float)
        return float(targets.importance @ np.log((1 + after) / (1 + covered))) / sum(
            self.scene.bill(place, self.tick)
        )

    def pairs(self, place):
        return [] if self.scene.failing[place] else self.scene.pairs(place)

    def _pull(self, market):
        places = [self.places[market.candidates.ids[row]] for row in market.open_rows()]
        self.tick = max([self.tick, *self.ticks[places].tolist()])
        choices = super()._pull(market)
        while True:
            places = [self.places[market.candidates.ids[row]] for row in market.open_rows()]
            worth = {place: self.worth(market, place) for place in places}
            choice = next(choices, None)
            if choice is None:
                return
            chosen = self.places[market.candidates.ids[choice.row]]
            assert worth[chosen] == pytest.approx(max(worth.values()), rel=1e-3, abs=1e-9)
            self.checked += worth[chosen] > 0
            self.worths.append(worth[chosen])
            corpus = self.scene.corpus
            asked = {
                question_key(corpus.questions[pair]) for each in self.bought for pair in self.pairs(each)
            }
            new = [pair for pair in self.pairs(chosen) if question_key(corpus.questions[pair]) not in asked]
            self.flying.append(new)
            self.bought.append(chosen)
            yield choice


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("world", [None, "noisy-yields", "failing-sources", "duplicated-sites", "delayed"])
def test_each_purchase_is_the_best_of_all(world, batch):
    scene = scenery.scene(documents=16)
    policy = Checked(WORLDS[world](scene) if world else scene)
    play(policy.scene, policy, batch=batch)
    assert policy.checked >= 5


@pytest.mark.parametrize("world", [None, "price-change", "duplicated-sites"])
def test_each_purchase_is_the_best_of_what_is_there_while_targets_and_prices_change(world):
    scene = scenery.scene("stream", ticks=6, documents=24).with_goals([scenery.target(0), scenery.target(1)])
    policy = Checked(WORLDS[world](scene) if world else scene)
    played = play(policy.scene, policy, budget=0.5)
    owner = policy.scene.corpus.pair_owner()
    late = [
        pair for rows, tick in zip(played.published, played.ticks, strict=True) if tick >= 3 for pair in rows
    ]
    topics = policy.scene.corpus.document_of[owner[late]] % 4
    assert (topics[:4] == 1).all()


def test_passages_that_were_worthless_to_the_first_target_are_bought_for_the_second():
    scene = scenery.scene("stream", ticks=4).with_goals([scenery.target(0), scenery.target(1)])
    there = replace(scene, ticks=[np.arange(len(scene.corpus)), *[scene.ticks[0][:0]] * 3])
    played = play(there, "oracle", budget=0.3, batch=1)
    owner = scene.corpus.pair_owner()
    first_late = next(rows for rows, tick in zip(played.published, played.ticks, strict=True) if tick >= 2)
    assert (scene.corpus.document_of[owner[first_late]] % 4 == 1).all()


@pytest.mark.parametrize("policy", EVERY_POLICY)
@pytest.mark.parametrize("world", [None, "noisy-yields", "failing-sources", "duplicated-sites"])
def test_nobody_is_better_than_it(policy, world):
    scene = scenery.scene(documents=40, topics=5)
    scene = WORLDS[world](scene) if world else scene
    goal = scene.goals[0]
    seen = replace(scene, goals=[replace(goal, seen=~goal.seen)])  # judged by what it was shown
    (judge,), full = (stage := stage_of(seen, cluster_arrivals(scene), ["coverage"])).judges, stage.full
    for share in (0.5, 0.8, 0.9):
        others, its = (
            cost_to(measure(play(scene, each), [judge], full), "coverage", share, scene.total_tokens)
            for each in (policy, "oracle")
        )
        assert its <= 1.02 * others  # greedy is not quite the best there is


def test_money_is_not_spent_on_nothing_while_more_will_come():
    scene = scenery.scene("stream", ticks=6, documents=36, topics=6)
    policy = Checked(scene)
    played = play(scene, policy, budget=0.8, batch=1)
    worths = np.array(policy.worths)
    assert worths[played.ticks < 5].min() > 0
    assert (worths[played.ticks == 5] == 0).any()
    assert played.spent[-1] >= 0.8 * scene.total_tokens


def test_copies_of_what_it_has_are_left_for_the_end():
    plain = scenery.scene(documents=16)
    scene = WORLDS["duplicated-sites"](plain)
    costs = [
        cost_to(judged(each, "oracle", ("coverage",)), "coverage", 0.9, plain.total_tokens)
        for each in (plain, scene)
    ]
    assert costs[1] == pytest.approx(costs[0], rel=0.05)
