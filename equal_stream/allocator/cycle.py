"""One turn of the allocator, and the one transaction in which money moves and pairs appear."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from equal_stream import topics
from equal_stream.allocation.base import Reservation, Settlement
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.budget_watch import BudgetWatch
from equal_stream.allocator.circuit import Circuit
from equal_stream.allocator.intake import Intake, Taken
from equal_stream.allocator.journal_lookup import JournalLookup
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.tally import Tally
from equal_stream.allocator.workers import Finished, Workers
from equal_stream.errors import EqualStreamError
from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.messages import JournalEntry
from equal_stream.steps import Step, passed
from equal_stream.store.base import Point, Store
from equal_stream.transport.base import Consumer, Positions, Producer, Record, Transaction
from equal_stream.transport.codec import encode, tombstone

SOURCE = "allocator"
INTAKE_RECORDS = 4_000  # absorbed in a turn at most, so that results and tickets never wait long
_LOG = logging.getLogger(__name__)


class Polled(Protocol):
    """Whatever records can be polled from."""

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        ...


@dataclass
class Turn:
    """What a turn will publish and then send."""

    taken: Taken
    settlements: list[Settlement] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)
    dropped: list[Settlement] = field(default_factory=list)
    calls: list[tuple[Ticket, PassageText]] = field(default_factory=list)

    def empty(self) -> bool:
        """Return whether there is nothing to publish."""
        return not (self.settlements or self.reservations or self.taken.withdrawn or self.taken.dead)


class Cycle:
    """Takes turns on one log, one store and one set of workers.

    Parameters
    ----------
    consumer
        Reader of `intake.INPUTS` with a group; nobody else reads through it.
    producer
        Transactional; it fences any earlier allocator.
    passages
        The passages' collection: whether a passage is still there, and its text.
    clock
        Returns the present instant.
    acknowledged
        Positions committed before this start; what lies before them is being read again.
    inputs
        Polls `consumer`, if it is not polled itself.
    budget
        What an operator says about the caps.
    """

    def __init__(
        self,
        *,
        core: AllocatorCore,
        intake: Intake,
        consumer: Consumer,
        producer: Producer,
        passages: Store,
        workers: Workers,
        journal: JournalLookup,
        pace: Pace,
        clock: Callable[[], datetime],
        acknowledged: Positions,
        inputs: Polled | None = None,
        budget: BudgetWatch,
    ) -> None:
        self.core = core
        self._intake = intake
        self._consumer = consumer
        self._inputs = inputs or consumer
        self._budget = budget
        self._producer = producer
        self._passages = passages
        self._workers = workers
        self._journal = journal
        self._pace = pace
        self._clock = clock
        self._acknowledged = acknowledged
        self._committed = consumer.positions()
        self.tally = Tally()
        self.circuit = Circuit()

    def turn(self, wait: float, *, choose: bool = True) -> bool:
        """Take one turn and return whether anything moved.

        1. Take in what the log has.
        2. Settle the calls that ended.
        3. Choose tickets within the budget, as it was changed last, and fetch their passages; one whose
           passage has left the store is dropped at no cost.
        4. Commit everything above in one transaction. When that fails, this object is of no further
           use: its core is ahead of the log, and recovery is the way on.
        5. Send the calls whose reservations are durable now.
        6. While they are under way, prepare the next choice.

        Parameters
        ----------
        wait
            Seconds to wait when nothing is there.
        choose
            False while stopping: calls under way are still collected.
        """
        # 1. Take in.
        records = self._inputs.poll(INTAKE_RECORDS, 0.0 if self._workers.in_flight() else wait)
        turn = Turn(self._intake.take(records))
        passed(Step.RECORDS_TAKEN_IN)
        # 2. Settle.
        finished = self._workers.finished(0.0 if records else wait)
        turn.settlements = [self._settle(each) for each in finished]
        passed(Step.CALLS_SETTLED)
        # 3. Choose.
        if choose:
            self._choose(turn)
        passed(Step.TICKETS_CHOSEN)
        # 4. Commit.
        self._commit(turn)
        # 5. Send.
        for ticket, passage in turn.calls:
            self._workers.submit(ticket, passage)
            passed(Step.CALL_SENT)
        # 6. Prepare.
        if choose:
            self.core.prepare(self._clock())
        return bool(records or finished or turn.calls)

    def confirm(self) -> None:
        """Commit the positions once more; raises `Fenced` when a newer allocator has taken over."""
        with self._producer.transaction() as transaction:
            transaction.commit_positions(self._consumer, self._forward(self._committed))

    def settle_open(self, tickets: Sequence[Ticket]) -> None:
        """End tickets left open by a crash: from the journal where their answer is, else in full."""
        if not tickets:
            return
        fetched = self._fetch(tickets)
        found = self._journal.find({ticket.request_id for ticket in tickets})
        turn = Turn(Taken())
        for ticket in tickets:
            passage = fetched.get(ticket.passage_id)
            entry = found.get(ticket.request_id)
            if entry is not None:
                read = passage or PassageText(text="", start=0, title="", lang="")
                result = self._recovered(ticket, read, entry)
            else:
                result = unknown_fate(ticket)
            turn.settlements.append(self._settled(ticket, result, passage))
        self._commit(turn)
        _LOG.info("ended %d tickets left open: %d answers were in the journal", len(tickets), len(found))

    def _settle(self, finished: Finished) -> Settlement:
        ticket, passage, result = finished.ticket, finished.passage, finished.result
        if result is None:
            entry = self._journal.find({ticket.request_id}).get(ticket.request_id)
            result = self._recovered(ticket, passage, entry) if entry else unknown_fate(ticket)
        self.circuit.note(result)
        return self._settled(ticket, result, passage)

    def _recovered(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        """Return what a journaled answer brings; one that no worker survives is failed at its bill."""
        try:
            return self._workers.recover(ticket, passage, entry)
        except EqualStreamError:
            raise
        except Exception:  # noqa: BLE001 - told apart below; the answer would come up at every restart
            self._workers.encode(["?"])  # when this fails too, it is not the answer's fault
            _LOG.exception("the journaled answer of ticket %s cannot be used", ticket.ticket_id)
            return unusable(ticket, entry)

    def _settled(self, ticket: Ticket, result: ExtractionResult, passage: PassageText | None) -> Settlement:
        return self.core.settle(ticket, result, self._clock(), passage)

    def _choose(self, turn: Turn) -> None:
        self._budget.look()
        limit = self.circuit.limit(self._pace.limit(self._workers.free()), self._workers.in_flight())
        if limit <= 0:
            return
        turn.reservations = self.core.choose(limit, self._clock())
        self._pace.took(len(turn.reservations))
        fetched = self._fetch([each.ticket for each in turn.reservations])
        for reservation in turn.reservations:
            ticket = reservation.ticket
            passage = fetched.get(ticket.passage_id)
            if passage is None:
                turn.dropped.append(self.core.drop(ticket, "withdrawn", self._clock()))
            else:
                turn.calls.append((ticket, passage))

    def _fetch(self, tickets: Sequence[Ticket]) -> dict[str, PassageText]:
        if not tickets:
            return {}
        points = self._passages.get([ticket.passage_id for ticket in tickets])
        return {point.id: passage_text(point) for point in points if point is not None}

    def _forward(self, positions: Positions) -> Positions:
        """Return positions to commit: none goes back, since what was committed had its dead letters."""
        return {at: max(offset, self._acknowledged.get(at, 0)) for at, offset in positions.items()}

    def _commit(self, turn: Turn) -> None:
        positions = self._consumer.positions()
        if turn.empty() and positions == self._committed:
            return
        with self._producer.transaction() as transaction:
            publish(turn, transaction)
            transaction.commit_positions(self._consumer, self._forward(positions))
        self._committed = positions
        self.tally.count([*turn.settlements, *turn.dropped], len(turn.taken.withdrawn), turn.taken.dead)


def publish(turn: Turn, transaction: Transaction) -> None:
    """Send a turn's records in the order they were decided: at no record does the ledger exceed a cap."""
    for settled in turn.settlements:
        _settlement(settled, transaction)
    for reservation in turn.reservations:
        entry = reservation.entry
        transaction.send(encode(entry, topic=topics.LEDGER.name, key=entry.ticket_id, source=SOURCE))
    for settled in turn.dropped:
        _settlement(settled, transaction)
    for qa_id in turn.taken.withdrawn:
        transaction.send(tombstone(topic=topics.PAIRS.name, key=qa_id, source=SOURCE))
    for record in turn.taken.dead:
        transaction.send(record)


