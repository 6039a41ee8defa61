import pytest

from equal_stream.allocation.exceptions import UnknownPolicy
from equal_stream.allocation.policy.checks import CHECKS, buy, example_market
from equal_stream.allocation.policy.registry import POLICIES, make_policy


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_policy_conforms(name, check):
    check(lambda exploration: make_policy(name, exploration=exploration))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UnknownPolicy, match="calibrated, retrieval, uniform, random"):
        make_policy("oracle")


@pytest.mark.parametrize("name", ["calibrated", "retrieval"])
def test_the_drawn_share_of_tickets_is_about_the_exploration(name):
    choices = buy(make_policy(name, exploration=0.25), example_market(passages=3000), 800)
    assert len(choices) == 800
    drawn = sum(choice.propensity < 0.5 for choice in choices)
    assert 140 < drawn < 260
