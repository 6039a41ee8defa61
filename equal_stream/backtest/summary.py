"""A backtest's result in the words and figures of a table: one line a policy, means over the seeds."""

import math
from collections.abc import Mapping
from statistics import fmean
from typing import Any


def runs_of(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a policy's runs, one a seed."""
    return policy.get("runs") or [policy]


def cost(policy: Mapping[str, Any], judge: str, share: str) -> str:
    """Return what reaching a share cost: the geometric mean over the seeds that reached it, and how many."""
    runs = runs_of(policy)
    costs = [run["judges"][judge]["cost_to"][share] for run in runs]
    paid = [each for each in costs if each is not None]
    if not paid:
        return "never"
    mean = math.exp(fmean(map(math.log, paid)))
    return f"{100 * mean:.2f} %" + (f" ({len(paid)} of {len(runs)} seeds)" if len(paid) < len(runs) else "")


def pairs(policy: Mapping[str, Any]) -> str:
    """Return how many pairs were published."""
    return f"{fmean(run['curve'][-1][3] for run in runs_of(policy)):,.0f}"


def average_over_time(policy: Mapping[str, Any]) -> str:
    """Return the mean over ticks of what was covered, of what could have been by then."""
    return f"{100 * fmean(run['time_average'] for run in runs_of(policy)):.1f} %"
