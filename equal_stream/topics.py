"""Every topic, declared once: who writes what under which key, and how long it stays.

`topics create`, the chart's topics Job, the AsyncAPI document and both transports read this table.
"""

from dataclasses import dataclass
from typing import Literal

from equal_stream import messages as m

DAY_MS = 86_400_000
Cleanup = Literal["delete", "compact", "compact,delete"]


@dataclass(frozen=True)
class Topic:
    """One topic of the contract.

    Parameters
    ----------
    name
        Name without the prefix.
    message
        The Struct its values decode to.
    key
        The field that keys a record, in words.
    cleanup
        Kafka's `cleanup.policy`.
    retention_ms
        How long records stay under `delete`; -1 keeps them for ever. Money, outcomes and dead letters
        are the record of what happened, so they stay.
    partitions
        Default partition count. `crawl.documents` bounds how many embedders can work at once. The
        topics that one writer produces and one reader folds need no parallelism.
    tombstones
        What a null value means, or an empty string when there is none.
    max_message_bytes
        Largest record the broker takes.
    """

    name: str
    message: type[m.Message]
    key: str
    cleanup: Cleanup
    retention_ms: int
    partitions: int
    tombstones: str = ""
    max_message_bytes: int = 1_048_588


CRAWL = Topic("crawl.documents", m.CrawledDocument, "url", "delete", 7 * DAY_MS, 12,
              "delete this URL everywhere", max_message_bytes=10_485_760)  # fmt: skip
DOCUMENT_OUTCOMES = Topic("documents.outcomes", m.DocumentOutcome, "url", "delete", 365 * DAY_MS, 6)
EMBEDDED = Topic("passages.embedded", m.EmbeddedPassage, "passage_id", "delete", 7 * DAY_MS, 6)
ASSIGNED = Topic("passages.assigned", m.AssignedPassage, "passage_id", "delete", 30 * DAY_MS, 6)
CLUSTER_EVENTS = Topic("clusters.events", m.ClusterEvent, "cluster_id", "delete", 365 * DAY_MS, 1)
REFERENCES = Topic("references", m.ReferencePair, "target/ref_id", "compact", -1, 1, "remove the reference")
BUDGET = Topic("budget.changes", m.BudgetChange, "configured, caps or paused", "compact", -1, 1)
LEDGER = Topic("allocation.ledger", m.LedgerEntry, "ticket_id", "delete", -1, 1)
JOURNAL = Topic("llm.responses", m.JournalEntry, "request_id", "compact,delete", 30 * DAY_MS, 6)
EXTRACTIONS = Topic("extraction.outcomes", m.ExtractionOutcome, "ticket_id", "delete", -1, 1)
PAIRS = Topic(
    "qa.pairs", m.QAPair, "qa_id", "compact", -1, 6, "withdrawn: the source was deleted or superseded"
)

TOPICS = (
    CRAWL,
    DOCUMENT_OUTCOMES,
    EMBEDDED,
    ASSIGNED,
    CLUSTER_EVENTS,
    REFERENCES,
    BUDGET,
    LEDGER,
    JOURNAL,
    EXTRACTIONS,
    PAIRS,
)
# The roles read these, so each has a dead-letter topic.
CONSUMED = (CRAWL, EMBEDDED, ASSIGNED, REFERENCES, BUDGET, CLUSTER_EVENTS, DOCUMENT_OUTCOMES)


def dead_letter(topic: str) -> str:
    """Return the name of a topic's dead-letter topic."""
    return f"{topic}.dlq"
