"""How tickets are chosen: the policy proposes, the budget disposes.

1. Bring thresholds, coverage and predictions up to date; when they moved, every known gain is due again.
2. Evaluate what is due: new passages, and a slice of the round over all others. List the best.
3. Let the policy pull; reserve each proposal before the next is asked for, so that money, waiting
   passages and expected coverage are always those after it.

The first two may be done ahead, while calls are under way: `prepare`.
"""

from datetime import datetime

import numpy as np

from equal_stream.allocation.base import Reservation
from equal_stream.allocation.holdings import Holdings
from equal_stream.allocation.market import Market
from equal_stream.allocation.money import usd
from equal_stream.allocation.policy.base import Choice
from equal_stream.allocation.settling import reserve_entry
from equal_stream.allocation.status import Idle
from equal_stream.allocation.tickets import request_id
from equal_stream.extraction.base import Ticket

_STEADY = 128  # rows of the round a call: 1 ms with 300 references
_HURRIED = 256  # after predictions changed or coverage fell, those first that promised most: 2 ms
_FRESH = 8192  # new passages, or any after references or thresholds moved: 50 ms, until all were seen


class Chooser:
    """Reserves tickets out of holdings."""

    def __init__(self, holdings: Holdings) -> None:
        self._held = holdings
        self._last: Idle = ""
        self._version = -1  # of the targets, when gains were last said to be outdated
        self._hurried = _FRESH
        self._prepared = False

    def prepare(self, at: datetime) -> None:
        """Do what the next `choose` needs and what may be done before it is asked for.

        Fits what is due, evaluates what is due, and lists the passages that promise most. Tickets that end
        meanwhile count in the choice all the same; what they teach the fits counts at the next preparation.
        """
        self._held.worth.refresh()
        if not self._blocked():
            self._prepare(at)
            self._prepared = True

    def to_state(self) -> dict[str, int]:
        """Return what `load_state` takes; who continues from it has nothing prepared, so neither has this."""
        self._prepared = False
        return {"version": self._version, "hurried": self._hurried}

    def load_state(self, state: dict[str, int]) -> None:
        """Continue with what is still overdue as fast as the chooser that the state is of."""
        self._version, self._hurried = state["version"], state["hurried"]

    def choose(self, limit: int, at: datetime) -> list[Reservation]:
        """Return up to `limit` reservations, already booked."""
        held = self._held
        held.worth.refresh()
        if self._blocked() or limit <= 0:
            return []
        prepared, self._prepared = self._prepared, False
        market = self._market(at) if prepared and not self._note_changes() else self._prepare(at)
        reservations: list[Reservation] = []
        for choice in held.policy.pull(market, limit):
            reservation = self._reserve(market, choice, at)
            if reservation is None:
                break
            reservations.append(reservation)
        self._last = "" if reservations else self._why_nothing(market, at)
        return reservations

    def _prepare(self, at: datetime) -> Market:
        held = self._held
        held.prediction.refit()
        self._note_changes()
        market = self._market(at)
        market.evaluate(held.pool.candidates.due(_STEADY, self._hurried, _FRESH))
        held.policy.prepare(market)
        return market

    def _note_changes(self) -> bool:
        """Mark every known gain as due where it may be too low now; tell whether it was so."""
        held = self._held
        if not held.worth.take_changed() | held.prediction.take_changed():
            return False
        held.pool.candidates.outdate()
        version = held.worth.targets.version
        self._hurried = _HURRIED if version == self._version else _FRESH
        self._version = version
        return True

    def idle(self, at: datetime) -> Idle:
        """Return why nothing would be bought now, or why nothing was when last asked."""
        return self._blocked() or self._out_of_money(at) or self._last

    def _blocked(self) -> Idle:
        if self._held.budget.paused:
            return "paused"
        if len(self._held.worth.targets) == 0:
            return "no references"
        return ""

    def _out_of_money(self, at: datetime) -> Idle:
        allowance = self._held.budget.allowance(at)
        tokens, amount = self._held.cost.bound(0)
        if allowance.covers(amount, tokens):
            return ""
        return "hourly cap" if allowance.hourly else "budget empty"

    def _why_nothing(self, market: Market, at: datetime) -> Idle:
        if self._held.pool.candidates.lengths.total == 0:
            return "no candidates"
        if market.stock() == 0:
            return "hourly cap" if self._held.budget.allowance(at).hourly else "budget empty"
        return "below reserve price"

    def _market(self, at: datetime) -> Market:
        held = self._held
        market = Market(
            held.pool.candidates,
            held.pool.arms,
            held.worth.coverage,
            held.cost,
            allowance=held.budget.allowance(at),
            prediction=held.prediction,
            rng=held.rng,
            reserve_price=held.reserve_price,
            ingredients=held.policy.ingredients,
        )
        self._promise(market)
        return market

    def _promise(self, market: Market) -> None:
        """Tell a market what is under way; what it stands on is predicted once, and anew if that changed."""
        rows_of, flights, rows = self._held.pool.candidates.rows, [], []
        for flight in self._held.tickets.flights.values():
            row = rows_of.get(flight.ticket.passage_id)
            if row is not None:
                flights.append(flight)
                rows.append(row)
        if not flights:
            return
        unknown = [at for at, flight in enumerate(flights) if flight.footing != market.footing]
        if unknown:
            found = market.expected(np.array(rows, np.intp)[unknown]) / market.scale
            for at, covers in zip(unknown, found, strict=True):
                flights[at].covers, flights[at].footing = covers, market.footing
        market.promise(
            np.array(rows, np.intp),
            np.array([flight.covers for flight in flights]),
            np.array([flight.ticket.predicted_gain for flight in flights]),
            np.array([flight.weight for flight in flights]),
        )

    def _reserve(self, market: Market, choice: Choice, at: datetime) -> Reservation | None:
        held, table, row = self._held, self._held.pool.candidates, choice.row
        tokens, amount = held.cost.bound(int(table.bytes[row]))
        if not market.allowance.covers(amount, tokens):
            return None
        passage_id, (doc_id, url) = table.ids[row], table.document(row)
        ticket_id = held.tickets.next_id(passage_id)
        bought = market.buy(row, choice.gain, choice.weight)
        ticket = Ticket(
            ticket_id=ticket_id,
            request_id=request_id(ticket_id),
            passage_id=passage_id,
            doc_id=doc_id,
            url=url,
            cluster_id=int(held.pool.arms.ids[table.clusters[row]]),
            target=bought.target,
            tokens=int(table.tokens[row]),
            reserved_tokens=tokens,
            reserved_usd=usd(amount),
            predicted_gain=choice.gain,
            propensity=choice.propensity,
            policy=held.policy.name,
            attempt=held.tickets.attempt(passage_id),
        )
        entry = reserve_entry(ticket, at)
        held.ledger.apply(entry)
        flight = held.tickets.begin(ticket, choice.weight)
        flight.covers, flight.footing = bought.covers, market.footing
        held.pool.take(row)
        market.afford(market.allowance.after(amount, tokens))
        return Reservation(ticket=ticket, entry=entry)
