"""A log in which every promise holds, small enough to break each of them by hand."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.audit import QuietLog
from equal_stream import topics
from equal_stream.ids import doc_id
from equal_stream.roles import ALLOCATOR, CLUSTERER, EMBEDDER
from equal_stream.settings import Settings
from equal_stream.store.base import Point
from equal_stream.topics import Topic
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.chaos.audit import Remains
from tests.chaos.crawl import Sent, Sort
from tests.chaos.feeder import outgoing

CAP = 1_000
_URLS = [f"https://pages.invalid/{number}" for number in range(2)]
_TEXTS = ["The tide gauge of Belcor was built by Isk.", "The oven of Danfen is fired with beech."]
_GONE, _BAD = "https://pages.invalid/gone", "https://poison.invalid/1"
_VECTOR = base64.b64encode(b"\0\0\x80?" * 4).decode()


@dataclass
class SoundLog:
    """Records by topic, in order, which a test may change before they are written.

    Two pages were embedded, one deleted, and one record was no page; a ticket was settled for each passage,
    and the first brought a pair.
    """

    fed: list[Sent] = field(default_factory=list)
    values: dict[Topic, list[dict[str, Any]]] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)
    dead: list[int] = field(default_factory=lambda: [3])  # places in `fed`, which is one partition
    bill: list[dict[str, Any]] = field(default_factory=list)
    passages: list[Point] = field(default_factory=list)
    documents: list[Point] = field(default_factory=list)
    uncommitted: set[str] = field(default_factory=set)  # groups that have not committed their ends
    left_behind: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pages = zip(_URLS, _TEXTS, strict=True)
        self.fed = [Sent(place + 1, Sort.NEW, url, _page(url, text), text) for place, (url, text) in
                    enumerate(pages)]  # fmt: skip
        self.fed += [Sent(3, Sort.DELETED, _GONE, None), Sent(4, Sort.POISON, _BAD, b"{not json")]
        for topic in topics.TOPICS:
            self.values[topic] = []
        for place, url in enumerate(_URLS):
            self._embedded(place, url)
        self.values[topics.DOCUMENT_OUTCOMES].append(_outcome(2, _GONE, "deleted"))
        self.values[topics.CLUSTER_EVENTS].append({"cluster_id": 1, "children": []})
        pair = {"qa_id": "q0", "ticket_id": "t0", "passage_id": "p0", "url": _URLS[0], "model": "m",
                "question": "Who built the tide gauge of Belcor?", "answer": "Isk",
                "evidence": {"start": 0, "end": 10, "quote": _TEXTS[0][:10]}}  # fmt: skip
        self.values[topics.PAIRS].append(pair)

    def _embedded(self, place: int, url: str) -> None:
        text, passage, document = _TEXTS[place], f"p{place}", doc_id(url)
        self.values[topics.DOCUMENT_OUTCOMES].append(_outcome(place, url, "embedded"))
        self.values[topics.EMBEDDED].append(
            {"passage_id": passage, "doc_id": document, "text": text, "start": 0, "tokens": 9,
             "vector": _VECTOR, "url": url}
        )  # fmt: skip
        self.values[topics.ASSIGNED].append({"passage_id": passage, "cluster_id": 1})
        ticket = {"ticket_id": f"t{place}", "request_id": f"r{place}", "passage_id": passage}
        self.values[topics.LEDGER] += [
            {**ticket, "entry": "reserve", "tokens": 400},
            {**ticket, "entry": "settle", "tokens": 120},
        ]
        self.values[topics.EXTRACTIONS].append({**ticket, "status": "extracted", "rejected": {}})
        self.bill.append(
            {"client_request_id": f"r{place}", "billed": True, "tokens_in": 100, "tokens_out": 20,
             "usage_delivered": True}
        )  # fmt: skip
        self.passages.append(Point(passage, None, {"doc_id": document, "text": text}))
        self.documents.append(Point(document, None, {"passages": [passage]}))

    @contextmanager
    def written(self, directory: Path) -> Iterator[Remains]:
        """Write the log and yield what there is to be audited."""
        partitions = {topic.name: 1 for topic in topics.TOPICS}
        settings = Settings(data_dir=directory, topics={"partitions": partitions})
        transport = open_transport(settings)
        try:
            transport.create_topics(topic_specs(settings))
            self._write(transport)
            yield Remains(
                transport=QuietLog(transport),
                fed=self.fed,
                cap=CAP,
                bill={"detail": self.bill, "kinds": {}},
                passages=self.passages,
                documents=self.documents,
                left_behind=self.left_behind,
            )
        finally:
            transport.close()

    def _write(self, transport: Transport) -> None:
        producer = transport.producer()
        for sent in self.fed:
            producer.send(outgoing(sent))
        for topic, values in self.values.items():
            key = topic.key.rpartition("/")[2].lower()
            for value in values:
                name = str(value.get(key, value.get("source", "")))
                producer.send(OutgoingRecord(topic.name, name.encode(), json.dumps(value).encode()))
        for key in self.withdrawn:
            producer.send(OutgoingRecord(topics.PAIRS.name, key.encode(), None))
        for place in self.dead:
            headers = {"dlq_topic": topics.CRAWL.name, "dlq_partition": "0", "dlq_offset": str(place),
                       "dlq_reason": "invalid-json"}  # fmt: skip
            packed = tuple((name, text.encode()) for name, text in headers.items())
            producer.send(OutgoingRecord(topics.dead_letter(topics.CRAWL.name), b"bad", b"{", packed))
        producer.flush()
        producer.close()
        for role in (EMBEDDER, CLUSTERER, ALLOCATOR):
            if role.group not in self.uncommitted:
                names = [topic.name for topic in role.reads]
                reader = transport.reader(names, role.group)
                reader.commit(transport.end_positions(names))
                reader.close()


def _page(url: str, text: str) -> bytes:
    return json.dumps({"url": url, "text": text}).encode()


def _outcome(place: int, url: str, outcome: str) -> dict[str, Any]:
    source = {"topic": topics.CRAWL.name, "partition": 0, "offset": place}
    return {"url": url, "doc_id": doc_id(url), "outcome": outcome, "removed": [], "source": source}
