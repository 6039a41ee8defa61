"""What `run_backtest` returns: the format that independent checks read."""

import json
from dataclasses import replace

import numpy as np
import pytest

from equal_stream.backtest.scene import Target
from equal_stream.backtest.study import Plan, make_policy_of, run_backtest, set_stage
from equal_stream.errors import ConfigurationError

from . import scenery
from .scenery import EVERY_POLICY


def backtest(crawl=None, goal=None, **plan):
    return run_backtest(crawl or scenery.corpus(), goal or scenery.target(), Plan(**plan))


def without_times(result):
    """A result as it is written, but for the wall time."""
    kept = json.loads(json.dumps(result, allow_nan=False))
    for policy in kept["policies"].values():
        for run in [policy, *policy.get("runs", [])]:
            del run["seconds"]
    return kept


def test_a_result_has_what_the_contract_names():
    result = backtest(policies=["retrieval"], seeds=[5])
    assert result["documents"] == 24
    assert result["passages"] == 48
    assert result["total_tokens"] == int(scenery.corpus().cost.sum())
    assert (result["reference"], result["seed"]) == ("topic0", 5)
    (policy,) = result["policies"].values()
    assert {"curve", "cost_to", "seconds"} <= set(policy)
    assert {"0.5", "0.8", "0.9"} <= set(policy["cost_to"])
    assert policy["seconds"] >= 0
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize("arrival", ["all", "stream"])
def test_curves_of_every_policy_begin_at_nothing_and_end_at_everything(arrival):
    result = backtest(policies=EVERY_POLICY, arrival=arrival, ticks=6)
    assert list(result["policies"]) == EVERY_POLICY
    for policy in result["policies"].values():
        tokens, coverage, words, pairs = (np.array(column) for column in zip(*policy["curve"], strict=True))
        assert (tokens[0], coverage[0], words[0], pairs[0]) == (0, 0, 0, 0)
        assert (np.diff(tokens) > 0).all()
        assert (np.diff(pairs) >= 0).all()
        assert (np.diff(coverage) >= 0).all()
        assert tokens[-1] == result["total_tokens"] == policy["total_tokens"]
        assert coverage[-1] == pytest.approx(1, abs=1e-4)
        assert words[-1] == pytest.approx(1, abs=1e-4)
        assert pairs[-1] == 96
        costs = list(policy["cost_to"].values())
        assert costs == sorted(costs)
        assert 0 < costs[0] <= costs[-1] <= 1
        assert policy["judges"]["coverage"]["curve"] == [point[1] for point in policy["curve"]]
        assert policy["judges"]["coverage"]["cost_to"] == policy["cost_to"]


def test_a_share_that_is_never_reached_costs_null():
    result = backtest(policies=["random"], budget=0.02)
    assert result["policies"]["random"]["cost_to"] == {"0.5": None, "0.6": None, "0.8": None, "0.9": None}
    assert "null" in json.dumps(result)


def test_no_budget_is_a_curve_of_one_point():
    (policy,) = backtest(policies=["calibrated"], budget=0.0)["policies"].values()
    assert policy["curve"] == [[0, 0.0, 0.0, 0]]


def test_the_same_seed_gives_the_same_result_to_the_last_digit():
    plan = {
        "policies": EVERY_POLICY,
        "arrival": "stream",
        "ticks": 5,
        "decoys": 0.5,
        "worlds": ["noisy-yields"],
    }
    assert without_times(backtest(**plan, seeds=[3])) == without_times(backtest(**plan, seeds=[3]))


def test_other_seeds_see_other_halves_and_buy_other_things():
    plan = Plan(policies=["random"])
    stages = [set_stage(scenery.corpus(), scenery.target(), plan, seed) for seed in range(3)]
    assert len({tuple(stage.scene.goals[0].seen) for stage in stages}) == 3
    curves = {
        json.dumps(backtest(policies=["random"], seeds=[seed])["policies"]["random"]["curve"])
        for seed in range(3)
    }
    assert len(curves) == 3


def test_several_seeds_are_runs_of_which_the_first_stands_before_them():
    together = backtest(policies=["retrieval", "random"], seeds=[1, 2])
    apart = [backtest(policies=["retrieval", "random"], seeds=[seed]) for seed in (1, 2)]
    for name in ("retrieval", "random"):
        runs = without_times(together)["policies"][name]["runs"]
        assert runs == [without_times(each)["policies"][name] for each in apart]
        first = without_times(together)["policies"][name]
        assert {key: first[key] for key in runs[0]} == runs[0]
    assert "runs" not in apart[0]["policies"]["random"]


