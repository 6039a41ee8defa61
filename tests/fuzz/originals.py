"""What is spoilt: sound records of every topic that a role reads, and sound answers of an LLM."""

import json
import random
from collections.abc import Callable

import msgspec
import numpy as np

from equal_stream import topics
from equal_stream.ids import doc_id, passage_id
from equal_stream.messages import (
    AssignedPassage,
    BudgetChange,
    ClusterEvent,
    CrawledDocument,
    DocumentOutcome,
    EmbeddedPassage,
    Message,
    ReferencePair,
    SourcePosition,
    now,
    pack_vector,
)
from tests.service.documents import THEMES, page

DIMENSION = 32
Original = tuple[bytes, bytes]  # key, value


def _url(number: int) -> str:
    return f"https://fuzz.invalid/{number}"


def _vector(number: int) -> bytes:
    vector = np.random.default_rng(number).standard_normal(DIMENSION)
    return pack_vector((vector / np.linalg.norm(vector)).astype(np.float32))


def _passage(number: int) -> str:
    return passage_id(doc_id(_url(number)), str(number), 0, 9)


def _crawled(rng: random.Random, number: int) -> Message:
    sound = page(rng.choice(THEMES), number, sentences=3)
    content = {"text": sound["text"]}
    if rng.random() < 0.4:
        content = {"html": f"<html><title>{number}</title><p>{sound['text']}</p><li>one<li>two</html>"}
    return CrawledDocument(
        url=_url(number % 500), title="t", lang="en", fetched_at=now(), metadata={"a": "b"}, **content
    )


def _embedded(rng: random.Random, number: int) -> Message:
    return EmbeddedPassage(
        passage_id=_passage(number), doc_id=doc_id(_url(number)), url=_url(number), title="t", lang="en",
        start=0, end=9, text="some text", tokens=2, vector=_vector(number), model="m", at=now(),
    )  # fmt: skip


def _assigned(rng: random.Random, number: int) -> Message:
    return AssignedPassage(
        passage_id=_passage(number), doc_id=doc_id(_url(number)), url=_url(number), cluster_id=number % 9,
        similarity=0.5, tokens=2, vector=_vector(number), lang="en", title="t", model="m", text_bytes=9,
        at=now(),
    )  # fmt: skip


def _lineage(rng: random.Random, number: int) -> Message:
    kind = rng.choice(["birth", "split", "merge", "death"])
    return ClusterEvent(
        event=kind, cluster_id=number % 9, parents=[number % 7], children=[number % 5, number % 9], size=3,
        at=now(),
    )  # fmt: skip


def _outcome(rng: random.Random, number: int) -> Message:
    return DocumentOutcome(
        url=_url(number), doc_id=doc_id(_url(number)), outcome="deleted",
        source=SourcePosition(topic=topics.CRAWL.name, partition=0, offset=number), at=now(),
        removed=[_passage(number + step) for step in range(2)],
    )  # fmt: skip


def _reference(rng: random.Random, number: int) -> Message:
    return ReferencePair(
        target="fuzz", ref_id=str(number % 50), question=f"apples {number}?", answer=f"{number}", weight=1.0
    )


def _budget(rng: random.Random, number: int) -> Message:
    kind = rng.choice(["set", "set", "pause", "resume"])
    return BudgetChange(change=kind, at=now(), usd_total=1.0 + number, tokens_per_hour=1_000_000)


_MAKERS: dict[str, Callable[[random.Random, int], Message]] = {
    topics.CRAWL.name: _crawled,
    topics.EMBEDDED.name: _embedded,
    topics.ASSIGNED.name: _assigned,
    topics.CLUSTER_EVENTS.name: _lineage,
    topics.DOCUMENT_OUTCOMES.name: _outcome,
    topics.REFERENCES.name: _reference,
    topics.BUDGET.name: _budget,
}


def original(topic: str, rng: random.Random, number: int) -> Original:
    """Return key and value of a sound record."""
    message = _MAKERS[topic](rng, number)
    key = {topics.REFERENCES.name: f"fuzz/{number % 50}"}.get(topic, _url(number % 500))
    return key.encode(), msgspec.json.encode(message)


def completion(text: str, number: int) -> bytes:
    """Return the body of a sound chat completion about a passage."""
    quote = text[10:60]
    pairs = [{"question": f"What is said in number {number}?", "answer": quote[:20], "evidence": quote}]
    content = json.dumps({"pairs": pairs * (1 + number % 3)})
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps({"id": "x", "choices": [choice], "usage": usage}).encode()
