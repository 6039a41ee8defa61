"""The crawl records that are handled and committed together, and what has been made of them so far."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from equal_stream.embedding.decisions import Decision
from equal_stream.embedding.documents import StoredDocument
from equal_stream.embedding.passages import Passage
from equal_stream.transport.base import OutgoingRecord, Positions, Record


@dataclass(slots=True)
class NewPassage:
    """A passage to be published, and how many of its document's stand before and after it.

    `vector` is None until it is encoded; one that came from the store, where the passage lies already,
    has it from the start.
    """

    passage_id: str
    passage: Passage
    before: int
    after: int
    vector: NDArray[np.float32] | None = None
    in_store: bool = False


@dataclass(slots=True)
class Item:
    """One record, its fate, the passages to publish, and what the store will remember.

    `document` is None where nothing is to be written; `count` is the number of passages the document has.
    """

    decision: Decision
    document: StoredDocument | None = None
    passages: list[NewPassage] = field(default_factory=list)
    count: int = 0
    removed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """One batch on its way.

    Parameters
    ----------
    positions
        The next offset after the batch, by partition.
    items
        One for each valid record.
    dead
        Dead letters for the others.
    """

    records: list[Record]
    positions: Positions
    items: list[Item] = field(default_factory=list)
    dead: list[OutgoingRecord] = field(default_factory=list)

    @property
    def documents(self) -> list[StoredDocument]:
        """What the store will remember."""
        return [item.document for item in self.items if item.document is not None]

    def unencoded(self) -> list[NewPassage]:
        """Return the passages that have no vector yet."""
        return [each for item in self.items for each in item.passages if each.vector is None]
