"""What a service has published so far, folded from its log by a reader of the test's own."""

import json
from collections import Counter
from typing import Any

from equal_stream import topics
from equal_stream.transport.base import Transport

_OUTCOMES = topics.DOCUMENT_OUTCOMES.name
_DEAD = topics.dead_letter(topics.CRAWL.name)
POLLS = 10
_FOLDED = (topics.EMBEDDED, topics.ASSIGNED, topics.LEDGER, topics.PAIRS)


class Books:
    """Grows with every `read`.

    Attributes
    ----------
    outcomes
        Every document outcome, in order.
    embedded
        Every embedded passage by its id.
    ledger
        Every entry of the ledger, in order.
    pairs
        The pairs in force, by qa_id.
    withdrawn
        The qa_ids that were taken back.
    dead
        How many crawl records became dead letters, by reason.
    """

    def __init__(self, transport: Transport) -> None:
        self._consumer = transport.reader([_OUTCOMES, _DEAD, *(topic.name for topic in _FOLDED)])
        self.outcomes: list[dict[str, Any]] = []
        self.embedded: dict[str, dict[str, Any]] = {}
        self.assigned: set[str] = set()
        self.ledger: list[dict[str, Any]] = []
        self.pairs: dict[str, dict[str, Any]] = {}
        self.withdrawn: set[str] = set()
        self.dead: Counter[str] = Counter()

    def read(self) -> int:
        """Take in what is new and return how many records that were, without waiting for more."""
        count = 0
        for _ in range(POLLS):
            records = self._consumer.poll(2_000, 0.1)
            if not records:
                break
            count += len(records)
            for record in records:
                if record.topic == _DEAD:
                    self.dead[dict(record.headers)["dlq_reason"].decode()] += 1
                elif record.value is None:
                    self.pairs.pop(record.key.decode(), None)
                    self.withdrawn.add(record.key.decode())
                else:
                    self._fold(record.topic, json.loads(record.value))
        return count

    @property
    def ended(self) -> int:
        """How many crawl records have an outcome or a dead letter."""
        return len(self.outcomes) + self.dead.total()

    @property
    def open_tickets(self) -> set[str]:
        """The tickets that were reserved and have not ended."""
        ended = {entry["ticket_id"] for entry in self.ledger if entry["entry"] != "reserve"}
        return {entry["ticket_id"] for entry in self.ledger} - ended

    def outcomes_of(self, url: str) -> list[str]:
        """Return what became of the records of a url, in order."""
        return [each["outcome"] for each in self.outcomes if each["url"] == url]

    def pairs_of(self, url: str) -> list[dict[str, Any]]:
        """Return the pairs in force from a url."""
        return [pair for pair in self.pairs.values() if pair["url"] == url]

    def _fold(self, topic: str, value: dict[str, Any]) -> None:
        if topic == _OUTCOMES:
            self.outcomes.append(value)
        elif topic == topics.EMBEDDED.name:
            self.embedded[value["passage_id"]] = value
        elif topic == topics.ASSIGNED.name:
            self.assigned.add(value["passage_id"])
        elif topic == topics.LEDGER.name:
            self.ledger.append(value)
        else:
            self.pairs[value["qa_id"]] = value
