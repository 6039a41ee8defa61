"""What is to become of each crawl record, and why."""

from dataclasses import dataclass

from equal_stream.embedding.documents import StoredDocument
from equal_stream.embedding.intake import Arrival
from equal_stream.messages import DocumentResult


@dataclass(frozen=True, slots=True)
class Decision:
    """The fate of one record.

    Parameters
    ----------
    arrival
        The version or deletion.
    outcome
        As it will be published.
    reason
        A reason word, or ``word: sentence``; may be empty.
    of
        The document it duplicates.
    stored
        What the store has of the document, if this record has a say in it; None also for those that were
        overtaken within their batch.
    replay
        Whether what is stored was written before a crash by a record that is now read again, this one or
        another of its URL: nothing of that was published, so all of it is published now.
    """

    arrival: Arrival
    outcome: DocumentResult
    reason: str = ""
    of: str = ""
    stored: StoredDocument | None = None
    replay: bool = False
