"""The allocator's mind: takes in passages, lineage, references and results; gives out tickets.

It knows no I/O and no clock: every instant is passed in, and one earlier than the latest seen counts
as the latest. What it decides it says as messages (`Reservation`, `Settlement`, `Withdrawal`) that the
shell makes durable before it acts on them. The same messages, replayed in any order and any number of
times, bring a fresh core (or one restored from `to_state`) to where it was.

Read on: `choosing` (a ticket is chosen), `ending` (a ticket ends), `holdings` (all that is known),
`pool` (passages and clusters), `worth` (references and coverage), `ledger` and `budget` (money), `policy`
(what to buy).
"""

from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation import migrations
from equal_stream.allocation import state as saved
from equal_stream.allocation.base import Reservation, Settlement, Withdrawal
from equal_stream.allocation.bounds import LARGEST_ID, require_passage_id, require_within, vector_in
from equal_stream.allocation.budget import Allowance
from equal_stream.allocation.choosing import Chooser
from equal_stream.allocation.ending import Ender
from equal_stream.allocation.holdings import Holdings
from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.quantise import unit
from equal_stream.allocation.report import report
from equal_stream.allocation.settling import ticket_of
from equal_stream.allocation.status import AllocatorStatus
from equal_stream.allocation.vector_storage import VectorStorage
from equal_stream.errors import InvalidRecord
from equal_stream.extraction.base import ExtractionResult, PassageText, Pricing, Ticket
from equal_stream.messages import (
    AssignedPassage,
    ClusterEvent,
    ExtractionOutcome,
    LedgerEntry,
    QAPair,
    ReferencePair,
)
from equal_stream.settings import BudgetSettings, Settings

_BYTES_PER_TOKEN = 8  # for passages of unknown length; the client refuses what turns out longer
_LARGEST_TEXT = 2**31 - 1  # bytes of one passage: the width of the candidates' columns
_HEAVIEST = 1e9  # a reference's weight: gains stay finite, and a gain that is not cannot be written as JSON