def _settlement(settled: Settlement, transaction: Transaction) -> None:
    key = settled.entry.ticket_id
    transaction.send(encode(settled.entry, topic=topics.LEDGER.name, key=key, source=SOURCE))
    transaction.send(encode(settled.outcome, topic=topics.EXTRACTIONS.name, key=key, source=SOURCE))
    for pair in settled.pairs:
        transaction.send(encode(pair, topic=topics.PAIRS.name, key=pair.qa_id, source=SOURCE))


def passage_text(point: Point) -> PassageText:
    """Return what a call reads of a stored passage."""
    payload = point.payload
    return PassageText(
        text=str(payload["text"]),
        start=int(payload["start"]),
        title=str(payload.get("title") or ""),
        lang=str(payload.get("lang") or ""),
    )


def unusable(ticket: Ticket, entry: JournalEntry) -> ExtractionResult:
    """Return the result of an answer that was billed and that nothing can be made of."""
    return ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=ticket.request_id,
        status="failed",
        tokens_in=entry.tokens_in,
        tokens_out=entry.tokens_out,
        usage_known=entry.usage_known,
        cost_usd=entry.cost_usd,
        model=entry.model,
        prompt_version=entry.prompt_version,
        error="its answer could not be judged: see the log of the extraction workers",
    )


def unknown_fate(ticket: Ticket) -> ExtractionResult:
    """Return the result of a call that may have been billed and whose answer is nowhere: its full price."""
    return ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=ticket.request_id,
        status="unknown",
        usage_known=False,
        error="the call's fate is not known: its worker ended before an answer was journaled",
    )
