"""One batch of crawl records from the log to the log, as a numbered procedure.

The three parts run at different times for different batches: while one batch is encoded, the next is
prepared and the one before is stored and published. All of it may be done again after a crash at any
point: ids follow from content, the store is written before anything is published, and what the store
remembers of a document names the crawl record that wrote it, so that a replay is recognised.
"""

import logging
from collections.abc import Sequence
from typing import Protocol, TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from equal_stream.embedding.batch import Batch
from equal_stream.embedding.decisions import Decision
from equal_stream.embedding.documents import StoredDocument
from equal_stream.embedding.duplicates import DuplicateSearch
from equal_stream.embedding.filters import filters, first_reason
from equal_stream.embedding.intake import Arrival, Version, read_arrival
from equal_stream.embedding.items import left_content, make_item
from equal_stream.embedding.known import KnownDocuments
from equal_stream.embedding.passages import PassageCutter
from equal_stream.embedding.publication import ROLE, passage_point, send_batch
from equal_stream.embedding.tokens import Tokens
from equal_stream.embedding.versions import against_stored, newest_of_batch
from equal_stream.errors import InvalidRecord
from equal_stream.messages import DocumentResult, now
from equal_stream.settings import PassageSettings
from equal_stream.steps import Step, passed
from equal_stream.store.base import Store
from equal_stream.transport.base import Consumer, Positions, Producer, Record
from equal_stream.transport.codec import dead_letter

_LOG = logging.getLogger(__name__)
_POINTS_AT_ONCE = 128  # a Qdrant server takes 64-256 best


class Standing(TypedDict):
    """What the store has of a document as a record comes (see `Decision`)."""

    stored: StoredDocument | None
    replay: bool


