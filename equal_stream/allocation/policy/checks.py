"""What every policy must do, in river's manner: a policy that passes these can be trusted with money.

`for check in CHECKS: check(make)` with `make(exploration)` returning a new policy; a failed check is an
`AssertionError` that says what was broken.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation import state as saved
from equal_stream.allocation.arms import Arms
from equal_stream.allocation.budget import Allowance
from equal_stream.allocation.candidates import Candidates
from equal_stream.allocation.cost import CostModel
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.market import Market
from equal_stream.allocation.policy.base import Choice, Policy
from equal_stream.allocation.policy.ingredients import NONE_LEARNED
from equal_stream.allocation.prediction import Prediction
from equal_stream.allocation.quantise import unit
from equal_stream.allocation.targets import Targets
from equal_stream.extraction.base import Pricing

Make = Callable[[float], Policy]

_DIMENSION = 16
_CLUSTERS = 6


def example_market(passages: int = 120, seed: int = 0, allowance: Allowance | None = None) -> Market:
    """Return a market of random passages in six clusters with a target of ten references."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((_CLUSTERS, _DIMENSION)).astype(np.float32)
    targets, arms, table = Targets(_DIMENSION), Arms(), Candidates(_DIMENSION, 10_000)
    for number in range(10):
        noise = rng.standard_normal(_DIMENSION).astype(np.float32)
        targets.set("target", str(number), unit(centres[0] + noise / 2), 1.0)
    for number in range(passages):
        cluster = number % _CLUSTERS
        noise = rng.standard_normal(_DIMENSION).astype(np.float32)
        arm = arms.row(cluster)
        table.add(
            str(UUID(int=number)),
            "document",
            "https://example.org/",
            unit(centres[cluster] + noise / 2),
            tokens=int(rng.integers(20, 250)),
            text_bytes=int(rng.integers(100, 1000)),
            cluster=arm,
        )
        arms.waiting[arm] += 1
    coverage = Coverage(targets)
    market = Market(
        table,
        arms,
        coverage,
        CostModel(Pricing(in_mtok_cost=0.1, out_mtok_cost=0.4), 256),
        allowance=allowance or Allowance(None, None),
        prediction=Prediction(coverage, NONE_LEARNED),
        rng=np.random.default_rng(seed),
    )
    market.evaluate(table.due(passages, passages))
    return market


def buy(policy: Policy, market: Market, limit: int) -> list[Choice]:
    """Return what a policy pulls, booked as the core books it."""
    choices = []
    for choice in policy.pull(market, limit):
        arm = market.candidates.clusters[choice.row]
        market.candidates.take(choice.row)
        market.arms.waiting[arm] -= 1
        market.arms.in_flight[arm] += 1
        market.buy(choice.row, choice.gain, choice.weight)
        choices.append(choice)
    return choices


def check_buys_each_passage_at_most_once(make: Make) -> None:
    """Everything is bought in the end, and nothing twice."""
    for exploration in (0.0, 0.5):
        rows = [choice.row for choice in buy(make(exploration), example_market(), 1000)]
        assert len(rows) == len(set(rows)), "a passage was pulled twice"
        assert len(rows) == 120, "passages that could be bought were left, with no reserve price set"


def check_respects_the_limit(make: Make) -> None:
    """No more is pulled than was asked for."""
    for limit in (0, 1, 7):
        assert len(buy(make(0.1), example_market(), limit)) == limit, f"limit {limit} was not kept"


def check_pulls_only_what_can_be_paid_for(make: Make) -> None:
    """A passage whose bound does not fit the money left is not pulled, nor is any when nothing fits."""
    market = example_market()
    half = int(np.median(market.candidates.bytes[:120]))
    tokens, amount = market.cost.bound(half)
    market.afford(Allowance(amount, tokens))
    for choice in buy(make(0.5), market, 1000):
        assert market.candidates.bytes[choice.row] <= half, "a passage above the allowance was pulled"
    assert not buy(make(0.5), example_market(allowance=Allowance(0, None)), 10), "pulled without money"