def test_a_policy_named_twice_is_played_once():
    result = backtest(policies=["random", "random"])
    assert "runs" not in result["policies"]["random"]


def test_tokens_in_all_are_those_of_the_world_that_is_played():
    crawl = scenery.corpus()
    plain = int(crawl.cost.sum())
    doubled = backtest(policies=["random"], worlds=["duplicated-sites"])
    assert doubled["passages"] == 58
    assert doubled["total_tokens"] > 1.15 * plain
    failing = backtest(policies=["random"], worlds=["failing-sources"])
    assert failing["total_tokens"] > 1.2 * plain
    for result in (doubled, failing):
        curve = result["policies"]["random"]["curve"]
        assert curve[-1][0] == result["total_tokens"]
        assert curve[-1][1] == pytest.approx(1, abs=0.01)
    dear = backtest(policies=["random"], worlds=["price-change"], arrival="stream", ticks=6)
    assert dear["total_tokens"] == plain + 3 * int(crawl.tokens_out[24:].sum())


def test_decoys_bring_less_and_cost_the_same():
    crawl = scenery.corpus(documents=200, topics=8)
    plain, empty = (
        backtest(crawl, policies=["retrieval"], decoys=fraction, seeds=[3]) for fraction in (0.0, 0.5)
    )
    assert plain["total_tokens"] == empty["total_tokens"]
    pairs = [result["policies"]["retrieval"]["curve"][-1][3] for result in (plain, empty)]
    assert 0 < pairs[1] < pairs[0]
    assert empty["policies"]["retrieval"]["curve"][-1][1] == pytest.approx(1, abs=1e-4)


def test_streams_are_judged_over_time_too():
    result = backtest(policies=["oracle", "random"], arrival="stream", ticks=8, budget=0.3)
    averages = [policy["time_average"] for policy in result["policies"].values()]
    assert 1 >= averages[0] > averages[1] > 0
    for plan in ({"arrival": "all"}, {"arrival": "stream", "until": 0.5}):
        assert "time_average" not in backtest(policies=["random"], **plan)["policies"]["random"]


@pytest.mark.parametrize("policy", EVERY_POLICY)
@pytest.mark.parametrize("arrival", ["all", "stream"])
def test_a_crawl_without_pairs_reaches_nothing_and_says_so(policy, arrival):
    crawl = scenery.without_pairs(scenery.corpus())
    (run,) = backtest(crawl, policies=[policy], arrival=arrival, ticks=4)["policies"].values()
    assert run["curve"][-1][0] == crawl.cost.sum()
    assert {(share, words, pairs) for _, share, words, pairs in run["curve"]} == {(0, 0, 0)}
    for judge in run["judges"].values():
        assert judge["full"] == 0
        assert set(judge["cost_to"].values()) == {None}
        assert set(judge["curve"]) == {0.0}


def test_a_world_in_which_nothing_is_left_reaches_nothing():
    (run,) = backtest(policies=["calibrated"], decoys=1.0)["policies"].values()
    assert run["judges"]["coverage"]["full"] == pytest.approx(run["judges"]["coverage"]["full"])
    everything = scenery.corpus(documents=4, topics=1)
    (run,) = backtest(everything, scenery.target(topics=1), policies=["calibrated"], decoys=1.0)[
        "policies"
    ].values()
    assert run["curve"][-1][1:] == [0, 0, 0]
    assert run["cost_to"]["0.5"] is None


def test_a_target_that_no_pair_is_near_to_is_never_reached_however_much_is_bought():
    crawl, goal = scenery.corpus(), scenery.target()
    away = crawl.pair_vectors.copy()
    away[:, 0] = -np.abs(away[:, 0])
    far = replace(goal, vectors=np.eye(1, scenery.DIMENSION, dtype=np.float32).repeat(12, axis=0))
    result = backtest(replace(crawl, pair_vectors=away), far, policies=["retrieval"], until=0.5)
    (run,) = result["policies"].values()
    assert run["curve"][-1][0] == crawl.cost.sum()
    assert run["cost_to"]["0.5"] is None
    assert run["judges"]["words"]["cost_to"]["0.5"] is not None


