"""A log written to a transport as the service writes it, and an encoder that knows its texts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from equal_stream import topics
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import AssignedPassage, LedgerEntry, Message
from equal_stream.offpolicy.history import History, Reference
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.codec import encode
from tests.offpolicy.crawl import START

BEFORE = START - timedelta(minutes=1)


class Books:
    """The records of a history, and vectors of its texts."""

    def __init__(self, history: History) -> None:
        self.vectors: dict[str, NDArray[np.float32]] = {}
        self.records: list[OutgoingRecord] = []
        for event in history.events:
            match event:
                case Reference(pair=pair, vector=vector):
                    self.vectors[pair_text(pair.question, pair.answer)] = vector
                    self.add(topics.REFERENCES, f"{pair.target}/{pair.ref_id}", pair)
                case AssignedPassage():
                    self.add(topics.ASSIGNED, event.passage_id, event)
                case LedgerEntry():
                    self.add(topics.LEDGER, event.ticket_id, event)
        for answer in history.answers.values():
            self.add(topics.EXTRACTIONS, answer.outcome.ticket_id, answer.outcome)
            for pair, vector in answer.pairs:
                self.vectors[pair_text(pair.question, pair.answer)] = vector
                self.add(topics.PAIRS, pair.qa_id, pair)

    def add(self, topic: topics.Topic, key: str, message: Message) -> None:
        """Append a record, written before the first ticket."""
        record = encode(message, topic=topic.name, key=key, source="test")
        self.records.append(replace(record, timestamp_ms=int(BEFORE.timestamp() * 1000)))

    def write(self, transport: Transport) -> None:
        """Send everything."""
        producer = transport.producer()
        for record in self.records:
            producer.send(record)
        producer.close()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (n, d) of texts of this log."""
        return np.array([self.vectors[text] for text in texts])