def check_nothing_to_buy(make: Make) -> None:
    """An empty market yields nothing and breaks nothing."""
    assert buy(make(0.5), example_market(passages=0), 10) == [], "pulled from an empty market"


def check_records_propensities(make: Make) -> None:
    """Every choice says with what probability it was made, in (0, 1], and a finite gain."""
    for choice in buy(make(0.2), example_market(), 40):
        assert 0 < choice.propensity <= 1, f"propensity {choice.propensity}"
        assert np.isfinite(choice.gain), "a gain is not finite"
        assert 0 <= choice.weight <= 1, f"weight {choice.weight}"


def check_is_deterministic_by_seed(make: Make) -> None:
    """The same seed pulls the same passages."""
    first, second = (buy(make(0.3), example_market(seed=5), 30) for _ in range(2))
    assert first == second, "two runs with one seed differ"


def check_state_continues_exactly(make: Make) -> None:
    """What was learned survives saving, between any two tickets, and the next pulls are the same."""
    for bought in (0, 5, 13):
        policy = _taught(make(0.2))
        buy(policy, example_market(seed=2), bought)
        copy = make(0.2)
        copy.load_state(saved.load(saved.dump(policy.to_state())))
        first, second = (buy(each, example_market(seed=3), 30) for each in (policy, copy))
        assert first == second, "a restored policy pulls otherwise"
        first, second = (buy(_taught(each), example_market(seed=4), 30) for each in (policy, copy))
        assert first == second, "a restored policy learns otherwise"


def check_takes_in_whatever_was_extracted(make: Make) -> None:
    """Pairs told before the first pull, one by one, none at all or very many leave a policy that buys."""
    rng = np.random.default_rng(2)
    policy = make(0.1)
    for number in range(400):
        policy.extracted(int(rng.integers(80)), _units(rng.standard_normal((number % 3, _DIMENSION))))
    assert len(buy(policy, example_market(), 50)) == 50, "nothing is bought after much was extracted"
    for arm in range(_CLUSTERS):
        policy.extracted(arm, np.zeros((0, _DIMENSION), np.float32))
    assert len(buy(policy, example_market(), 50)) == 50, "nothing is bought after nothing was extracted"


def check_lives_through_lineage(make: Make) -> None:
    """Births, merges and ends of arms in any order leave a policy that still buys."""
    policy = _taught(make(0.1))
    policy.born(40, None)
    policy.born(41, 2)
    policy.merged(41, 0)
    policy.merged(3, 200)
    policy.freed(40)
    for arm in (0, 3, 41, 300):
        assert np.isfinite(policy.posterior(arm)), "a posterior is not finite"
        assert policy.posterior(arm) >= 0, "a posterior is negative"
    assert len(buy(policy, example_market(), 10)) == 10, "nothing is bought after lineage events"


def _taught(policy: Policy) -> Policy:
    rng = np.random.default_rng(4)
    for arm, predicted, realised in _lessons():
        policy.update(arm, predicted, realised)
        policy.extracted(arm, _units(rng.standard_normal((int(rng.integers(4)), _DIMENSION))))
    return policy


def _units(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def _lessons() -> Iterator[tuple[int, float, float]]:
    rng = np.random.default_rng(1)
    for _ in range(50):
        arm = int(rng.integers(_CLUSTERS))
        yield arm, float(rng.random()), float(rng.random() * arm)
    yield 0, 0.0, 0.0
    yield 1, 1e-30, 0.0


CHECKS: tuple[Callable[[Make], None], ...] = (
    check_buys_each_passage_at_most_once,
    check_respects_the_limit,
    check_pulls_only_what_can_be_paid_for,
    check_nothing_to_buy,
    check_records_propensities,
    check_is_deterministic_by_seed,
    check_state_continues_exactly,
    check_takes_in_whatever_was_extracted,
    check_lives_through_lineage,
)