class TextEncoder(Protocol):
    """What the stage asks of an encoder (see `encoder.Encoder`)."""

    identity: str
    max_tokens: int
    tokens: Tokens

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (n, d)."""
        ...


class EmbeddingStage:
    """Takes batches through steps 1 to 9.

    Parameters
    ----------
    encoder
        Gives the vectors and counts tokens.
    passages, documents
        The two collections.
    settings
        How documents are cut, and which are left out.
    """

    def __init__(
        self, encoder: TextEncoder, passages: Store, documents: Store, settings: PassageSettings
    ) -> None:
        self._encoder = encoder
        self._passages = passages
        self._documents = documents
        self._settings = settings
        self._known = KnownDocuments(documents, settings.near_duplicate_similarity)
        self._duplicates = DuplicateSearch(self._known)
        self._filters = filters(settings, encoder.tokens)
        self._cutter = PassageCutter(
            encoder.tokens, settings.target_tokens, min(settings.max_tokens, encoder.max_tokens)
        )

    def prepare(self, records: Sequence[Record]) -> Batch:
        """Decide what becomes of each record.

        1. Read: what cannot be used becomes a dead letter.
        2. Keep the newest version of each URL.
        3. Compare with the stored version: unchanged, older, replayed, deleted.
        4. Leave out what is not worth embedding.
        5. Leave out what repeats another document.
        6. Cut the rest into passages; those the store has keep their vectors.

        Raises `StoreUnavailable`; it may then be called again with the same records.
        """
        batch = Batch(list(records), _after(records))
        # 1. Read.
        arrivals = self._read(batch)
        # 2. Keep the newest version of each URL.
        survivors, decisions = newest_of_batch(arrivals)
        # 3. Compare with the stored version.
        stored = self._known.get(each.arrival.doc_id for each in survivors)
        undecided: list[tuple[Version, Standing]] = []
        for survivor in survivors:
            before = stored.get(survivor.arrival.doc_id)
            decision = against_stored(survivor, before)
            if decision is not None:
                decisions.append(decision)
            elif isinstance(survivor.arrival, Version):
                standing: Standing = {"stored": before, "replay": survivor.replays(before)}
                undecided.append((survivor.arrival, standing))
        # 4. Leave out what is not worth embedding.
        worth: list[tuple[Version, Standing]] = []
        for version, standing in undecided:
            reason = first_reason(version, self._filters)
            if reason is None:
                worth.append((version, standing))
            else:
                decisions.append(Decision(version, "filtered", reason, **standing))
        # 5. Leave out what repeats another document, as the others will stand after this batch.
        kept = {each.arrival.doc_id for each in decisions if each.outcome in {"unchanged", "embedded"}}
        gone = {each.arrival.doc_id for each in decisions if each.outcome in {"deleted", "filtered"}} - kept
        originals = self._duplicates.originals([version for version, _ in worth], gone)
        for version, standing in worth:
            original = originals.get(version.doc_id, "")
            outcome: DocumentResult = "duplicate" if original else "embedded"
            decisions.append(Decision(version, outcome, version.remark, original, **standing))
        # 6. Cut the rest into passages.
        batch.items = [make_item(each, self._cutter) for each in _in_order(decisions, arrivals)]
        self._reuse_vectors(batch)
        self._find_strays(batch)
        self._known.expect(batch.documents)
        passed(Step.BATCH_PREPARED)
        return batch

    def encode(self, batch: Batch) -> int:
        """Give every new passage its vector, and return how many that were.

        7. Encode.
        """
        # 7. Encode.
        new = batch.unencoded()
        for each, vector in zip(new, self._encoder.encode([each.passage.text for each in new]), strict=True):
            each.vector = vector
        passed(Step.BATCH_ENCODED)
        return len(new)

    def store(self, batch: Batch) -> None:
        """Write a batch to the store; doing so twice changes nothing.

        8. Upsert what is remembered of the documents, then their passages, then delete what went away: so
           whatever a crash leaves in the store is named by a document.

        Raises `StoreUnavailable`; it may then be called again with the same batch.
        """
        # 8. Upsert and delete.
        at = now()
        points = [
            passage_point(item, new, self._encoder.identity, at)
            for item in batch.items
            for new in item.passages
            if not new.in_store
        ]
        documents = batch.documents
        self._documents.upsert([document.point() for document in documents])
        passed(Step.DOCUMENTS_STORED)
        for first in range(0, len(points), _POINTS_AT_ONCE):
            self._passages.upsert(points[first : first + _POINTS_AT_ONCE])
            passed(Step.PASSAGES_STORED)
        self._passages.delete([passage for item in batch.items for passage in item.removed])
        passed(Step.PASSAGES_DELETED)
        self._duplicates.release([old for item in batch.items if (old := left_content(item)) is not None])
        passed(Step.CLAIMS_RELEASED)
        self._known.settle(documents)

    def publish(self, batch: Batch, producer: Producer, consumer: Consumer) -> None:
        """Publish what a stored batch has to say and commit its positions, all in one transaction.

        9. Publish and commit.

        Raises what `Producer.transaction` raises.
        """
        # 9. Publish and commit.
        with producer.transaction() as transaction:
            send_batch(batch, self._encoder.identity, transaction)
            transaction.commit_positions(consumer, batch.positions)

    def drop(self) -> None:
        """Forget the batches in work: their records will be read again, by somebody."""
        self._known.expect_nothing()

    def _read(self, batch: Batch) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for record in batch.records:
            try:
                arrivals.append(read_arrival(record, self._settings.max_document_characters))
            except Exception as error:  # noqa: BLE001 - whatever one page provokes, the others go on
                if not isinstance(error, InvalidRecord):
                    _LOG.exception("record %s/%s/%s", record.topic, record.partition, record.offset)
                batch.dead.append(dead_letter(record, error, stage=ROLE))
        return arrivals

    def _find_strays(self, batch: Batch) -> None:
        """Let deletions take all the store has of their documents, even what no stored document names.

        Embedders that wrote versions of one document at the same time may leave such passages behind.
        """
        for item in batch.items:
            document = item.document
            if document is None or document.state != "deleted":
                continue
            last: str | None = None
            while points := self._passages.scroll({"doc_id": [document.doc_id]}, after=last):
                last = points[-1].id
                item.removed = list(dict.fromkeys([*item.removed, *(point.id for point in points)]))
            item.document = msgspec.structs.replace(document, removed=item.removed)

    def _reuse_vectors(self, batch: Batch) -> None:
        """Take vectors from the store for passages it has; publish those again only in a replay."""
        has = {
            passage
            for item in batch.items
            if item.passages and item.decision.stored is not None
            for passage in item.decision.stored.passages
        }
        wanted = [new for item in batch.items for new in item.passages if new.passage_id in has]
        if not wanted:
            return
        points = self._passages.get([new.passage_id for new in wanted], vectors=True)
        for new, point in zip(wanted, points, strict=True):
            if point is not None:
                new.vector, new.in_store = point.vector, True
        for item in batch.items:
            if not item.decision.replay:
                item.passages = [new for new in item.passages if not new.in_store]


def _after(records: Sequence[Record]) -> Positions:
    positions: Positions = {}
    for record in records:
        at = (record.topic, record.partition)
        positions[at] = max(positions.get(at, 0), record.offset + 1)
    return positions


def _in_order(decisions: Sequence[Decision], arrivals: Sequence[Arrival]) -> list[Decision]:
    """Return decisions in the order in which their records came."""
    place = {id(arrival): number for number, arrival in enumerate(arrivals)}
    return sorted(decisions, key=lambda decision: place[id(decision.arrival)])
