"""How tickets end: the bill is booked, new pairs are credited, and the models learn.

Live and replay share `close`, `credit` and `learn`; each knows what it has seen, so a restart may tell
everything twice. Failed, ungrounded and duplicate pairs are no gain at full cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.base import Settlement
from equal_stream.allocation.exceptions import TicketNotOpen
from equal_stream.allocation.holdings import Holdings
from equal_stream.allocation.money import nano, usd
from equal_stream.allocation.quantise import unit
from equal_stream.allocation.settling import RETRIED, Charge, charge_of, ending_entry, ending_of, outcome_of
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, PassageText, Ticket
from equal_stream.ids import qa_id
from equal_stream.messages import (
    Evidence,
    ExtractionOutcome,
    LedgerEntry,
    OutcomeStatus,
    QAPair,
    unpack_vector,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What all pairs of one call have in common; tokens and cost are those of the whole call."""

    title: str
    lang: str
    model: str
    prompt_version: str
    charge: Charge
    at: datetime

    @classmethod
    def of(cls, result: ExtractionResult, charge: Charge, at: datetime, passage: PassageText | None) -> Self:
        """Return the origin of a result's pairs."""
        title, lang = (passage.title, passage.lang) if passage is not None else ("", "")
        return cls(title, lang, result.model, result.prompt_version, charge, at)


