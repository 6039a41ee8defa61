"""What every policy can rely on, and what none can do, whatever it is."""

from dataclasses import replace

import numpy as np
import pytest

from equal_stream.allocation.policy.random import Random
from equal_stream.allocation.policy.retrieval import Retrieval
from equal_stream.backtest.full import full_extraction
from equal_stream.backtest.replay import cluster_arrivals, replay
from equal_stream.backtest.scene import ATTEMPTS
from equal_stream.backtest.worlds import delayed, failing_sources, price_change

from . import scenery
from .scenery import EVERY_POLICY, play

every_policy = pytest.mark.parametrize("policy", EVERY_POLICY)
both_arrivals = pytest.mark.parametrize("arrival", ["all", "stream"])


class Watching(Random):
    """Buys at random and notes what it was told, and when."""

    def __init__(self, scene=None):
        super().__init__()
        self.seen = []
        self.learned = 0
        self.learned_at_pull = []
        self.places = {id_: row for row, id_ in enumerate(scene.corpus.passage_ids)} if scene else {}
        self.bought = []

    def _pull(self, market):
        targets = market.coverage.targets
        self.seen.append((set(targets.names), len(targets), targets.vectors.copy()))
        self.learned_at_pull.append(self.learned)
        for choice in super()._pull(market):
            self.bought.append(self.places.get(market.candidates.ids[choice.row]))
            yield choice

    def update(self, arm, predicted, realised):
        self.learned += 1


@every_policy
@both_arrivals
def test_with_money_for_all_everything_is_bought_and_costs_what_full_extraction_does(policy, arrival):
    scene = scenery.scene(arrival)
    played = play(scene, policy)
    assert len(played.spent) == len(scene.corpus)
    assert played.spent[-1] == scene.total_tokens
    assert (np.diff(played.spent) > 0).all()
    published = [pair for rows in played.published for pair in rows]
    assert sorted(published) == full_extraction(scene).tolist() == list(range(len(scene.corpus.questions)))


@every_policy
def test_nothing_is_bought_before_it_arrives(policy):
    scene = scenery.scene("stream", ticks=8)
    owner, arrives = scene.corpus.pair_owner(), scene.arrival_ticks()
    played = play(scene, policy, budget=0.6)
    assert len(played.published) == len(played.ticks) > 10
    for tick, pairs in zip(played.ticks, played.published, strict=True):
        assert all(arrives[owner[pair]] <= tick for pair in pairs)
    assert (np.diff(played.ticks) >= 0).all()


@every_policy
@pytest.mark.parametrize(("batch", "delay"), [(1, 0), (8, 0), (4, 3)])
def test_no_tick_spends_more_than_its_share_and_the_last_batch(policy, batch, delay):
    scene = replace(scenery.scene("stream", ticks=6), delay=delay)
    played = play(scene, policy, budget=0.5, batch=batch)
    dearest, mean = int(scene.corpus.cost.max()), scene.mean_bill(0)
    for tick in range(6):
        until = [0] * batch + played.spent[played.ticks <= tick].tolist()
        share = 0.5 * scene.total_tokens * (tick + 1) / 6
        assert until[-1] < share + dearest + batch * (dearest - mean)
        if delay == 0:
            assert until[-1 - batch] < share


@pytest.mark.parametrize("arrival", ["all", "stream"])
def test_a_small_budget_is_not_spent_many_times_over_by_one_batch(arrival):
    scene = scenery.scene(arrival, documents=10, passages=1)
    played = play(scene, "random", budget=0.1, batch=8)
    assert 1 <= len(played.spent) <= 2


def test_money_that_a_tick_leaves_is_there_in_the_next():
    scene = scenery.scene("stream", ticks=4)
    nothing_first = replace(scene, ticks=[scene.ticks[0][:0], scene.ticks[0][:0], *scene.ticks[2:]])
    played = play(nothing_first, "random", budget=0.5)
    assert played.ticks.min() == 2
    assert played.spent[played.ticks == 2][-1] > 0.2 * scene.total_tokens  # a tick's own share is an eighth


