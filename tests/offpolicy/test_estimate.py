"""Estimates: what policies would have earned in place of a log, from the log alone."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.exceptions import UnknownPolicy
from equal_stream.extraction.base import Ticket
from equal_stream.offpolicy.correction import Correction
from equal_stream.offpolicy.estimate import Evaluation, NothingToLearnFrom, evaluate, interval
from equal_stream.offpolicy.history import Answer, History
from equal_stream.offpolicy.outlook import Outlook, PossibleWorld
from equal_stream.offpolicy.play import Play, costing
from equal_stream.offpolicy.yields import Yields
from tests.offpolicy.crawl import PRICING, Crawl, make_log, setup

POLICIES = ("calibrated", "retrieval", "random")


@pytest.fixture(scope="module")
def crawl() -> Crawl:
    return Crawl(seed=2)


@pytest.fixture(scope="module")
def history(crawl: Crawl) -> History:
    return make_log(crawl, setup())


@pytest.fixture(scope="module")
def evaluation(history: History) -> Evaluation:
    return evaluate(history, setup(), PRICING, POLICIES, draws=6)


def test_what_policies_really_earn_lies_in_their_intervals_or_near(
    crawl: Crawl, history: History, evaluation: Evaluation
) -> None:
    for found in evaluation.policies:
        truth = Play(history, setup(found.policy, seed=77), PRICING, crawl.result).run().gain
        slack = 0.1 * found.gain  # of one log, 95 of 100 need not hold; bench.off_policy counts them
        assert found.low - slack <= truth <= found.high + slack, found.policy


def test_the_policy_that_made_the_log_is_known_best(evaluation: Evaluation) -> None:
    own, _, other = evaluation.policies
    assert own.gain == pytest.approx(evaluation.log.gain, rel=0.1)
    assert own.known > 0.8 > other.known
    assert own.high - own.low < 0.2 * own.gain


def test_a_worse_policy_is_seen_to_be_worse(evaluation: Evaluation) -> None:
    calibrated, _, random = evaluation.policies
    assert random.high < calibrated.low


def test_all_spend_what_the_log_spent(evaluation: Evaluation) -> None:
    assert evaluation.log.unit == "USD"
    for found in evaluation.policies:
        assert found.cost == pytest.approx(evaluation.log.cost, rel=0.05)


def test_the_log_is_summed_up(history: History, evaluation: Evaluation) -> None:
    outcomes = [answer.outcome for answer in history.answers.values()]
    assert evaluation.log.calls == len(outcomes) == evaluation.log.policies["calibrated"]
    assert evaluation.log.random == sum(outcome.propensity < 0.5 for outcome in outcomes) > 0
    assert evaluation.log.gain == pytest.approx(sum(outcome.gain for outcome in outcomes))


def test_the_same_seed_gives_the_same_estimates(history: History) -> None:
    first, second = (evaluate(history, setup(), PRICING, ["random"], draws=2, seed=5) for _ in range(2))
    assert first == second


def test_a_world_answers_what_the_log_shows_and_always_alike(history: History, crawl: Crawl) -> None:
    outlook = Outlook(history, setup(), PRICING, np.random.default_rng(0))
    worlds = [PossibleWorld(outlook, costing(PRICING), seed) for seed in (1, 1, 2)]
    known = {answer.outcome.passage_id: answer for answer in history.answers.values()}
    differ = 0
    for passage in crawl.passages:
        ticket = ticket_for(passage.passage_id, passage.cluster_id)
        first, again, other = (world.answer(ticket) for world in worlds)
        assert first == again
        if passage.passage_id in known:
            assert len(first.pairs) == known[passage.passage_id].outcome.pairs
            assert first == other
        differ += first != other
    assert differ > 50


def ticket_for(passage_id: str, cluster: int) -> Ticket:
    return Ticket(
        ticket_id="t",
        request_id="r",
        passage_id=passage_id,
        doc_id="d",
        url="u",
        cluster_id=cluster,
        target="t",
        tokens=100,
        reserved_tokens=500,
        reserved_usd=0.1,
        predicted_gain=0.1,
        propensity=1.0,
        policy="calibrated",
    )


def test_random_tickets_pull_a_wrong_model_towards_what_is_right(
    crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubly robust; how far a hundred tickets pull is weighed, `test_correction` shows where it leads."""
    history = make_log(crawl, setup("random"), tickets=120)

    def estimated() -> float:
        return evaluate(history, setup(), PRICING, ["retrieval"], draws=6).policies[0].gain

    right = estimated()
    rate, foretell = Yields.draw_rate, Yields.foretell

    def high_rate(self: Yields, *asked: object) -> float:
        return 3 * rate(self, *asked)  # type: ignore[arg-type]

    def high_foretold(self: Yields, *asked: object) -> tuple[float, float]:
        mean, variance = foretell(self, *asked)  # type: ignore[arg-type]
        return 3 * mean, 3 * variance

    monkeypatch.setattr(Yields, "draw_rate", high_rate)
    monkeypatch.setattr(Yields, "foretell", high_foretold)
    corrected = estimated()
    monkeypatch.setattr(Correction, "by", lambda _: Correction(np.zeros(0), np.ones(1), np.zeros(1)))
    uncorrected = estimated()
    assert uncorrected > 1.4 * right
    assert corrected - right < 0.75 * (uncorrected - right)


def replaced(history: History, **changes: object) -> History:
    answers = {
        ticket_id: Answer(msgspec.structs.replace(answer.outcome, **changes), answer.pairs)
        for ticket_id, answer in history.answers.items()
    }
    return History(history.events, answers)


def test_a_log_without_propensities_carries_no_estimate(history: History) -> None:
    with pytest.raises(NothingToLearnFrom, match="no propensities"):
        evaluate(replaced(history, propensity=0.0), setup(), PRICING, ["random"])


def test_a_short_log_carries_no_estimate(crawl: Crawl) -> None:
    with pytest.raises(NothingToLearnFrom, match="only 20 billed calls"):
        evaluate(make_log(crawl, setup(), tickets=20), setup(), PRICING, ["random"])


def test_an_empty_log_carries_no_estimate() -> None:
    with pytest.raises(NothingToLearnFrom, match="no billed call"):
        evaluate(History([], {}), setup(), PRICING, ["random"])


def test_a_log_without_pairs_carries_no_estimate(history: History) -> None:
    bare = {ticket: Answer(answer.outcome) for ticket, answer in history.answers.items()}
    with pytest.raises(NothingToLearnFrom, match="no pairs"):
        evaluate(History(history.events, bare), setup(), PRICING, ["random"])


def test_an_unknown_policy_is_named(history: History) -> None:
    with pytest.raises(UnknownPolicy, match="'clever'"):
        evaluate(history, setup(), PRICING, ["clever"], draws=2)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30))
def test_an_interval_holds_the_middle_and_does_not_reach_below_nothing(gains: list[float]) -> None:
    low, high = interval(gains)
    middle = float(np.sqrt(gains).mean() ** 2)
    assert 0 <= low <= middle * (1 + 1e-9)
    assert middle <= high * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("draws", [5, 20])
def test_an_interval_holds_one_more_value_95_times_of_100(draws: int) -> None:
    rng = np.random.default_rng(3)
    values = (3 + 0.3 * rng.standard_normal((4000, draws + 1))) ** 2
    held = sum(low <= row[-1] <= high for row in values for low, high in [interval(row[:-1])])
    assert 0.935 < held / 4000 < 0.965