class AllocatorCore:
    """Decides what the budget is spent on. Not thread-safe.

    Parameters
    ----------
    settings
        `allocation`, `budget` and `llm.max_output_tokens` are read.
    pricing
        USD per million tokens. Zero prices with no LLM configured are the offline extractor: its tickets
        reserve tokens and no money.
    dimension
        Length of all vectors.
    policy
        Decides in place of the one that the settings name: backtests try what is not for sale.
    vectors
        Where the candidates' vectors lie; in memory and in `to_state`, if not said. With those that a restart
        may find changed, `restore` is followed by `without_vectors`.

    Raises
    ------
    UnknownPolicy
        `settings.allocation.policy` names none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pricing: Pricing | None,
        dimension: int,
        policy: Policy | None = None,
        vectors: VectorStorage | None = None,
    ) -> None:
        self.dimension = dimension
        self.holdings = Holdings(
            settings, pricing=pricing, dimension=dimension, policy=policy, vectors=vectors
        )
        self._chooser = Chooser(self.holdings)
        self._ender = Ender(self.holdings)
        self._latest = datetime.fromtimestamp(0, UTC)

    # What comes in.

    def add_passage(self, passage: AssignedPassage) -> bool:
        """Take in a passage; False when it is known. One that waits moves to the cluster named.

        Raises
        ------
        InvalidRecord
            Its vector has another length or is not finite, its id is no UUID, or a number in it is beyond
            anything that can be counted here; nothing changed.
        """
        vector = self._vector(vector_in(passage.vector), "vector")
        _require_possible(passage)
        row = self.holdings.pool.candidates.rows.get(passage.passage_id)
        if row is not None:
            self.holdings.pool.reassign(row, passage.cluster_id)
            return False
        if not self.holdings.tickets.may_buy(passage.passage_id):
            self.holdings.counts["bought already"] += 1
            return False
        self._admit(passage, vector)
        self.holdings.worth.background.add(vector)
        self.holdings.counts["passages"] += 1
        return True

    def readmit_passage(self, passage: AssignedPassage) -> bool:
        """Take in again a passage that had to leave the full table; False when it is there or was bought.

        It was counted as one of the crawl when it first came, and is not again.

        Raises
        ------
        InvalidRecord
            As `add_passage`.
        """
        vector = self._vector(vector_in(passage.vector), "vector")
        _require_possible(passage)
        if not self.lacking([passage.passage_id]):
            return False
        self._admit(passage, vector)
        self.holdings.counts["readmitted"] += 1
        return True

    def lacking(self, passage_ids: list[str]) -> list[str]:
        """Return those passages that are not in the table and might be bought."""
        rows, tickets = self.holdings.pool.candidates.rows, self.holdings.tickets
        return [each for each in passage_ids if each not in rows and tickets.may_buy(each)]

    def needs(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return all references (m, d) and what a little more coverage of each is worth now, (m,)."""
        self.holdings.worth.refresh()
        targets = self.holdings.worth.targets
        return targets.vectors, targets.importance / (1 + targets.covered)

    def take_left(self) -> dict[int, list[str]]:
        """Return, once, the passages that had to leave the full table lately, by their cluster's id."""
        left = self.holdings.pool.left
        by_cluster: dict[int, list[str]] = {}
        while left:
            passage_id, cluster_id = left.popleft()
            by_cluster.setdefault(cluster_id, []).append(passage_id)
        return by_cluster

    @property
    def evicted(self) -> int:
        """Passages that have had to leave the full table so far."""
        return self.holdings.counts["evicted: table full"]

    def remove_passages(self, passage_ids: list[str]) -> Withdrawal:
        """Forget passages that left the crawl: their coverage is given back, their pairs are returned.

        A ticket under way is not recalled; what it brings will not be published.
        """
        qa_ids: list[str] = []
        for passage_id in passage_ids:
            row = self.holdings.pool.candidates.rows.get(passage_id)
            if row is not None:
                self.holdings.pool.remove(row)
            self.holdings.tickets.forget(passage_id)
            qa_ids += self.holdings.worth.withdraw(passage_id)
        return Withdrawal(qa_ids=qa_ids)

    def apply_cluster_event(self, event: ClusterEvent) -> None:
        """Follow the lineage of clusters.

        Raises
        ------
        InvalidRecord
            It names an id that no cluster can have; nothing changed.
        """
        for field, ids in (
            ("cluster_id", [event.cluster_id]),
            ("parents", event.parents),
            ("children", event.children),
        ):
            for cluster_id in ids:
                require_within(field, cluster_id, LARGEST_ID)
        self.holdings.pool.apply(event)

    def set_reference(self, reference: ReferencePair, vector: NDArray[np.float32]) -> None:
        """Add a reference or replace its weight and unit vector (d,).

        Raises
        ------
        InvalidRecord
            The vector has another length or is not finite, or the weight is beyond all measure.
        """
        kept = self._vector(vector, "vector")
        require_within("weight", reference.weight, _HEAVIEST)
        self.holdings.worth.targets.set(reference.target, reference.ref_id, kept, reference.weight)

    def remove_reference(self, target: str, ref_id: str) -> bool:
        """Remove a reference, and its target with the last one; False when it is unknown."""
        return self.holdings.worth.targets.remove(target, ref_id)

    def references(self) -> list[tuple[str, str]]:
        """Return target and ref_id of every reference."""
        return list(self.holdings.worth.targets.keys)

    # Tickets.

    def prepare(self, now: datetime) -> None:
        """Do now what the next `choose` would have to do first; it then takes a few milliseconds."""
        self._chooser.prepare(self._at(now))

    def choose(self, limit: int, now: datetime) -> list[Reservation]:
        """Reserve up to `limit` tickets, the most valuable first; their sums are within every cap."""
        return self._chooser.choose(limit, self._at(now))

    def settle(
        self, ticket: Ticket, result: ExtractionResult, now: datetime, passage: PassageText | None = None
    ) -> Settlement:
        """End a ticket with what its call brought.

        Parameters
        ----------
        passage
            What was read; its title and language go into the pairs.

        Raises
        ------
        TicketNotOpen
            The ticket has ended already or was never reserved; nothing changed.
        """
        return self._ender.settle(ticket, result, self._at(now), passage)

    def drop(self, ticket: Ticket, reason: str, now: datetime) -> Settlement:
        """End a ticket that was never sent, at no cost; ``withdrawn``: because its passage is gone.

        Raises
        ------
        TicketNotOpen
            The ticket has ended already or was never reserved; nothing changed.
        """
        return self._ender.drop(ticket, reason, self._at(now))

    def open_tickets(self) -> list[Ticket]:
        """Return the tickets under way, oldest first."""
        return [flight.ticket for flight in self.holdings.tickets.flights.values()]

    def instant(self, now: datetime) -> datetime:
        """Return the instant that counts at `now`: the latest seen, when the clock was put back."""
        return self._at(now)

    def oldest_open(self) -> datetime | None:
        """Return when the oldest ticket under way was reserved."""
        return min((entry.at for entry in self.holdings.ledger.open.values()), default=None)

    # Replay.

    def replay_ledger(self, entry: LedgerEntry) -> bool:
        """Fold a published ledger entry in; False when it was known."""
        self._at(entry.at)
        if entry.entry != "reserve":
            return self._ender.close(entry)
        if not self.holdings.ledger.apply(entry):
            return False
        row = self.holdings.pool.candidates.rows.get(entry.passage_id)
        tokens = 0 if row is None else int(self.holdings.pool.candidates.tokens[row])
        self.holdings.tickets.begin(ticket_of(entry, tokens), 1.0)
        if row is not None and self.holdings.pool.candidates.waiting[row]:
            self.holdings.pool.take(row)
        return True

    def replay_outcome(self, outcome: ExtractionOutcome) -> bool:
        """Learn from a published outcome; False when it was known."""
        return self._ender.learn(outcome)

    def replay_pair(self, pair: QAPair, vector: NDArray[np.float32]) -> bool:
        """Credit a published pair, with its unit vector (d,) as extraction embeds it; False when known."""
        kept = self._vector(vector, "vector")
        self._at(pair.extracted_at)
        return self._ender.credit(pair, kept)

    def replay_withdrawal(self, qa_id: str) -> bool:
        """Take a withdrawn pair out again; False when it is not there."""
        return self.holdings.worth.withdraw_pair(qa_id)

    # Money.

    def allowance(self, now: datetime) -> Allowance:
        """Return what may be reserved now."""
        return self.holdings.budget.allowance(self._at(now))

    def change_budget(self, caps: BudgetSettings) -> None:
        """Replace all caps; one below what is spent stops spending."""
        self.holdings.budget.change(caps)

    def pause(self) -> None:
        """Reserve nothing until `resume`."""
        self.holdings.budget.paused = True

    def resume(self) -> None:
        """Reserve again."""
        self.holdings.budget.paused = False

    # Seen from outside.

    def status(self, now: datetime) -> AllocatorStatus:
        """Return what an operator wants to see."""
        at = self._at(now)
        self.holdings.worth.refresh()
        self.holdings.worth.examine()
        return report(self.holdings, self._chooser.idle(at), at)

    def to_state(self) -> bytes:
        """Return everything this core knows; `restore` continues from it exactly."""
        chooser = self._chooser.to_state()
        return saved.dump(
            {"latest": self._latest.isoformat(), "chooser": chooser, **self.holdings.to_state()}
        )

    def restore(self, data: bytes) -> None:
        """Continue from a saved state; call it on a fresh core.

        Changed caps in the settings win over those the state was saved with.

        Raises
        ------
        StateMismatch
            The state was written by a later release, or for vectors of another length.
        """
        held = migrations.load(data)
        self.holdings.load_state(held)
        self._latest = datetime.fromisoformat(held["latest"])
        if "chooser" in held:  # not in the states of earlier releases, which begin as a fresh core does
            self._chooser.load_state(held["chooser"])

    def without_vectors(self) -> list[str]:
        """Return the candidates whose vectors are not where they should be, right after `restore`.

        Give each its vector, or forget it, before anything else.
        """
        table = self.holdings.pool.candidates
        return [table.ids[row] for row in table.without_vectors()]

    def give_vector(self, passage_id: str, vector: NDArray[np.float32]) -> None:
        """Keep the unit vector (d,) of a candidate that lost it.

        Raises
        ------
        InvalidRecord
            The vector has another length or is not finite; nothing changed.
        """
        kept = self._vector(vector, "vector")
        table = self.holdings.pool.candidates
        table.give_vector(table.rows[passage_id], kept)

    def forget_candidate(self, passage_id: str) -> None:
        """Take a passage off the table whose vector nobody has; what it brought stays."""
        self.holdings.pool.remove(self.holdings.pool.candidates.rows[passage_id])
        self.holdings.counts["vector lost"] += 1

    @classmethod
    def from_state(cls, data: bytes, settings: Settings, *, pricing: Pricing | None, dimension: int) -> Self:
        """Return a new core that continues from a saved state; raises as `restore` does."""
        core = cls(settings, pricing=pricing, dimension=dimension)
        core.restore(data)
        return core

    def _admit(self, passage: AssignedPassage, vector: NDArray[np.float32]) -> None:
        pool = self.holdings.pool
        text_bytes = passage.text_bytes or _BYTES_PER_TOKEN * passage.tokens
        self.holdings.counts["evicted: table full"] += pool.add(passage, vector, text_bytes)
        if self.holdings.tickets.flight_of(passage.passage_id) is not None:
            pool.take(pool.candidates.rows[passage.passage_id])

    def _at(self, now: datetime) -> datetime:
        self._latest = max(self._latest, now)
        self.holdings.worth.reach(self._latest)
        return self._latest

    def _vector(self, vector: NDArray[np.float32], field: str) -> NDArray[np.float32]:
        if vector.shape != (self.dimension,) or not np.isfinite(vector).all():
            raise InvalidRecord(
                "invalid-vector",
                field,
                f"the vector must have {self.dimension} finite components, it has shape {vector.shape}",
            )
        return unit(vector)


def _require_possible(passage: AssignedPassage) -> None:
    require_passage_id(passage.passage_id, "passage_id")
    require_within("tokens", passage.tokens, _LARGEST_TEXT // _BYTES_PER_TOKEN)
    require_within("text_bytes", passage.text_bytes, _LARGEST_TEXT)
    require_within("cluster_id", passage.cluster_id, LARGEST_ID)
