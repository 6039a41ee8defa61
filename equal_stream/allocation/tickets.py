"""Tickets under way, and what every passage that ever got one has had.

A ticket's id is a UUIDv5 of its passage and a count, so two writers that decide the same thing name it
alike and the ledger takes it once; the request's id is a UUIDv5 of the ticket's. A passage is bought at
most once: an answer ends it, a failed or unresolved call may be tried again up to the limit, and calls
that cost nothing do not count, within reason, unless the LLM refused what they asked.

Memory: some 300 bytes a passage that ever got a ticket.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream import ids
from equal_stream.extraction.base import Ticket

_FREE_TRIES = 32  # tickets that cost nothing; a passage no LLM will take must not come up for ever


@dataclass(slots=True)
class Flight:
    """A ticket under way.

    `weight` scales its expected coverage, `withdrawn`: its passage went away. `covers` (m,) is what one of
    its pairs will probably cover of each reference, as predicted on this `footing` (see `Market`).
    """

    ticket: Ticket
    weight: float
    withdrawn: bool = False
    covers: NDArray[np.float32] | None = None
    footing: tuple[int, ...] = ()


@dataclass(slots=True)
class Purchase:
    """What one passage has had: tickets in all, those charged or refused, and whether it is done with."""

    tickets: int = 0
    charged: int = 0
    done: bool = False


def request_id(ticket_id: str) -> str:
    """Return the key of a ticket's call in the journal."""
    return ids.named(ticket_id, "request")


class Tickets:
    """Flights by ticket, purchases by passage.

    Parameters
    ----------
    max_attempts
        Charged tickets a passage may get when its calls fail.
    """

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts
        self.flights: dict[str, Flight] = {}
        self._purchases: dict[str, Purchase] = {}
        self._by_passage: dict[str, str] = {}

    def next_id(self, passage_id: str) -> str:
        """Return the id of the next ticket for a passage."""
        bought = self._purchases.get(passage_id)
        return ids.named(passage_id, f"ticket:{bought.tickets + 1 if bought else 1}")

    def attempt(self, passage_id: str) -> int:
        """Return which attempt the next ticket for a passage would be, from 1."""
        bought = self._purchases.get(passage_id)
        return bought.charged + 1 if bought else 1

    def may_buy(self, passage_id: str) -> bool:
        """Tell whether a passage may get a ticket (or another)."""
        bought = self._purchases.get(passage_id)
        if bought is None:
            return True
        return not bought.done and bought.charged < self.max_attempts and bought.tickets < _FREE_TRIES

    def flight_of(self, passage_id: str) -> Flight | None:
        """Return the ticket under way for a passage."""
        ticket_id = self._by_passage.get(passage_id)
        return self.flights[ticket_id] if ticket_id is not None else None

    def begin(self, ticket: Ticket, weight: float) -> Flight:
        """Note a ticket as under way."""
        self._purchases.setdefault(ticket.passage_id, Purchase()).tickets += 1
        flight = self.flights[ticket.ticket_id] = Flight(ticket, weight)
        self._by_passage[ticket.passage_id] = ticket.ticket_id
        return flight

    def end(self, ticket_id: str, passage_id: str, *, charged: bool, done: bool) -> Flight | None:
        """Note how a ticket ended; return it if it was under way here."""
        flight = self.flights.pop(ticket_id, None)
        if self._by_passage.get(passage_id) == ticket_id:
            del self._by_passage[passage_id]
        purchase = self._purchases.setdefault(passage_id, Purchase())
        if flight is None:
            purchase.tickets += 1  # its reservation was never seen
        if flight is None or not flight.withdrawn:
            purchase.charged += charged
            purchase.done |= done
        return flight

    def forget(self, passage_id: str) -> None:
        """Note that a passage went away: should it come back, it may be bought again."""
        purchase = self._purchases.get(passage_id)
        if purchase is not None:
            purchase.charged, purchase.done = 0, False
        flight = self.flight_of(passage_id)
        if flight is not None:
            flight.withdrawn = True

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes.

        What flights cover is predicted anew, here as by who continues from the state.
        """
        for flight in self.flights.values():
            flight.footing = ()
        return {
            "flights": [
                [msgspec.json.encode(f.ticket), f.weight, f.withdrawn] for f in self.flights.values()
            ],
            "purchases": [[p, b.tickets, b.charged, b.done] for p, b in self._purchases.items()],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        for data, weight, withdrawn in state["flights"]:
            ticket = msgspec.json.decode(data, type=Ticket)
            self.flights[ticket.ticket_id] = Flight(ticket, weight, withdrawn)
            self._by_passage[ticket.passage_id] = ticket.ticket_id
        self._purchases = {p: Purchase(*rest) for p, *rest in state["purchases"]}
