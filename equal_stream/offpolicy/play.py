"""A policy plays through a log: the same crawl, the same money at the same moments, answers from a function.

It is the allocator's core that plays, so that learning, coverage and prices follow what this policy buys.
At every moment at which the log bought, the policy may spend what the log has spent by then and it has not;
its tickets are answered at the pace at which those of the log were.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from equal_stream.allocation.core import AllocatorCore
from equal_stream.errors import InvalidRecord
from equal_stream.extraction.base import ExtractionResult, Pricing, Ticket
from equal_stream.messages import AssignedPassage, ClusterEvent, LedgerEntry
from equal_stream.offpolicy.history import Before, Event, History, Moment, Reference, ReferenceGone, Removal
from equal_stream.settings import BudgetSettings, Settings

_LEAST_COST = 0.01  # of the log's cost a call: a policy's first calls may have been next to free
Answering = Callable[[Ticket], ExtractionResult]
Costing = Callable[[int, int], float]  # of tokens in and out


def costing(pricing: Pricing | None) -> Costing:
    """Return what calls are measured by: USD, or tokens where tokens are free."""
    if pricing is None or pricing.free:
        return lambda tokens_in, tokens_out: float(tokens_in + tokens_out)
    return pricing.cost


def take_in(core: AllocatorCore, event: Event) -> None:
    """Tell a core what the allocator took in; ledger entries are passed over."""
    try:
        match event:
            case AssignedPassage():
                core.add_passage(event)
            case ClusterEvent():
                core.apply_cluster_event(event)
            case Removal():
                core.remove_passages(event.passage_ids)
            case Reference():
                core.set_reference(event.pair, event.vector)
            case ReferenceGone():
                core.remove_reference(event.target, event.ref_id)
            case Before():
                core.replay_pair(event.pair, event.vector)
            case LedgerEntry():
                pass
    except InvalidRecord:
        return  # the live allocator made it a dead letter, and went on without it


@dataclass
class Played:
    """What came of a play.

    Attributes
    ----------
    gain
        What was earned.
    cost
        What was spent, in the unit of `costing`.
    bought
        Passages in the order of their tickets.
    """

    gain: float = 0.0
    cost: float = 0.0
    bought: list[str] = field(default_factory=list)


@dataclass
class _Batch:
    """What a policy bought at one moment, and how many tickets of the log's own are still unanswered."""

    of_log: int
    calls: list[tuple[Ticket, ExtractionResult]]
    ended: int = 0
    settled: int = 0


class Play:
    """One play of a policy.

    Parameters
    ----------
    settings
        `allocation` names the policy, its exploration and the seed of all that it draws; `budget` is not
        read, since the log's spending is the budget.
    pricing
        As for `AllocatorCore`.
    answer
        Says how the call of a ticket ends.
    """

    def __init__(
        self, history: History, settings: Settings, pricing: Pricing | None, answer: Answering
    ) -> None:
        unbound = settings.model_copy(update={"budget": BudgetSettings()})
        self._core = AllocatorCore(unbound, pricing=pricing, dimension=history.dimension)
        self._history = history
        self._answer = answer
        self._cost = costing(pricing)
        self._granted = 0.0
        self._granted_tickets = 0

    def run(self) -> Played:
        """Go through the log once."""
        played = Played()
        moments = self._history.moments()
        self._last = moments[-1] if moments else None
        first = {moment.tickets[0]: moment for moment in moments}
        batch_of: dict[str, _Batch] = {}
        for event in self._history.events:
            if not isinstance(event, LedgerEntry):
                take_in(self._core, event)
            elif event.entry == "reserve":
                if event.ticket_id in first:
                    moment = first[event.ticket_id]
                    batch_of.update(dict.fromkeys(moment.tickets, self._buy(moment, played)))
            elif event.ticket_id in batch_of:
                self._settle(batch_of.pop(event.ticket_id), event.at, played)
        return played

    def _buy(self, moment: Moment, played: Played) -> _Batch:
        for ticket_id in moment.tickets:
            outcome = self._history.answers[ticket_id].outcome
            self._granted += self._cost(outcome.tokens_in, outcome.tokens_out)
        self._granted_tickets += len(moment.tickets)
        batch = _Batch(len(moment.tickets), [])
        # What a batch costs too much or too little is made up for by the next; the last is bought bit by bit.
        while (limit := self._affordable(played)) > 0:
            limit = limit if moment is not self._last else -(-limit // 2)
            reservations = self._core.choose(limit, moment.at)
            for each in reservations:
                result = self._answer(each.ticket)
                batch.calls.append((each.ticket, result))
                played.bought.append(each.ticket.passage_id)
                played.cost += self._cost(result.tokens_in, result.tokens_out)
            if moment is not self._last or len(reservations) < limit:
                break
        return batch

    def _affordable(self, played: Played) -> int:
        """Return how many tickets of the usual cost the money left is for, to the nearest."""
        usual = of_log = self._granted / self._granted_tickets
        if played.bought:
            usual = max(played.cost / len(played.bought), _LEAST_COST * of_log)
        return round((self._granted - played.cost) / usual) if usual > 0 else 0

    def _settle(self, batch: _Batch, at: datetime, played: Played) -> None:
        batch.ended += 1
        due = len(batch.calls) * batch.ended // batch.of_log
        for ticket, result in batch.calls[batch.settled : due]:
            played.gain += self._core.settle(ticket, result, at).outcome.gain
        batch.settled = due
