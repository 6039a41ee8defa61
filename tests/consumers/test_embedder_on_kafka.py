"""A member that the broker gave up for dead, and that wakes with a batch in work."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bench.audit import read_all, values
from consumers.embedder import GROUP, EmbedderLoop
from deploy.kafka.local_broker import LocalBroker
from equal_stream import topics
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.settings import KafkaSettings, PassageSettings, Settings, TopicSettings
from equal_stream.store.factory import Stores, open_embedded
from equal_stream.transport.base import OutgoingRecord, Record, Transport
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.consumers.test_embedder import wait_for
from tests.embedding.world import CountingEncoder, sentences

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CRAWL = topics.CRAWL.name
SILENCE_MS = 2_000  # after which a member that does not poll is given up for dead


@pytest.fixture
def transport(kafka_broker: LocalBroker, tmp_path: Path) -> Iterator[Transport]:
    settings = Settings(
        transport="kafka",
        data_dir=tmp_path,
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}.", partitions={CRAWL: 1}),
        kafka=KafkaSettings(
            bootstrap_servers=kafka_broker.bootstrap,
            session_timeout_ms=1_500,
            max_poll_interval_ms=SILENCE_MS,
        ),
    )
    opened = open_transport(settings)
    opened.create_topics(topic_specs(settings))
    yield opened
    opened.close()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_embedded(Settings(data_dir=tmp_path), CountingEncoder.identity, CountingEncoder.dimension)
    yield opened
    opened.close()


class Member:
    """An embedder's loop in a thread; where `gate` is closed, its encoder and its polls wait for it."""

    def __init__(self, transport: Transport, stores: Stores, gate: threading.Event) -> None:
        self.asleep = asleep = threading.Event()
        self.stop = threading.Event()

        class GatedStage(EmbeddingStage):
            def encode(self, batch: Any) -> int:
                asleep.set()
                assert gate.wait(120)
                return super().encode(batch)

        self._consumer = transport.member([CRAWL], GROUP)
        poll = self._consumer.poll

        def gated_poll(most: int, timeout: float) -> list[Record]:
            assert not asleep.is_set() or gate.wait(120)
            return poll(most, timeout)

        self._consumer.poll = gated_poll
        self.loop = EmbedderLoop(
            GatedStage(CountingEncoder(), stores.passages, stores.documents, PassageSettings()),
            self._consumer,
            transport.producer(uuid4().hex),
            poll_records=8,
            stay_seconds=1_000.0,
            session_seconds=0.5,
            stop=self.stop,
        )
        self._thread = threading.Thread(target=self.loop.run)
        self._thread.start()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._consumer.close()


def crawl(transport: Transport, seed: int, day: int) -> None:
    url = "https://example.org/a"
    page = {"url": url, "text": sentences(seed), "fetched_at": f"2026-01-{day:02}T00:00:00Z"}
    producer = transport.producer()
    producer.send(OutgoingRecord(CRAWL, url.encode(), json.dumps(page).encode()))
    producer.close()


@pytest.mark.parametrize("heir_stays", [True, False])
def test_it_publishes_nothing_and_overwrites_nothing(
    transport: Transport, stores: Stores, heir_stays: bool
) -> None:
    gate, open_gate = threading.Event(), threading.Event()
    open_gate.set()
    crawl(transport, 1, 1)
    stopped = Member(transport, stores, gate)
    assert stopped.asleep.wait(60)
    crawl(transport, 2, 2)
    heir = Member(transport, stores, open_gate)
    wait_for(lambda: transport.group_positions(GROUP, [CRAWL]) == {(CRAWL, 0): 2}, 100)
    if not heir_stays:
        heir.end()
    before = {point.id: point.payload for point in stores.documents.scroll()}
    gate.set()
    wait_for(lambda: not stopped.loop._in_work)
    stopped.end()
    if heir_stays:
        heir.end()
    assert {point.id: point.payload for point in stores.documents.scroll()} == before
    outcomes = values(read_all(transport, topics.DOCUMENT_OUTCOMES.name))
    assert Counter(each["source"]["offset"] for each in outcomes) == {0: 1, 1: 1}
    assert transport.group_positions(GROUP, [CRAWL]) == {(CRAWL, 0): 2}
