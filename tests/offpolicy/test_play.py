"""A play: a policy in place of the one that made a log, with the same crawl and the same money."""

import pytest

from equal_stream.offpolicy.history import Answer, History
from equal_stream.offpolicy.play import Play, costing
from tests.offpolicy.crawl import PRICING, Crawl, make_log, setup


def earned(history: History) -> float:
    return sum(answer.outcome.gain for answer in history.answers.values())


def spent(history: History) -> float:
    cost = costing(PRICING)
    outcomes = [answer.outcome for answer in history.billed()]
    return sum(cost(outcome.tokens_in, outcome.tokens_out) for outcome in outcomes)


@pytest.fixture(scope="module")
def crawl() -> Crawl:
    return Crawl()


@pytest.mark.parametrize("policy", ["calibrated", "retrieval"])
def test_the_policy_that_made_a_log_plays_it_again(crawl: Crawl, policy: str) -> None:
    history = make_log(crawl, setup(policy, exploration=0.0))
    played = Play(history, setup(policy, exploration=0.0), PRICING, crawl.result).run()
    bought = [answer.outcome.passage_id for answer in history.billed()]
    # Money is counted in tickets of the usual cost, so that a batch may end one ticket sooner or later.
    assert len(set(played.bought) & set(bought)) >= 0.85 * len(bought)
    assert played.gain == pytest.approx(earned(history), rel=0.1)


@pytest.mark.parametrize("policy", ["calibrated", "retrieval", "random", "uniform", "equal", "ucb-ratio"])
def test_every_policy_spends_what_the_log_spent(crawl: Crawl, policy: str) -> None:
    history = make_log(crawl, setup())
    played = Play(history, setup(policy, seed=3), PRICING, crawl.result).run()
    assert played.cost == pytest.approx(spent(history), rel=0.03)
    assert len(played.bought) == len(set(played.bought))


def test_a_better_policy_earns_more_in_place_of_a_worse_one(crawl: Crawl) -> None:
    history = make_log(crawl, setup("random"))
    better = Play(history, setup("calibrated", exploration=0.0), PRICING, crawl.result).run()
    assert better.gain > 1.5 * earned(history)


def test_a_policy_is_paid_for_its_own_pairs_and_not_for_what_the_log_covered(crawl: Crawl) -> None:
    history = make_log(crawl, setup("calibrated"))
    silent = Play(
        history,
        setup("calibrated"),
        PRICING,
        lambda ticket: type(crawl.result(ticket))(
            ticket_id=ticket.ticket_id, request_id=ticket.request_id, status="answered", tokens_in=300
        ),
    ).run()
    assert silent.gain == 0


def test_coverage_that_fades_is_earned_again(crawl: Crawl) -> None:
    history = make_log(crawl, setup("retrieval", exploration=0.0, coverage_halflife_days=0.0001))
    fading = setup("retrieval", exploration=0.0, coverage_halflife_days=0.0001)
    lasting = setup("retrieval", exploration=0.0)
    gain = Play(history, fading, PRICING, crawl.result).run().gain
    assert gain == pytest.approx(earned(history), rel=0.03)
    assert gain > 1.1 * Play(history, lasting, PRICING, crawl.result).run().gain


def test_tickets_whose_bill_is_not_known_give_no_money(crawl: Crawl) -> None:
    history = make_log(crawl, setup())
    first = next(iter(history.answers))
    outcome = history.answers[first].outcome
    lost = type(outcome)(
        **{**{f: getattr(outcome, f) for f in outcome.__struct_fields__}, "status": "unknown"}
    )
    answers = {**history.answers, first: Answer(lost)}
    poorer = History(history.events, answers)
    assert spent(poorer) < spent(history)
    assert all(first not in moment.tickets for moment in poorer.moments())
    played = Play(poorer, setup(), PRICING, crawl.result).run()
    assert played.cost == pytest.approx(spent(poorer), rel=0.03)


def test_without_prices_tokens_are_the_money() -> None:
    assert costing(None)(300, 50) == 350
    assert costing(PRICING)(1_000_000, 0) == pytest.approx(0.15)
