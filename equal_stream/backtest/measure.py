"""From what was bought to what it was worth: coverage over tokens, and the cost of reaching a share of it.

Everything is a share of what full extraction reaches with the same judge, and of the tokens it costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.judges.base import Judge
from equal_stream.backtest.replay import Replay

SHARES = (0.5, 0.6, 0.8, 0.9)
_POINTS = 240  # of a curve
_NOTHING = 1e-9  # in any judge's unit: where full extraction reaches no more, there are no shares of it


@dataclass(frozen=True)
class Curve:
    """How much was reached for how many tokens.

    Attributes
    ----------
    tokens
        (p,) int64; spent so far, beginning with 0.
    pairs
        (p,) int64; published so far.
    shares
        By judge: (p,) float64, the share of what full extraction reaches; 0 where that is nothing.
    tickets
        (p,) intp; ended so far.
    """

    tokens: NDArray[np.int64]
    pairs: NDArray[np.int64]
    tickets: NDArray[np.intp]
    shares: Mapping[str, NDArray[np.float64]]


def measure(replay: Replay, judges: Sequence[Judge], full: Mapping[str, float]) -> Curve:
    """Return the curve of a replay at some hundred points, dense where little is spent.

    Parameters
    ----------
    full
        By judge: the value of full extraction.
    """
    ended = len(replay.spent)
    at = np.unique(np.concatenate([[0], np.geomspace(1, max(ended, 1), _POINTS).round()])).astype(np.intp)
    at = at[at <= ended]
    groups = [
        [pair for rows in replay.published[start:stop] for pair in rows]
        for start, stop in pairwise(at.tolist())
    ]
    counts = np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64)
    spent = np.concatenate([[0], replay.spent])[at]
    shares = {
        judge.name: np.concatenate([[0.0], share_of(judge.values(groups), full[judge.name])])
        for judge in judges
    }
    return Curve(spent, counts, at, shares)


def share_of(values: NDArray[np.float64], full: float) -> NDArray[np.float64]:
    """Return what values (n,) are of full extraction's: nothing, where that is nothing itself."""
    return values / full if full > _NOTHING else np.zeros(len(values))


def cost_to(curve: Curve, judge: str, share: float, total_tokens: int) -> float | None:
    """Return the share of all tokens at which a judge first sees `share`, or None if it never does."""
    values = curve.shares[judge]
    reached = np.flatnonzero(values >= share)
    if len(reached) == 0:
        return None
    after = int(reached[0])
    if after == 0:
        return 0.0
    low, high = values[after - 1], values[after]
    part = (share - low) / (high - low) if high > low else 1.0
    tokens = curve.tokens[after - 1] + part * (curve.tokens[after] - curve.tokens[after - 1])
    return float(tokens / total_tokens)


def over_time(
    replay: Replay, judge: Judge, arrived: Sequence[Sequence[int]], begin: int = 0, until: int | None = None
) -> float:
    """Return the share of what full extraction would have reached by then, averaged over ticks.

    Parameters
    ----------
    arrived
        For each tick, the rows of the pairs that full extraction would have published in it.
    begin, until
        The ticks to average over, all by default; those before anything could be covered do not count.
    """
    bought: list[list[int]] = [[] for _ in arrived]
    for tick, rows in zip(replay.ticks, replay.published, strict=True):
        bought[int(tick)] += rows
    reached = judge.values(bought)[begin:until]
    possible = judge.values(arrived)[begin:until]
    counts = possible > _NOTHING
    return float((reached[counts] / possible[counts]).mean()) if counts.any() else 0.0
