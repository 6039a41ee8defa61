"""Brings what the actor counted into the metrics of the process that runs it."""

from equal_stream.allocation.status import AllocatorStatus, TargetStatus
from equal_stream.allocator.tally import Tally
from equal_stream.allocator.view import AllocatorView
from equal_stream.observability import metrics


class MetricsMirror:
    """Adds to the counters what is new since the last view; sets the gauges."""

    def __init__(self) -> None:
        self._seen = Tally()
        self._targets: set[str] = set()

    def show(self, view: AllocatorView) -> None:
        """Bring one view into the metrics."""
        if view.status is None:
            return
        self._count(view.tally.since(self._seen))
        self._seen = view.tally
        _gauges(view.status)
        self._show_targets(view.status.targets)

    def _show_targets(self, targets: list[TargetStatus]) -> None:
        """Set the gauges of each target; one that is gone has none any more."""
        for target in targets:
            metrics.TARGET_COVERAGE.labels(target.name).set(target.coverage)
            for of, distance in (("output", target.distance), ("crawl", target.distance_of_crawl)):
                if distance is not None:
                    metrics.TARGET_DISTANCE.labels(target.name, of).set(distance)
        there = {target.name for target in targets}
        for name in self._targets - there:
            metrics.TARGET_COVERAGE.remove(name)
            metrics.TARGET_DISTANCE.remove_by_labels({"target": name})
        self._targets = there

    @staticmethod
    def _count(new: Tally) -> None:
        for status, count in new.tickets.items():
            metrics.TICKETS.labels(status).inc(count)
        for target, count in new.pairs.items():
            metrics.PAIRS_PUBLISHED.labels(target).inc(count)
        for target, gain in new.gain.items():
            metrics.GAIN.labels(target).inc(max(0.0, gain))
        for reason, count in new.rejected.items():
            metrics.PAIRS_REJECTED.labels(reason).inc(count)
        for where, count in new.dead.items():
            metrics.DEAD_LETTERS.labels(*where.split(" ", 1)).inc(count)
        for direction, count in new.tokens.items():
            metrics.LLM_TOKENS.labels(direction).inc(count)
        metrics.PAIRS_WITHDRAWN.inc(new.withdrawn)


def _gauges(status: AllocatorStatus) -> None:
    budget = status.budget
    metrics.CANDIDATES.set(status.waiting)
    metrics.TICKETS_OPEN.set(status.in_flight)
    metrics.BUDGET_OVERRUNS.set(budget.overruns)
    metrics.TOKENS.labels("reserved").set(budget.tokens_reserved)
    metrics.TOKENS.labels("spent").set(budget.tokens_spent)
    metrics.USD.labels("reserved").set(budget.usd_reserved)
    metrics.USD.labels("spent").set(budget.usd_spent)
    if budget.tokens_left is not None:
        metrics.TOKENS.labels("left").set(budget.tokens_left)
    if budget.usd_left is not None:
        metrics.USD.labels("left").set(budget.usd_left)