class Ender:
    """Ends tickets of holdings."""

    def __init__(self, holdings: Holdings) -> None:
        self._held = holdings

    def settle(
        self, ticket: Ticket, result: ExtractionResult, at: datetime, passage: PassageText | None
    ) -> Settlement:
        """End a ticket with what its call brought; raises `TicketNotOpen`."""
        self._must_be_open(ticket)
        held = self._held
        held.worth.refresh()
        charge = charge_of(ticket, result, held.pricing)
        rejected = dict(result.rejected)
        pairs: list[QAPair] = []
        brought: list[NDArray[np.float32]] = []
        withdrawn = held.tickets.flights[ticket.ticket_id].withdrawn
        if withdrawn:
            rejected["withdrawn"] = rejected.get("withdrawn", 0) + len(result.pairs)
        else:
            origin = Origin.of(result, charge, at, passage)
            for found in result.pairs:
                accepted = self._accept(ticket, found, origin)
                if isinstance(accepted, QAPair):
                    pairs.append(accepted)
                    brought.append(unit(unpack_vector(found.vector)))
                else:
                    rejected[accepted] = rejected.get(accepted, 0) + 1
        outcome = outcome_of(
            ticket,
            "withdrawn" if withdrawn else _status(result, pairs),
            charge,
            at,
            pairs=len(pairs),
            gain=sum(pair.gain for pair in pairs),
            rejected=rejected,
            model=result.model,
            error=result.error,
        )
        over = charge.amount > nano(ticket.reserved_usd) or (
            charge.tokens_in + charge.tokens_out > ticket.reserved_tokens
        )
        note = " ".join(["overrun"] * over + ["usage-unknown"] * (not result.usage_known))
        entry = ending_entry(ticket, ending_of(result), charge, at, note)
        self._measure(ticket, passage)
        if result.usage_known and result.status in {"answered", "failed"}:
            held.cost.learn(ticket.cluster_id, ticket.tokens, charge.tokens_in, charge.tokens_out)
        self.learn(outcome, brought)
        self.close(entry)
        return Settlement(entry=entry, outcome=outcome, pairs=pairs)

    def drop(self, ticket: Ticket, reason: str, at: datetime) -> Settlement:
        """End a ticket that was never sent, at no cost; raises `TicketNotOpen`."""
        self._must_be_open(ticket)
        gone = reason == "withdrawn" or self._held.tickets.flights[ticket.ticket_id].withdrawn
        entry = ending_entry(ticket, "withdrawn" if gone else "released", Charge(), at, reason)
        status: OutcomeStatus = "withdrawn" if gone else "released"
        outcome = outcome_of(ticket, status, Charge(), at, error=reason)
        self.learn(outcome)
        self.close(entry)
        return Settlement(entry=entry, outcome=outcome, pairs=[])

    def close(self, entry: LedgerEntry) -> bool:
        """Book the end of a ticket and decide what becomes of its passage; False when it was known."""
        held = self._held
        if not held.ledger.apply(entry):
            return False
        ending = entry.reason.partition(" ")[0]
        flight = held.tickets.end(
            entry.ticket_id,
            entry.passage_id,
            charged=ending not in {"unsent", "released", "withdrawn"},
            done=ending == "answered",
        )
        held.pool.charge(entry.cluster_id, nano(entry.usd), entry.tokens)
        row = held.pool.candidates.rows.get(entry.passage_id)
        if row is None:
            return True
        came_back = flight is not None and flight.withdrawn  # left the crawl, and was crawled again
        if flight is not None and (came_back or ending in RETRIED) and held.tickets.may_buy(entry.passage_id):
            held.pool.put_back(row)
        elif flight is not None or ending == "answered":
            held.pool.remove(row)
        return True

    def learn(self, outcome: ExtractionOutcome, brought: Sequence[NDArray[np.float32]] = ()) -> bool:
        """Learn what a passage brought against what was predicted; False when it was known.

        `brought` are its pairs' vectors (d,); on replay they follow, each by itself, through `credit`.
        """
        held = self._held
        if outcome.ticket_id in held.learned:
            return False
        held.learned.add(outcome.ticket_id)
        held.counts[f"tickets: {outcome.status}"] += 1
        for reason, count in outcome.rejected.items():
            held.counts[f"rejected: {reason}"] += count
        if outcome.answered:
            held.prediction.pairs_per_call.learn(outcome.pairs)
        if outcome.billed:
            arm = held.pool.arm_of(outcome.cluster_id)
            held.policy.update(arm, outcome.predicted_gain, outcome.gain)
            if outcome.answered:
                self._predict_better(outcome, brought)
            if len(brought) == outcome.pairs:
                held.policy.extracted(arm, np.array(brought, np.float32).reshape(-1, held.dimension))
            held.pool.arms.pairs[arm] += outcome.pairs
            held.pool.arms.gain[arm] += outcome.gain
        return True

    def _predict_better(self, outcome: ExtractionOutcome, brought: Sequence[NDArray[np.float32]]) -> None:
        row = self._held.pool.candidates.rows.get(outcome.passage_id)
        if row is None:
            return
        table, rows = self._held.pool.candidates, np.array([row])
        vectors = table.vectors(rows)
        self._held.prediction.count(vectors, table.forms(rows), outcome.pairs)
        if len(brought):
            self._held.prediction.learn(vectors, np.array(brought, np.float32))

    def credit(self, pair: QAPair, vector: NDArray[np.float32]) -> bool:
        """Count a published pair again after a restart; False when it was known."""
        held = self._held
        if pair.qa_id in held.worth.pairs:
            return False
        held.worth.accept(pair.qa_id, pair.passage_id, pair.question, vector, pair.extracted_at)
        held.worth.pairs.attribute(pair.qa_id, pair.target)
        if held.pool.arms.known(pair.cluster_id):  # a cluster that is gone needs no row again
            held.policy.extracted(held.pool.arm_of(pair.cluster_id), vector[None])
        return True

    def _refusal(self, identity: str, found: ExtractedPair) -> str | None:
        vector = unpack_vector(found.vector)
        if vector.shape != (self._held.dimension,) or not np.isfinite(vector).all():
            return "invalid_vector"
        return self._held.worth.pairs.repeats(identity, found.question, unit(vector))

    def _accept(self, ticket: Ticket, found: ExtractedPair, origin: Origin) -> QAPair | str:
        identity = qa_id(ticket.passage_id, found.question)
        refusal = self._refusal(identity, found)
        if refusal is not None:
            return refusal
        vector = unit(unpack_vector(found.vector))
        gains = self._held.worth.accept(identity, ticket.passage_id, found.question, vector, origin.at)
        target = max(gains, key=gains.__getitem__) if gains else ticket.target
        self._held.worth.pairs.attribute(identity, target)
        return QAPair(
            qa_id=identity,
            question=found.question,
            answer=found.answer,
            evidence=Evidence(quote=found.quote, start=found.start, end=found.end),
            passage_id=ticket.passage_id,
            doc_id=ticket.doc_id,
            url=ticket.url,
            title=origin.title,
            lang=origin.lang,
            cluster_id=ticket.cluster_id,
            target=target,
            gain=sum(gains.values()),
            model=origin.model,
            prompt_version=origin.prompt_version,
            tokens_in=origin.charge.tokens_in,
            tokens_out=origin.charge.tokens_out,
            cost_usd=usd(origin.charge.amount),
            policy=ticket.policy,
            propensity=ticket.propensity,
            ticket_id=ticket.ticket_id,
            extracted_at=origin.at,
        )

    def _measure(self, ticket: Ticket, passage: PassageText | None) -> None:
        row = self._held.pool.candidates.rows.get(ticket.passage_id)
        if row is not None and passage is not None and passage.text:
            length = len(passage.text.encode("utf-8", "surrogatepass"))
            self._held.pool.candidates.bytes[row] = length

    def _must_be_open(self, ticket: Ticket) -> None:
        if ticket.ticket_id not in self._held.ledger.open:
            raise TicketNotOpen(
                f"ticket {ticket.ticket_id} is not open: it ended already or was never reserved"
            )


def _status(result: ExtractionResult, pairs: list[QAPair]) -> OutcomeStatus:
    if result.status == "answered":
        return "extracted" if pairs else "empty"
    return "unknown" if result.status == "unknown" else "failed"
