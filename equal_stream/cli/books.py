"""What the log says about money, pairs, clusters and targets, folded from its beginning in one pass."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from equal_stream.allocation.caps import CapsInForce
from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.money import nano
from equal_stream.allocator.reading import read_to_end
from equal_stream.errors import InvalidRecord
from equal_stream.messages import (
    BudgetChange,
    ClusterEvent,
    ExtractionOutcome,
    LedgerEntry,
    QAPair,
    ReferencePair,
)
from equal_stream.reference_key import ReferenceKey
from equal_stream.settings import BudgetSettings
from equal_stream.topics import BUDGET, CLUSTER_EVENTS, EXTRACTIONS, LEDGER, PAIRS, REFERENCES
from equal_stream.transport.base import Record, Transport
from equal_stream.transport.codec import decode

FOLDED = (LEDGER, EXTRACTIONS, PAIRS, CLUSTER_EVENTS, REFERENCES, BUDGET)


@dataclass
class ClusterBooks:
    """What one cluster cost and brought: tickets that ended, nano-USD, tokens, pairs."""

    tickets: int = 0
    amount: int = 0
    tokens: int = 0
    pairs: int = 0


@dataclass
class Books:
    """The fold.

    Attributes
    ----------
    pairs
        The target of every pair that stands published, by its id.
    withdrawn
        Pairs that were published and taken back.
    tickets, rejected
        Tickets by how they ended; pairs that gates refused, by reason.
    alive
        Clusters that exist.
    references
        References in force, by target and id.
    said
        What was said about the caps.
    """

    ledger: Ledger = field(default_factory=Ledger)
    clusters: dict[int, ClusterBooks] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    withdrawn: int = 0
    tickets: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    alive: set[int] = field(default_factory=set)
    references: dict[str, set[str]] = field(default_factory=dict)
    said: CapsInForce = field(default_factory=lambda: CapsInForce(BudgetSettings()))

    def add(self, record: Record) -> None:
        """Fold one record in; one that does not decode belongs to whoever reads it as a message."""
        try:
            match record.topic:
                case LEDGER.name:
                    self._money(decode(record, LedgerEntry))
                case EXTRACTIONS.name:
                    self._outcome(decode(record, ExtractionOutcome))
                case PAIRS.name:
                    self._pair(record)
                case CLUSTER_EVENTS.name:
                    self._lineage(decode(record, ClusterEvent))
                case REFERENCES.name:
                    self._reference(record)
                case BUDGET.name:
                    self.said.apply(decode(record, BudgetChange))
        except InvalidRecord:
            return

    def _money(self, entry: LedgerEntry) -> None:
        if self.ledger.apply(entry) and entry.entry != "reserve":
            books = self.clusters.setdefault(entry.cluster_id, ClusterBooks())
            books.tickets += 1
            books.amount += nano(entry.usd)
            books.tokens += entry.tokens

    def _outcome(self, outcome: ExtractionOutcome) -> None:
        self.tickets[outcome.status] += 1
        self.rejected.update(outcome.rejected)
        self.clusters.setdefault(outcome.cluster_id, ClusterBooks()).pairs += outcome.pairs

    def _pair(self, record: Record) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        if record.value is not None:
            self.pairs[key] = decode(record, QAPair).target
        elif self.pairs.pop(key, None) is not None:
            self.withdrawn += 1

    def _lineage(self, event: ClusterEvent) -> None:
        self.alive.difference_update(event.parents)
        self.alive.update(event.children)
        if event.event == "birth":
            self.alive.add(event.cluster_id)
        elif event.event == "death":
            self.alive.discard(event.cluster_id)

    def _reference(self, record: Record) -> None:
        if record.value is not None:
            pair = decode(record, ReferencePair)
            self.references.setdefault(pair.target, set()).add(pair.ref_id)
        elif gone := ReferenceKey.read(record.key):
            self.references.get(gone.target, set()).discard(gone.ref_id)


def read_books(transport: Transport, *topics: str) -> Books:
    """Fold some topics (default: all that matter here) from their beginning to their end."""
    books = Books()
    for record in read_to_end(transport, topics or [topic.name for topic in FOLDED]):
        books.add(record)
    return books


class Share(msgspec.Struct, frozen=True):
    """A cluster and its share of what was spent: of the dollars, or of the tokens where they are free."""

    cluster_id: int
    share: float
    usd: float
    tokens: int
    tickets: int
    pairs: int


def shares(books: Books) -> list[Share]:
    """Return the clusters that money went to, largest share first."""
    free = not any(each.amount for each in books.clusters.values())
    spent = {cluster: each.tokens if free else each.amount for cluster, each in books.clusters.items()}
    total = sum(spent.values()) or 1
    order = sorted(books.clusters.items(), key=lambda item: (-spent[item[0]], item[0]))
    return [
        Share(cluster, spent[cluster] / total, each.amount / 1e9, each.tokens, each.tickets, each.pairs)
        for cluster, each in order
    ]
