import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.cost import CostModel
from equal_stream.extraction.base import Pricing
from equal_stream.extraction.prompt import RESPONSE_SCHEMA, prompt_for, request_bound

PRICING = Pricing(in_mtok_cost=0.15, out_mtok_cost=0.6)


@given(st.text(max_size=300), st.text(max_size=80))
def test_the_bound_covers_the_request_that_will_be_sent(text, title):
    tokens, amount = CostModel(PRICING, 500).bound(len(text.encode("utf-8", "surrogatepass")))
    sent = request_bound(prompt_for(text, title, 5), RESPONSE_SCHEMA, 500)
    assert tokens >= sent
    assert amount >= PRICING.cost(sent - 500, 500) * 1e9


def test_offline_reserves_a_token_a_byte_and_no_money():
    assert CostModel(None, 500).bound(10_000) == (10_000, 0)
    assert CostModel(None, 500).largest_text(0, None) == np.inf
    assert CostModel(None, 500).largest_text(0, 700) == 700


@pytest.mark.parametrize(
    "pricing", [PRICING, Pricing(in_mtok_cost=0, out_mtok_cost=0), Pricing(in_mtok_cost=0, out_mtok_cost=1)]
)
@given(amount=st.none() | st.integers(0, 10**6), tokens=st.none() | st.integers(0, 20_000))
def test_a_text_of_the_largest_size_fits_and_one_a_little_larger_does_not(pricing, amount, tokens):
    model = CostModel(pricing, 300)
    largest = model.largest_text(amount, tokens)

    def fits(size):
        need, price = model.bound(size)
        return (tokens is None or need <= tokens) and (amount is None or price <= amount)

    if largest == np.inf:
        assert fits(10**6)
    elif largest < 0:
        assert not fits(0)
    else:
        assert fits(int(largest))
        assert not fits(int(largest) + 20)


def effort(model, tokens, cluster=0):
    outputs = np.array([model.output(cluster)], np.float32)
    return float(model.effort(np.array([tokens], np.int32), np.array([0], np.int32), outputs)[0])


def test_longer_passages_are_predicted_to_cost_more():
    model = CostModel(PRICING, 500)
    assert effort(model, 50) < effort(model, 200)


def test_a_cluster_with_long_answers_is_predicted_to_cost_more_than_others():
    model = CostModel(PRICING, 500)
    for _ in range(30):
        model.learn(1, 200, 400, 450)
        model.learn(2, 200, 400, 20)
    assert effort(model, 200, 1) > 2 * effort(model, 200, 2)
    assert model.output(2) < model.output(3) < model.output(1)


def test_a_prediction_comes_close_to_the_bills_it_has_seen():
    model = CostModel(PRICING, 500)
    for _ in range(300):
        model.learn(1, 200, 520, 90)
    assert effort(model, 200, 1) == pytest.approx(PRICING.cost(520, 90), rel=0.05)


def test_free_tokens_are_compared_by_their_number():
    model = CostModel(Pricing(in_mtok_cost=0, out_mtok_cost=0), 500)
    assert not model.in_dollars
    assert effort(model, 50) > 50


def test_children_inherit_and_survivors_add_up():
    model = CostModel(PRICING, 500)
    for _ in range(20):
        model.learn(1, 200, 400, 450)
    model.inherit(5, 1)
    assert model.output(5) > model.output(99)
    model.merge(7, 1)
    assert model.output(7) > model.output(99)
    model.forget(7)
    assert model.output(7) == model.output(99)
