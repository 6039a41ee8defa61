"""The records that a finished batch sends: passages, outcomes and dead letters."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from equal_stream import topics
from equal_stream.embedding.batch import Batch, Item, NewPassage
from equal_stream.embedding.intake import Version
from equal_stream.messages import DocumentOutcome, EmbeddedPassage, now, pack_vector
from equal_stream.store.base import Point
from equal_stream.transport.base import OutgoingRecord, Transaction
from equal_stream.transport.codec import encode, trace_of
from equal_stream.transport.exceptions import RecordTooLarge

ROLE = "embedder"


def send_batch(batch: Batch, model: str, transaction: Transaction) -> None:
    """Send everything that a batch has to say.

    Parameters
    ----------
    model
        The encoder's identity, which goes with every vector.
    """
    at = now()
    for item in batch.items:
        for record in _passages(item, model, at):
            transaction.send(record)
        transaction.send(_outcome(item, at))
    for record in batch.dead:
        try:
            transaction.send(record)
        except RecordTooLarge:
            transaction.send(_without_value(record))


def passage_point(item: Item, new: NewPassage, model: str, at: datetime) -> Point:
    """Return the point that holds a passage (its payload: `equal_stream.store.collections`)."""
    version = _version(item)
    payload: dict[str, Any] = {
        "passage_id": new.passage_id,
        "doc_id": version.doc_id,
        "url": version.url,
        "title": version.title,
        "lang": version.lang,
        "start": new.passage.start,
        "end": new.passage.end,
        "text": new.passage.text,
        "tokens": new.passage.tokens,
        "before": new.before,
        "after": new.after,
        "model": model,
        "at": at.isoformat(),
    }
    return Point(new.passage_id, new.vector, payload)


def _passages(item: Item, model: str, at: datetime) -> Iterator[OutgoingRecord]:
    if not item.passages:
        return
    version = _version(item)
    trace = trace_of(version.record)
    for new in item.passages:
        assert new.vector is not None
        message = EmbeddedPassage(
            passage_id=new.passage_id,
            doc_id=version.doc_id,
            url=version.url,
            title=version.title,
            lang=version.lang,
            start=new.passage.start,
            end=new.passage.end,
            text=new.passage.text,
            tokens=new.passage.tokens,
            vector=pack_vector(new.vector),
            model=model,
            at=at,
            before=new.before,
            after=new.after,
        )
        yield encode(message, topic=topics.EMBEDDED.name, key=new.passage_id, source=ROLE, trace=trace)


def _outcome(item: Item, at: datetime) -> OutgoingRecord:
    decision = item.decision
    arrival = decision.arrival
    message = DocumentOutcome(
        url=arrival.url,
        doc_id=arrival.doc_id,
        outcome=decision.outcome,
        source=arrival.source,
        at=at,
        reason=decision.reason,
        of=decision.of,
        passages=item.count,
        removed=item.removed,
    )
    return encode(
        message,
        topic=topics.DOCUMENT_OUTCOMES.name,
        key=arrival.url,
        source=ROLE,
        trace=trace_of(arrival.record),
    )


def _without_value(record: OutgoingRecord) -> OutgoingRecord:
    """Return a dead letter whose original is too large even for the dead letters, without the original."""
    size = str(len(record.value or b"")).encode()
    return OutgoingRecord(
        record.topic, record.key, None, (*record.headers, ("dlq_dropped_value_bytes", size))
    )


def _version(item: Item) -> Version:
    assert isinstance(item.decision.arrival, Version)
    return item.decision.arrival
