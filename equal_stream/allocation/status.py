"""What the allocator shows of itself, as Structs that become JSON."""

from typing import Literal

import msgspec

Idle = Literal[
    "", "paused", "no references", "no candidates", "budget empty", "hourly cap", "below reserve price"
]


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One target.

    Parameters
    ----------
    weight
        Its say in what is bought: the mean weight of its references.
    coverage
        Mean of log(1 + covered) over its references.
    touched
        Share of its references that published pairs cover.
    threshold
        The cosine at which relevance begins.
    distance
        Energy distance between its latest pairs and its references: 0 when both are spread alike (estimated
        without bias, hence at times just below), near `distance_of_crawl` when the output is no better than
        the crawl, a quarter of that when half of it is no better. None before 32 pairs.
    distance_of_crawl
        The same for as many ordinary passages; None before 32 pairs, or 32 passages.
    audited_pairs
        How many of its latest pairs `distance` was measured on; 0 before 32.
    """

    name: str
    references: int
    weight: float
    coverage: float
    touched: float
    threshold: float
    distance: float | None = None
    distance_of_crawl: float | None = None
    audited_pairs: int = 0


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster; `share` is of all that was spent, `posterior` realised ÷ predicted gain as believed."""

    cluster_id: int
    waiting: int
    in_flight: int
    tickets: int
    pairs: int
    usd: float
    tokens: int
    share: float
    posterior: float
    gain: float


class BudgetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Money and tokens: held by open tickets, spent, and what may be reserved now (None: no cap)."""

    usd_total: float | None
    usd_per_hour: float | None
    tokens_total: int | None
    tokens_per_hour: int | None
    usd_reserved: float
    usd_spent: float
    usd_left: float | None
    tokens_reserved: int
    tokens_spent: int
    tokens_left: int | None
    overruns: int


class AllocatorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The whole; `idle` says why nothing was bought when last asked, empty while buying.

    Parameters
    ----------
    counts
        What was added, left out or rejected so far, by reason.
    """

    policy: str
    paused: bool
    idle: Idle
    budget: BudgetStatus
    targets: list[TargetStatus]
    clusters: list[ClusterStatus]
    candidates: int
    waiting: int
    in_flight: int
    pairs: int
    counts: dict[str, int]