def test_no_money_buys_nothing():
    played = play(scenery.scene(), "calibrated", budget=0.0)
    assert (len(played.spent), played.published, len(played.ticks)) == (0, [], 0)


@every_policy
@both_arrivals
def test_the_unseen_half_of_the_references_changes_nothing(policy, arrival):
    scene = scenery.scene(arrival)
    goal = scene.goals[0]
    planted = goal.vectors.copy()
    planted[~goal.seen] = scene.corpus.pair_vectors[: (~goal.seen).sum()]
    texts = [
        text if seen else ("planted", "planted") for text, seen in zip(goal.texts, goal.seen, strict=True)
    ]
    other = replace(scene, goals=[replace(goal, texts=texts, vectors=planted)])
    one, two = (play(each, policy, budget=0.5) for each in (scene, other))
    assert one.spent.tolist() == two.spent.tolist()
    assert one.published == two.published


def test_policies_are_told_of_the_seen_references_only():
    scene = scenery.scene()
    goal = scene.goals[0]
    policy = Watching()
    play(scene, policy, budget=0.2)
    for names, count, vectors in policy.seen:
        assert (names, count) == ({goal.name}, goal.seen.sum())
        similar = vectors @ goal.vectors[~goal.seen].T
        assert similar.max() < 0.999


@every_policy
def test_the_same_scene_is_played_the_same_way_twice(policy):
    scene = scenery.scene("stream", seed=3)
    one, two = (play(scene, policy, budget=0.4) for _ in range(2))
    assert one.spent.tolist() == two.spent.tolist()
    assert one.published == two.published


def test_after_a_switch_only_the_second_targets_references_count():
    goals = [scenery.target(0), scenery.target(1, references=20)]
    scene = scenery.scene("stream", ticks=4).with_goals(goals)
    policy = Watching()
    play(scene, policy, budget=0.4, batch=1)
    told = [(*names, count) for names, count, _ in policy.seen]
    assert set(told) == {("topic0", 6), ("topic1", 10)}
    assert told == sorted(told)


def test_retrieval_follows_the_switch():
    goals = [scenery.target(0), scenery.target(1)]
    scene = scenery.scene("stream", ticks=8, documents=48).with_goals(goals)
    played = play(scene, Retrieval(), budget=0.1, batch=1)
    owner = scene.corpus.pair_owner()
    shares = []
    for half in (played.ticks < 4, played.ticks >= 4):
        pairs = [pair for rows, counts in zip(played.published, half, strict=True) if counts for pair in rows]
        topics = scene.corpus.document_of[owner[pairs]] % 4
        shares.append([(topics == topic).mean() for topic in (0, 1)])
    assert shares[0][0] > 0.8 < shares[1][1]


@pytest.mark.parametrize("delay", [0, 1, 5])
def test_results_come_so_many_batches_late(delay):
    scene = replace(scenery.scene(), delay=delay)
    policy = Watching()
    played = play(scene, policy, batch=4)
    pulls = [4 * max(0, number - delay) for number in range(12)]
    assert policy.learned_at_pull[:12] == pulls
    assert played.spent[-1] == scene.total_tokens


def test_late_results_end_in_the_tick_in_which_they_come():
    scene = delayed(scenery.scene("stream", ticks=3), 4)
    policy = Watching(scene)
    played = play(scene, policy, batch=2, budget=0.5)
    assert (played.ticks >= scene.arrival_ticks()[policy.bought]).all()
    assert (played.ticks > scene.arrival_ticks()[policy.bought]).any()


@pytest.mark.parametrize("delay", [0, 3])
@every_policy
def test_calls_that_fail_are_billed_as_often_as_they_are_tried_and_bring_nothing(policy, delay):
    scene = replace(failing_sources(scenery.scene(), 0.4), delay=delay)
    played = play(scene, policy)
    assert len(played.spent) == len(scene.corpus) + (ATTEMPTS - 1) * scene.failing.sum()
    assert played.spent[-1] == scene.total_tokens
    owner = scene.corpus.pair_owner()
    assert not any(scene.failing[owner[pair]] for rows in played.published for pair in rows)


