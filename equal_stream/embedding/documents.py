"""What the store remembers of a document: which version it has, what came of it, how to recognise it."""

from typing import Any, Literal

import msgspec

from equal_stream.embedding.intake import Arrival
from equal_stream.messages import SourcePosition
from equal_stream.store.base import Point

State = Literal["embedded", "duplicate", "filtered", "deleted"]


class StoredDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The point of a document in the `documents` collection; its id is the document's.

    Parameters
    ----------
    state
        What came of the version that is stored. `deleted` stays as a trace, for replays.
    source
        ``topic/partition/offset`` of the crawl record that wrote it.
    fetched_at
        Time of the newest version seen, Unix seconds.
    content_hash, signature, bands
        See `fingerprint`; only embedded documents have bands, so only they are found by them.
    passages
        Ids of its passages in the store.
    removed
        Ids that this version took out of the store. Kept so that a replay can say so again.
    of
        The document that it duplicates.
    """

    url: str
    doc_id: str
    state: State
    source: str
    fetched_at: float
    content_hash: str = ""
    signature: str = ""
    bands: list[str] = []
    passages: list[str] = []
    removed: list[str] = []
    of: str = ""
    lang: str = ""
    title: str = ""
    kind: str = "document"

    def point(self) -> Point:
        """Return the point that holds it."""
        return Point(self.doc_id, None, msgspec.structs.asdict(self))

    def uncommitted(self, arrival: Arrival) -> bool:
        """Tell whether this crawl record, which is just being read, or one behind it wrote it.

        What it says was then stored by an embedder that crashed before it could publish and commit.
        """
        return self.same_partition(arrival) and self._offset >= arrival.source.offset

    def lies_behind(self, arrival: Arrival) -> bool:
        """Tell whether a later record of the same partition, not older in time, wrote it."""
        later = self.same_partition(arrival) and self._offset > arrival.source.offset
        return later and self.fetched_at >= arrival.at

    def same_partition(self, arrival: Arrival) -> bool:
        """Tell whether a record of the partition that this one lies in wrote it."""
        position = arrival.source
        return self.source.rpartition("/")[0] == f"{position.topic}/{position.partition}"

    @property
    def _offset(self) -> int:
        return int(self.source.rpartition("/")[2])


def stored_document(payload: dict[str, Any]) -> StoredDocument:
    """Return the document in a point's payload."""
    return msgspec.convert(payload, StoredDocument, strict=False)


def source_name(source: SourcePosition) -> str:
    """Return ``topic/partition/offset``."""
    return f"{source.topic}/{source.partition}/{source.offset}"
