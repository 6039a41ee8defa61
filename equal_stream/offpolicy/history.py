"""A live log as one sequence: what the allocator took in and what it did, in the order it happened."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from equal_stream.extraction.base import ExtractedPair, ExtractionResult, Ticket
from equal_stream.messages import (
    AssignedPassage,
    ClusterEvent,
    ExtractionOutcome,
    LedgerEntry,
    QAPair,
    ReferencePair,
    pack_vector,
)


@dataclass(frozen=True, slots=True)
class Removal:
    """Passages that left the crawl."""

    passage_ids: list[str]


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference with its unit vector (d,) float32."""

    pair: ReferencePair
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ReferenceGone:
    """A reference that was taken back."""

    target: str
    ref_id: str


@dataclass(frozen=True, slots=True)
class Before:
    """A pair with its unit vector (d,) that covers for all policies alike, since none could buy it."""

    pair: QAPair
    vector: NDArray[np.float32]


Event = AssignedPassage | ClusterEvent | Removal | Reference | ReferenceGone | Before | LedgerEntry


@dataclass(frozen=True, slots=True)
class Answer:
    """How one ticket ended.

    Attributes
    ----------
    pairs
        Its published pairs with their unit vectors (d,), as far as the log still has them.
    """

    outcome: ExtractionOutcome
    pairs: list[tuple[QAPair, NDArray[np.float32]]] = field(default_factory=list)

    @property
    def billed(self) -> bool:
        """Whether a call was made and its bill and its fate are known."""
        return self.outcome.billed

    @property
    def complete(self) -> bool:
        """Whether all pairs that it brought are there."""
        return len(self.pairs) == self.outcome.pairs

    def result_for(self, ticket: Ticket) -> ExtractionResult:
        """Return this answer as that of a ticket for the same passage, without what gates refused."""
        outcome = self.outcome
        return ExtractionResult(
            ticket_id=ticket.ticket_id,
            request_id=ticket.request_id,
            status="failed" if outcome.status == "failed" else "answered",
            tokens_in=outcome.tokens_in,
            tokens_out=outcome.tokens_out,
            cost_usd=outcome.cost_usd,
            pairs=[
                ExtractedPair(
                    question=pair.question,
                    answer=pair.answer,
                    quote=pair.evidence.quote,
                    start=pair.evidence.start,
                    end=pair.evidence.end,
                    vector=pack_vector(vector),
                )
                for pair, vector in self.pairs
            ],
            rejected=outcome.rejected,
            model=outcome.model,
            error=outcome.error,
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """One call of `choose`.

    Attributes
    ----------
    at
        When it was.
    tickets
        Those it reserved that became billed calls, in order.
    """

    at: datetime
    tickets: list[str]


@dataclass(frozen=True)
class History:
    """A log in order.

    Attributes
    ----------
    events
        Inputs and ledger entries; a ticket's answer is in force with the entry that ends it.
    answers
        By ticket.
    """

    events: list[Event]
    answers: dict[str, Answer]

    def moments(self) -> list[Moment]:
        """Return the moments at which something was bought.

        Tickets that were never sent, whose call's fate is not known, or that are still open do not count:
        what they cost and brought says nothing about their passages.
        """
        found: list[Moment] = []
        running = False  # whether the last entry reserved a ticket of the last moment
        for entry in self.events:
            if not isinstance(entry, LedgerEntry):
                continue
            if entry.entry != "reserve":
                running = False
                continue
            if not (running and found[-1].at == entry.at):
                found.append(Moment(entry.at, []))
                running = True
            answer = self.answers.get(entry.ticket_id)
            if answer is not None and answer.billed:
                found[-1].tickets.append(entry.ticket_id)
        return [moment for moment in found if moment.tickets]

    def billed(self) -> list[Answer]:
        """Return the answers of billed calls that a ticket of this log was reserved for, in order."""
        return [self.answers[ticket_id] for moment in self.moments() for ticket_id in moment.tickets]

    def passages(self) -> dict[str, AssignedPassage]:
        """Return every passage by its id, as it was assigned last."""
        return {event.passage_id: event for event in self.events if isinstance(event, AssignedPassage)}

    @property
    def dimension(self) -> int:
        """The length of the passages' vectors; 0 when there are no passages."""
        passages = (event for event in self.events if isinstance(event, AssignedPassage))
        return next((len(passage.vector) // 4 for passage in passages), 0)