def test_output_is_billed_by_the_tick_in_which_it_was_asked_for():
    scene = price_change(scenery.scene("stream", ticks=4), 3.0)
    policy = Watching(scene)
    played = play(scene, policy, batch=1)
    bills = np.diff([0, *played.spent]).tolist()
    assert bills == [
        sum(scene.bill(row, tick)) for row, tick in zip(policy.bought, played.ticks, strict=True)
    ]
    cheap, dear = (scene.bill(0, tick)[1] for tick in (1, 2))
    assert dear == 3 * cheap == 3 * scene.corpus.tokens_out[0]


def test_a_run_ends_when_it_is_told_to():
    asked = []

    def stop(spent, published):
        asked.append((spent, published))
        return len(asked) == 10

    played = play(scenery.scene(), "random", stop=stop, batch=1)
    assert len(played.spent) == 10
    assert [spent for spent, _ in asked] == played.spent.tolist()
    assert [pairs for _, pairs in asked] == played.published


def test_repeated_questions_and_near_copies_are_bought_and_not_published():
    crawl = scenery.corpus()
    questions = [*crawl.questions]
    questions[5] = questions[40].upper() + "?"
    vectors = crawl.pair_vectors.copy()
    vectors[7] = vectors[60]
    scene = replace(scenery.scene(), corpus=replace(crawl, questions=questions, pair_vectors=vectors))
    played = play(scene, "random")
    published = {pair for rows in played.published for pair in rows}
    missing = set(range(len(questions))) - published
    assert len(missing & {5, 40}) == len(missing & {7, 60}) == 1
    assert len(missing) == 2
    assert set(range(len(questions))) - set(full_extraction(scene).tolist()) == {40, 60}


@every_policy
@both_arrivals
@pytest.mark.parametrize("documents", [1, 2])
def test_crawls_of_hardly_anything_are_played_to_their_end(policy, arrival, documents):
    scene = scenery.scene(arrival, documents=documents, passages=1, ticks=100)
    assert play(scene, policy).spent[-1] == scene.total_tokens


@every_policy
@both_arrivals
def test_crawls_without_a_single_pair_are_bought_like_any_other(policy, arrival):
    scene = scenery.scene(arrival)
    nothing = scenery.without_pairs(scene.corpus)
    scene = replace(scene, corpus=nothing, found=np.zeros(0, bool))
    played = play(scene, policy)
    assert played.spent[-1] == scene.total_tokens
    assert not any(played.published)


@every_policy
def test_references_that_are_all_alike_break_no_policy(policy):
    scene = scenery.scene()
    goal = scene.goals[0]
    alike = replace(goal, vectors=np.repeat(goal.vectors[:1], len(goal.vectors), axis=0))
    played = play(replace(scene, goals=[alike]), policy)
    assert played.spent[-1] == scene.total_tokens


def test_clusters_of_a_crawl_that_is_all_there_are_those_found_at_its_end():
    scene = scenery.scene()
    ((clusters, events),) = cluster_arrivals(scene)
    assert clusters.shape == (48,)
    assert {event.event for event in events} >= {"birth"}
    known = {event.cluster_id for event in events} | {each for event in events for each in event.children}
    assert set(clusters.tolist()) <= known


def test_a_stream_is_clustered_as_it_comes_and_empty_ticks_bring_nothing():
    scene = scenery.scene("stream", ticks=4)
    arrivals = cluster_arrivals(replace(scene, ticks=[scene.ticks[0][:0], *scene.ticks]))
    assert [len(ids) for ids, _ in arrivals] == [0, 12, 12, 12, 12]
    played = replay(scene, Random(), arrivals[1:])
    assert played.spent[-1] == scene.total_tokens
