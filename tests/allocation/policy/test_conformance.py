from collections import Counter

import numpy as np
import pytest

from equal_stream.allocation.exceptions import UnknownPolicy
from equal_stream.allocation.policy.checks import CHECKS, buy, example_market
from equal_stream.allocation.policy.registry import POLICIES, make_policy


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_policy_conforms(name, check):
    check(lambda exploration: make_policy(name, exploration=exploration))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UnknownPolicy, match=r"calibrated, retrieval, equal, ucb-ratio, .*uniform, random"):
        make_policy("clairvoyant")


def test_options_reach_the_policy_that_takes_them():
    assert make_policy("equal", exploration=0.1, alpha=0.3).alpha == 0.3
    assert make_policy("discounted-ucb", forget=0.9).forget == 0.9
    with pytest.raises(TypeError, match="alpha"):
        make_policy("random", alpha=0.3)


@pytest.mark.parametrize("name", ["ucb-ratio", "raw-ucb", "equal"])
def test_a_propensity_is_the_frequency_with_which_the_passage_is_chosen(name):
    seen, said = Counter(), {}
    market = example_market(passages=60)
    for seed in range(6000):
        market.rng = np.random.default_rng(seed)
        policy = make_policy(name, exploration=0.4, **({"warmup": 0.0} if name == "equal" else {}))
        for _ in range(3):  # clusters 0 and 1 have shown most, and the same
            policy.update(seed % 2, 0.1, 0.5)
            policy.update(1 - seed % 2, 0.1, 0.5)
            for arm in range(2, 6):
                policy.update(arm, 0.1, 0.1)
        choice = next(policy.pull(market, 1))
        seen[choice.row] += 1
        said[choice.row] = choice.propensity
    assert sum(said.values()) == pytest.approx(1)
    for row, propensity in said.items():
        assert abs(seen[row] / 6000 - propensity) < 4 * np.sqrt(propensity / 6000)


@pytest.mark.parametrize("name", ["calibrated", "retrieval"])
def test_half_of_what_is_drawn_at_random_is_from_the_shortlist_and_the_propensities_say_so(name):
    market, seen, said = example_market(passages=1200), Counter(), {}
    for seed in range(4000):
        market.rng = np.random.default_rng(seed)
        choice = next(make_policy(name, exploration=0.5).pull(market, 1))
        seen[choice.row] += 1
        said[choice.row] = choice.propensity
    best, *others = (round(each, 9) for each in sorted(set(said.values()), reverse=True))
    listed = int(np.count_nonzero(market.candidates.listing.rows >= 0))
    everywhere, near = 0.25 / 1200, 0.25 / listed
    assert best == pytest.approx(0.5 + near + everywhere)
    assert others == pytest.approx([near + everywhere, everywhere], rel=1e-4)
    times = Counter()
    for row, count in seen.items():
        times[round(said[row], 9)] += count
    for propensity, rows in ((best, 1), (others[0], listed - 1), (others[1], 1200 - listed)):
        share = propensity * rows
        assert abs(times[propensity] / 4000 - share) < 4 * np.sqrt(share / 4000)


@pytest.mark.parametrize("name", ["calibrated", "retrieval"])
def test_the_drawn_share_of_tickets_is_about_the_exploration(name):
    choices = buy(make_policy(name, exploration=0.25), example_market(passages=3000), 800)
    assert len(choices) == 800
    drawn = sum(choice.propensity < 0.5 for choice in choices)
    assert 140 < drawn < 260
