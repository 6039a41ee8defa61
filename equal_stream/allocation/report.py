"""The status of the holdings, drawn up for an operator."""

from datetime import datetime

from equal_stream.allocation.budget_report import budget_status
from equal_stream.allocation.holdings import Holdings
from equal_stream.allocation.money import usd
from equal_stream.allocation.status import (
    AllocatorStatus,
    ClusterStatus,
    Idle,
    TargetStatus,
)


def report(held: Holdings, idle: Idle, at: datetime) -> AllocatorStatus:
    """Return what an operator wants to see at `at`."""
    arms = held.pool.arms
    return AllocatorStatus(
        policy=held.policy.name,
        paused=held.budget.paused,
        idle=idle,
        budget=budget_status(held.budget, held.ledger, at),
        targets=_targets(held),
        clusters=_clusters(held),
        candidates=len(held.pool.candidates),
        waiting=int(arms.waiting.sum()),
        in_flight=len(held.ledger.open),
        pairs=len(held.worth.pairs),
        counts={reason: count for reason, count in held.counts.items() if count},
    )


def _targets(held: Holdings) -> list[TargetStatus]:
    targets = held.worth.targets
    coverage, touched = held.worth.coverage.values(), held.worth.coverage.touched()
    weights = targets.by_target(targets.importance)
    audits = [held.worth.audit.of(name) for name in targets.names]
    return [
        TargetStatus(
            name=target.name,
            references=target.references,
            weight=float(weight),
            coverage=coverage[target.name],
            touched=touched[target.name],
            threshold=target.threshold,
            distance=audit.distance,
            distance_of_crawl=audit.crawl,
            audited_pairs=audit.pairs,
        )
        for target, weight, audit in zip(targets.by_name.values(), weights, audits, strict=True)
    ]


def _clusters(held: Holdings) -> list[ClusterStatus]:
    """Return all clusters, those with most spent first; tickets that cost no money count by number."""
    arms = held.pool.arms
    spent = arms.spent if arms.spent.any() else arms.tickets
    total = max(int(spent.sum()), 1)
    order = sorted(arms.rows.items(), key=lambda item: (-int(spent[item[1]]), item[0]))
    return [
        ClusterStatus(
            cluster_id=cluster_id,
            waiting=int(arms.waiting[row]),
            in_flight=int(arms.in_flight[row]),
            tickets=int(arms.tickets[row]),
            pairs=int(arms.pairs[row]),
            usd=usd(int(arms.spent[row])),
            tokens=int(arms.spent_tokens[row]),
            share=int(spent[row]) / total,
            posterior=held.policy.posterior(row),
            gain=float(arms.gain[row]),
        )
        for cluster_id, row in order
    ]
