"""How a ticket's end is booked: from what the worker reports to ledger entry, outcome and pairs.

answered and failed are billed as reported, or in full where the provider gave no usage; unknown in
full, since the call may have been billed; unsent, refused and dropped tickets at nothing. The first
word of an entry's reason says which it was, and replay reads it. A request that was refused for what it asks
would be refused again, so it counts as an attempt, as if it had been charged.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from equal_stream.allocation.money import nano, nano_ceiling, usd
from equal_stream.extraction.base import ExtractionResult, Pricing, Ticket
from equal_stream.messages import ExtractionOutcome, LedgerEntry, OutcomeStatus

Ending = Literal["answered", "failed", "unknown", "unsent", "refused", "released", "withdrawn"]
RETRIED = frozenset({"failed", "unknown", "unsent", "refused", "released"})  # another ticket is allowed


@dataclass(frozen=True, slots=True)
class Charge:
    """What a ticket is charged: tokens in and out, and nano-USD."""

    tokens_in: int = 0
    tokens_out: int = 0
    amount: int = 0


def ending_of(result: ExtractionResult) -> Ending:
    """Return how a ticket whose call ended like this is booked."""
    return "refused" if result.status == "unsent" and result.reason == "rejected-request" else result.status


def charge_of(ticket: Ticket, result: ExtractionResult, pricing: Pricing | None) -> Charge:
    """Return what a ticket is charged for a call that ended like this."""
    if result.status == "unsent":
        return Charge()
    if result.status == "unknown" or not result.usage_known:
        return Charge(ticket.reserved_tokens, 0, nano(ticket.reserved_usd))
    amount = nano(result.cost_usd)
    if amount == 0 and pricing is not None:
        amount = nano_ceiling(pricing.cost(result.tokens_in, result.tokens_out))
    return Charge(result.tokens_in, result.tokens_out, amount)


def ending_entry(ticket: Ticket, ending: Ending, charge: Charge, at: datetime, note: str = "") -> LedgerEntry:
    """Return the entry that ends a ticket; `note` follows the ending in its reason."""
    return _entry(
        ticket,
        "settle" if ending in {"answered", "failed"} else "expire",
        tokens=charge.tokens_in + charge.tokens_out,
        dollars=usd(charge.amount),
        at=at,
        reason=f"{ending} {note}".strip(),
    )


def reserve_entry(ticket: Ticket, at: datetime) -> LedgerEntry:
    """Return the entry that reserves a ticket's bound."""
    return _entry(ticket, "reserve", tokens=ticket.reserved_tokens, dollars=ticket.reserved_usd, at=at)


def _entry(
    ticket: Ticket,
    kind: Literal["reserve", "settle", "expire"],
    *,
    tokens: int,
    dollars: float,
    at: datetime,
    reason: str = "",
) -> LedgerEntry:
    return LedgerEntry(
        entry=kind,
        ticket_id=ticket.ticket_id,
        tokens=tokens,
        usd=dollars,
        at=at,
        passage_id=ticket.passage_id,
        cluster_id=ticket.cluster_id,
        request_id=ticket.request_id,
        reason=reason,
        doc_id=ticket.doc_id,
        url=ticket.url,
        target=ticket.target,
        predicted_gain=ticket.predicted_gain,
        propensity=ticket.propensity,
        policy=ticket.policy,
        attempt=ticket.attempt,
    )


def ticket_of(entry: LedgerEntry, tokens: int) -> Ticket:
    """Return the ticket that a reserve entry stands for; `tokens` are the passage's, 0 if not known."""
    return Ticket(
        ticket_id=entry.ticket_id,
        request_id=entry.request_id,
        passage_id=entry.passage_id,
        doc_id=entry.doc_id,
        url=entry.url,
        cluster_id=entry.cluster_id,
        target=entry.target,
        tokens=tokens,
        reserved_tokens=entry.tokens,
        reserved_usd=entry.usd,
        predicted_gain=entry.predicted_gain,
        propensity=entry.propensity,
        policy=entry.policy,
        attempt=entry.attempt,
    )


def outcome_of(
    ticket: Ticket,
    status: OutcomeStatus,
    charge: Charge,
    at: datetime,
    *,
    pairs: int = 0,
    gain: float = 0.0,
    rejected: dict[str, int] | None = None,
    model: str = "",
    error: str = "",
) -> ExtractionOutcome:
    """Return what a ticket brought, as it is published."""
    return ExtractionOutcome(
        ticket_id=ticket.ticket_id,
        passage_id=ticket.passage_id,
        cluster_id=ticket.cluster_id,
        status=status,
        tokens_in=charge.tokens_in,
        tokens_out=charge.tokens_out,
        cost_usd=usd(charge.amount),
        pairs=pairs,
        rejected=rejected or {},
        predicted_gain=ticket.predicted_gain,
        gain=gain,
        propensity=ticket.propensity,
        at=at,
        doc_id=ticket.doc_id,
        url=ticket.url,
        target=ticket.target,
        policy=ticket.policy,
        model=model,
        request_id=ticket.request_id,
        error=error,
    )
