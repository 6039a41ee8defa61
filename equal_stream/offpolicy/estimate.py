"""What policies would have earned with the money of a log: an estimate and an interval for each.

A policy plays through several worlds that the log may come from (`outlook`, `play`). What it bought in common
with the log is known; the rest differs from world to world as much as the log leaves it open. The estimate is
the mean of what the plays earned; the interval is that in which one more such play would fall 95 times of
100, by Student's law for so many plays. It is taken on square roots, where sums of rare pairs are near to
normal, and does not reach below nothing.
"""

from collections.abc import Callable, Sequence
from math import sqrt

import msgspec
import numpy as np

from equal_stream.errors import EqualStreamError
from equal_stream.extraction.base import Pricing
from equal_stream.offpolicy.history import History
from equal_stream.offpolicy.outlook import RANDOM, Outlook, PossibleWorld
from equal_stream.offpolicy.play import Play, costing
from equal_stream.settings import Settings

DRAWS = 8  # plays a policy: by Student's law a quarter more width than any number would give
LEAST_CALLS = 30  # below it nothing is known of how clusters differ
_Z = 1.959964  # the normal law's quantile at 97.5 %


class NothingToLearnFrom(EqualStreamError):
    """The log cannot carry an estimate; the sentence says what it lacks."""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What a log earned.

    Parameters
    ----------
    gain
        Of its billed calls, as settled.
    cost
        Of these, in `unit`.
    random
        Calls that were drawn at random.
    policies
        Calls by policy.
    """

    gain: float
    cost: float
    unit: str
    calls: int
    random: int
    policies: dict[str, int]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy would have earned.

    Parameters
    ----------
    low, high
        The 95 % interval.
    calls, cost
        Made and spent in the mean.
    known
        Share of these calls that the log made too.
    """

    policy: str
    gain: float
    low: float
    high: float
    calls: float
    cost: float
    known: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A log and what others would have earned in its place."""

    log: Earned
    policies: list[Estimate]
    draws: int
    seed: int


def evaluate(
    history: History,
    settings: Settings,
    pricing: Pricing | None,
    policies: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Return what policies would have earned in place of a log.

    Parameters
    ----------
    settings
        `allocation` as the policies would be run with, but for the name and the seed.
    pricing
        As for `AllocatorCore`.
    draws
        Plays a policy, 2 at least.
    progress
        Told in a line how far it is.

    Raises
    ------
    NothingToLearnFrom
        There are too few calls, no pairs, or no propensities.
    UnknownPolicy
        There is none of that name.
    """
    _require_enough(history)
    outlook = Outlook(history, settings, pricing, np.random.default_rng([seed, 0]))
    cost = costing(pricing)
    plays = {policy: _Plays() for policy in policies}
    for draw in range(draws):
        world = PossibleWorld(outlook, cost, seed * 100_003 + draw)
        for policy, made in plays.items():
            allocation = settings.allocation.model_copy(update={"policy": policy, "seed": draw})
            setup = settings.model_copy(update={"allocation": allocation})
            played = Play(history, setup, pricing, world.answer).run()
            known = sum(outlook.known(each) is not None for each in played.bought)
            made.add(played.gain, played.cost, len(played.bought), known)
        progress(f"played {draw + 1} of {draws} possible worlds")
    return Evaluation(
        log=_earned(history, pricing),
        policies=[made.estimate(policy) for policy, made in plays.items()],
        draws=draws,
        seed=seed,
    )


class _Plays:
    """The plays of one policy."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, int, int]] = []

    def add(self, gain: float, cost: float, calls: int, known: int) -> None:
        self._rows.append((gain, cost, calls, known))

    def estimate(self, policy: str) -> Estimate:
        gains, costs, calls, known = np.array(self._rows, np.float64).T
        low, high = interval(gains.tolist())
        return Estimate(
            policy=policy,
            gain=float(gains.mean()),
            low=low,
            high=high,
            calls=float(calls.mean()),
            cost=float(costs.mean()),
            known=float(known.sum() / max(calls.sum(), 1)),
        )


def interval(gains: Sequence[float]) -> tuple[float, float]:
    """Return between what one more value would lie 95 times of 100, after these; two at least."""
    roots = np.sqrt(np.maximum(gains, 0.0))
    free = len(roots) - 1
    reach = _student(free) * float(roots.std(ddof=1)) * sqrt(1 + 1 / len(roots))
    middle = float(roots.mean())
    return max(middle - reach, 0.0) ** 2, (middle + reach) ** 2


def _student(free: int) -> float:
    """Return Student's quantile at 97.5 % (Abramowitz and Stegun 1964, 26.7.5); 1 % off at 4 degrees."""
    z, n = _Z, free
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def _require_enough(history: History) -> None:
    answers = history.billed()
    if not answers:
        raise NothingToLearnFrom("the log has no billed call: there is nothing to learn from")
    if len(answers) < LEAST_CALLS:
        raise NothingToLearnFrom(
            f"the log has only {len(answers)} billed calls, and an estimate needs {LEAST_CALLS} or more"
        )
    if not any(answer.pairs for answer in answers):
        raise NothingToLearnFrom("the log's calls brought no pairs: there is nothing to compare")
    if all(answer.outcome.propensity <= 0 for answer in answers):
        raise NothingToLearnFrom(
            "the log has no propensities: its tickets were not recorded with the chance they were chosen by"
        )


def _earned(history: History, pricing: Pricing | None) -> Earned:
    outcomes = [answer.outcome for answer in history.billed()]
    cost, policies = costing(pricing), dict[str, int]()
    for outcome in outcomes:
        policies[outcome.policy] = policies.get(outcome.policy, 0) + 1
    return Earned(
        gain=sum(outcome.gain for outcome in outcomes),
        cost=sum(cost(outcome.tokens_in, outcome.tokens_out) for outcome in outcomes),
        unit="tokens" if pricing is None or pricing.free else "USD",
        calls=len(outcomes),
        random=sum(0 < outcome.propensity < RANDOM for outcome in outcomes),
        policies=policies,
    )
