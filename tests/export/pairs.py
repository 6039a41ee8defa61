"""Pairs made for the tests of what comes after `qa.pairs`."""

from datetime import UTC, datetime
from pathlib import Path

from equal_stream.messages import Evidence, QAPair
from equal_stream.settings import Settings
from equal_stream.topics import PAIRS
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.codec import encode, tombstone
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport


def make_pair(number: int, *, target: str = "tides", gain: float | None = None, answer: str = "") -> QAPair:
    """Return a pair; equal numbers have equal ids."""
    quote = f"The tide number {number} turns."
    return QAPair(
        qa_id=f"id-{number:04d}",
        question=f"What does tide {number} do?",
        answer=answer or f"It turns {number} times — ночью.",
        evidence=Evidence(quote=quote, start=3, end=3 + len(quote)),
        passage_id=f"passage-{number}",
        doc_id=f"doc-{number}",
        url=f"https://a.example/{number}",
        title="Tides",
        lang="en",
        cluster_id=number % 7,
        target=target,
        gain=number / 10 if gain is None else gain,
        model="a-model",
        prompt_version="1",
        tokens_in=100 + number,
        tokens_out=20,
        cost_usd=0.0001 * number,
        policy="calibrated",
        propensity=0.5,
        ticket_id=f"ticket-{number}",
        extracted_at=datetime(2026, 3, 4, 5, 6, number % 60, 123456, tzinfo=UTC),
    )


def open_log(directory: Path) -> Transport:
    """Open an embedded log with its topics."""
    settings = Settings(data_dir=directory)
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    return transport


def publish(transport: Transport, *changes: QAPair | str | bytes) -> None:
    """Publish pairs; a text withdraws the pair of that id, bytes are a value that is no pair."""
    producer = transport.producer()
    for change in changes:
        if isinstance(change, QAPair):
            producer.send(encode(change, topic=PAIRS.name, key=change.qa_id, source="test"))
        elif isinstance(change, str):
            producer.send(tombstone(topic=PAIRS.name, key=change, source="test"))
        else:
            producer.send(OutgoingRecord(PAIRS.name, b"bad", change))
    producer.close()
