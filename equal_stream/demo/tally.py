"""What the demo has done so far, folded from the log alone, as any subscriber could."""

import time
from collections import Counter

from equal_stream import topics
from equal_stream.demo.corpus import in_theme
from equal_stream.messages import AssignedPassage, DocumentOutcome, EmbeddedPassage, LedgerEntry, QAPair
from equal_stream.transport.base import Record, Transport
from equal_stream.transport.codec import decode

FOLDED = (topics.DOCUMENT_OUTCOMES, topics.EMBEDDED, topics.ASSIGNED, topics.LEDGER, topics.PAIRS)


class DemoTally:
    """Counts by what the report shows; `read` takes in what is new in the log.

    Attributes
    ----------
    outcomes
        Documents by outcome.
    corpus_tokens, theme_tokens
        Tokens of all passages, and of those in the theme.
    held
        What each ticket holds or has cost, in tokens; their sum is what counts against the cap.
    most_held
        The largest that sum has ever been.
    """

    def __init__(self, transport: Transport) -> None:
        self._consumer = transport.reader([topic.name for topic in FOLDED])
        self.outcomes: Counter[str] = Counter()
        self.passages = 0
        self.assigned = 0
        self.corpus_tokens = 0
        self.theme_tokens = 0
        self.clusters: Counter[int] = Counter()
        self.held: dict[str, int] = {}
        self.open: set[str] = set()
        self.most_held = 0
        self.theme_held: dict[str, int] = {}
        self.pairs: dict[str, QAPair] = {}
        self.first_pair_at: float | None = None

    def read(self) -> None:
        """Take in everything that is new."""
        while records := self._consumer.poll(2_000, 0.0):
            for record in records:
                self._fold(record)

    @property
    def spent(self) -> int:
        """Tokens spent or held."""
        return sum(self.held.values())

    @property
    def theme_spent(self) -> int:
        """Tokens spent or held on the theme."""
        return sum(self.theme_held.values())

    @property
    def documents(self) -> int:
        """Documents that have an outcome."""
        return self.outcomes.total()

    def close(self) -> None:
        """Free the connection to the log."""
        self._consumer.close()

    def _fold(self, record: Record) -> None:
        if record.value is None:
            self.pairs.pop((record.key or b"").decode(), None)
            return
        match decode(record, _types[record.topic]):
            case DocumentOutcome() as outcome:
                self.outcomes[outcome.outcome] += 1
            case EmbeddedPassage() as passage:
                self.passages += 1
                self.corpus_tokens += passage.tokens
                self.theme_tokens += passage.tokens if in_theme(passage.url) else 0
            case AssignedPassage() as passage:
                self.assigned += 1
                self.clusters[passage.cluster_id] += 1
            case LedgerEntry() as entry:
                self._book(entry)
            case QAPair() as pair:
                self.pairs[pair.qa_id] = pair
                self.first_pair_at = self.first_pair_at or time.monotonic()

    def _book(self, entry: LedgerEntry) -> None:
        self.held[entry.ticket_id] = entry.tokens
        if entry.entry == "reserve":
            self.open.add(entry.ticket_id)
        else:
            self.open.discard(entry.ticket_id)
        if in_theme(entry.url):
            self.theme_held[entry.ticket_id] = entry.tokens
        self.most_held = max(self.most_held, self.spent)


_types = {topic.name: topic.message for topic in FOLDED}