def test_references_that_are_all_alike_are_covered_like_one():
    goal = scenery.target()
    alike = replace(goal, vectors=np.repeat(goal.vectors[:1], 12, axis=0), texts=[goal.texts[0]] * 12)
    result = backtest(goal=alike, policies=EVERY_POLICY)
    for policy in result["policies"].values():
        assert policy["curve"][-1][1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("references", [2, 3])
def test_two_references_are_enough(references):
    goal = scenery.target(references=references)
    (run,) = backtest(goal=goal, policies=["calibrated"])["policies"].values()
    assert run["curve"][-1][1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("arrival", ["all", "stream"])
@pytest.mark.parametrize("policy", EVERY_POLICY)
def test_a_single_document_is_a_crawl(policy, arrival):
    crawl = scenery.corpus(documents=1, passages=1)
    (run,) = backtest(crawl, policies=[policy], arrival=arrival)["policies"].values()
    assert [point[0] for point in run["curve"]] == [0, int(crawl.cost[0])]
    assert run["curve"][-1][3] == 2


@pytest.mark.parametrize("until", [0.3, 0.6, 0.9])
def test_a_run_ends_soon_after_the_share_it_was_asked_for(until):
    crawl, goal = scenery.corpus(documents=60), scenery.target()
    whole = backtest(crawl, goal, policies=["random"])["policies"]["random"]
    ended = backtest(crawl, goal, policies=["random"], until=until)["policies"]["random"]
    assert ended["curve"][-1][1] >= until
    reached = next(tokens for tokens, share, *_ in whole["curve"] if share >= until)
    assert ended["curve"][-1][0] <= 1.1 * reached + 8 * crawl.cost.max()
    shares = [share for share in ended["cost_to"] if float(share) <= until]
    assert {share: ended["cost_to"][share] for share in shares} == pytest.approx(
        {share: whole["cost_to"][share] for share in shares}, rel=0.05
    )


@pytest.mark.parametrize("judge", ["words", "language-model"])
def test_the_first_judge_decides_when_a_run_ends(judge):
    plan = Plan(policies=(), judges=[judge, "coverage"], until=0.5)
    stage = set_stage(scenery.corpus(documents=60), scenery.target(), plan, 0)
    _, curve = stage.play(make_policy_of("random", stage.scene, 0.0), plan)
    assert curve.shares[judge][-1] >= 0.5
    assert curve.tokens[-1] < stage.total_tokens


def test_without_the_judge_of_words_their_column_is_null():
    (run,) = backtest(policies=["random"], judges=["coverage"])["policies"].values()
    assert {words for _, _, words, _ in run["curve"]} == {None}


def test_only_the_policy_that_learns_from_it_explores():
    scene = scenery.scene()
    explored = {name: make_policy_of(name, scene, 0.2).exploration for name in EVERY_POLICY}
    assert {name for name, share in explored.items() if share > 0} == {"calibrated"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"policies": ["randon"]}, "there is no policy 'randon'; choose from: calibrated, retrieval, "),
        (
            {"policies": ["random"], "worlds": ["flood"]},
            "there is no world 'flood'; choose from: noisy-yields",
        ),
        ({"policies": ["random"], "judges": ["me"]}, "there is no judge 'me'; choose from: coverage, words"),
    ],
)
def test_names_that_do_not_exist_are_answered_with_those_that_do(names, said):
    with pytest.raises(ConfigurationError) as refused:
        backtest(**names)
    assert str(refused.value).startswith(said)


def test_progress_is_told_of_every_run():
    told = []
    run_backtest(
        scenery.corpus(), scenery.target(), Plan(policies=["random", "oracle"], seeds=[4, 5]), told.append
    )
    assert [line.split(":")[:2] for line in told] == [
        ["seed 4", " random"],
        ["seed 4", " oracle"],
        ["seed 5", " random"],
        ["seed 5", " oracle"],
    ]


def test_the_target_is_split_anew_for_every_seed_whatever_was_split_before():
    goal = scenery.target()
    other = Target(goal.name, goal.texts, goal.vectors, ~goal.seen)
    one, two = (
        without_times(backtest(goal=each, policies=["retrieval"], seeds=[7])) for each in (goal, other)
    )
    assert one == two
