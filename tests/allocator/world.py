"""A small world for the running allocator: a log, a store, and workers that answer at once."""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.service import AllocatorService
from equal_stream.allocator.vector_file import VectorFile
from equal_stream.allocator.workers import Finished
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, PassageText, Pricing, Ticket
from equal_stream.ids import doc_id, passage_id
from equal_stream.messages import (
    AssignedPassage,
    DocumentOutcome,
    JournalEntry,
    Message,
    ReferencePair,
    SourcePosition,
    now,
    pack_vector,
)
from equal_stream.settings import AllocationSettings, BudgetSettings, LLMSettings, Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.store.base import Point
from equal_stream.store.factory import open_embedded
from equal_stream.transport.base import Record
from equal_stream.transport.codec import encode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

DIMENSION = 32
PRICES = Pricing(in_mtok_cost=1.0, out_mtok_cost=2.0)


def embed(text: str) -> NDArray[np.float32]:
    """Embed by theme: texts whose first words agree are near each other."""
    theme = int.from_bytes(hashlib.sha256(text.split(maxsplit=1)[0].encode()).digest()[:4], "big")
    own = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    vector = np.random.default_rng(theme).standard_normal(DIMENSION)
    vector += 0.3 * np.random.default_rng(own).standard_normal(DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class PromptWorkers:
    """Workers whose calls end when they are collected, with one grounded pair each.

    `silent` holds calls back as if the LLM did not answer; `journal` writes answers before they end.
    """

    def __init__(self, capacity: int = 4) -> None:
        self.capacity = capacity
        self.silent = False
        self.calls: list[tuple[Ticket, PassageText]] = []
        self.sent: list[str] = []
        self.closed = False

    def free(self) -> int:
        return self.capacity - len(self.calls)

    def in_flight(self) -> int:
        return len(self.calls)

    def submit(self, ticket: Ticket, passage: PassageText) -> None:
        self.calls.append((ticket, passage))
        self.sent.append(ticket.request_id)

    def finished(self, timeout: float) -> list[Finished]:
        if self.silent:
            return []
        calls, self.calls = self.calls, []
        return [Finished(ticket, passage, answer(ticket, passage)) for ticket, passage in calls]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([embed(text) for text in texts])

    def recover(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        return answer(ticket, passage)

    def close(self) -> None:
        self.closed = True


def answer(ticket: Ticket, passage: PassageText) -> ExtractionResult:
    """Return the one pair that a passage holds, at a fixed price."""
    quote = passage.text[:20]
    question = f"{passage.text} what is it?"
    pair = ExtractedPair(
        question=question,
        answer=passage.text,
        quote=quote,
        start=passage.start,
        end=passage.start + len(quote),
        vector=pack_vector(embed(passage.text)),
    )
    return answered(ticket, [pair] if passage.text else [])


def answered(ticket: Ticket, pairs: list[ExtractedPair]) -> ExtractionResult:
    """Return an answer that holds these pairs, at a fixed price."""
    return ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=ticket.request_id,
        status="answered",
        tokens_in=300,
        tokens_out=50,
        cost_usd=PRICES.cost(300, 50),
        pairs=pairs,
        model="m",
        prompt_version="1",
    )


class World:
    """Everything around an `AllocatorService`, on a directory."""

    def __init__(
        self, directory: Path, usd_total: float | None = 1.0, tokens_total: int | None = None
    ) -> None:
        self.settings = Settings(
            data_dir=directory,
            budget=BudgetSettings(usd_total=usd_total, tokens_total=tokens_total),
            llm=LLMSettings(base_url="http://127.0.0.1:1", model="m", in_mtok_cost=1.0, out_mtok_cost=2.0),
            allocation=AllocationSettings(exploration=0.0, snapshot_seconds=1e6),
        )
        self.transport = open_transport(self.settings)
        self.transport.create_topics(topic_specs(self.settings))
        self.producer = self.transport.producer()
        self.passages = open_embedded(self.settings, "m", DIMENSION).passages
        self.clock = now()

    def service(self, workers: PromptWorkers) -> AllocatorService:
        """Return a fresh allocator, as a process that starts has it."""
        state = self.settings.data_dir / "state" / "allocator"
        vectors = VectorFile(state / "candidates.vectors", DIMENSION)
        return AllocatorService(
            core=AllocatorCore(self.settings, pricing=PRICES, dimension=DIMENSION, vectors=vectors),
            transport=self.transport,
            passages=self.passages,
            workers=workers,
            snapshots=SnapshotStore(state),
            pace=Pace(None),
            snapshot_seconds=1e6,
            tick_seconds=0.0,
            stop_seconds=5.0,
            clock=self.tick,
        )

    def tick(self):
        """Return a later instant each time."""
        self.clock += timedelta(milliseconds=10)
        return self.clock

    def passage(self, theme: str, number: int, cluster: int = 1) -> str:
        """Store a passage and publish its assignment; return its id."""
        text = f"{theme} passage number {number} says something of its own"
        url = f"https://example.org/{theme}/{number}"
        document = doc_id(url)
        identity = passage_id(document, text, 0, len(text))
        vector = embed(text)
        payload = {"text": text, "start": 0, "title": theme, "lang": "en", "url": url, "doc_id": document}
        self.passages.upsert([Point(identity, vector, payload)])
        assigned = AssignedPassage(
            passage_id=identity,
            doc_id=document,
            url=url,
            cluster_id=cluster,
            similarity=0.9,
            tokens=12,
            vector=pack_vector(vector),
            lang="en",
            title=theme,
            text_bytes=len(text.encode()),
        )
        self.publish(assigned, topics.ASSIGNED.name, identity)
        return identity

    def reference(self, target: str, ref_id: str, text: str) -> None:
        """Publish a reference pair."""
        pair = ReferencePair(target=target, ref_id=ref_id, question=f"{text} what?", answer=f"{text} that")
        self.publish(pair, topics.REFERENCES.name, f"{target}/{ref_id}")

    def removed(self, *identities: str) -> None:
        """Delete passages as the embedder does: from the store first, then said in an outcome."""
        self.passages.delete(list(identities))
        outcome = DocumentOutcome(
            url="https://example.org/gone",
            doc_id="gone",
            outcome="deleted",
            source=SourcePosition(topic=topics.CRAWL.name, partition=0, offset=0),
            at=now(),
            removed=list(identities),
        )
        self.publish(outcome, topics.DOCUMENT_OUTCOMES.name, outcome.url)

    def publish(self, message: Message, topic: str, key: str) -> None:
        """Publish a message and wait until it is there."""
        self.producer.send(encode(message, topic=topic, key=key, source="/test"))
        self.producer.flush()

    def records(self, topic: str) -> list[Record]:
        """Return everything committed on a topic."""
        consumer = self.transport.reader([topic])
        records: list[Record] = []
        while batch := consumer.poll(1000, 0.05):
            records.extend(batch)
        consumer.close()
        return records

    def values(self, topic: str) -> list[dict[str, object]]:
        """Return the JSON of everything committed on a topic that is not a tombstone."""
        return [json.loads(record.value) for record in self.records(topic) if record.value is not None]

    def close(self) -> None:
        """Free the log and the store."""
        self.producer.close()
        self.passages.close()
        self.transport.close()


def run(service: AllocatorService, turns: int = 40) -> None:
    """Take turns until nothing moves any more."""
    still = 0
    for _ in range(turns):
        still = 0 if service.turn() else still + 1
        if still >= 3:
            return
