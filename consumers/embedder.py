"""The embedder: crawl.documents in; passages.embedded, documents.outcomes and dead letters out.

Any number may run, one process a core; they share the partitions as a group. Three batches are in work at
most: one is encoded in a thread of its own, while the main thread prepares the next and stores and
publishes the one before. Batches are committed in order, so what is committed is always a prefix.
"""

import logging
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import uuid4

from equal_stream import topics
from equal_stream.embedding.batch import Batch
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.observability import metrics
from equal_stream.roles import EMBEDDER
from equal_stream.settings import Settings
from equal_stream.store.base import StoreUnavailable
from equal_stream.transport.base import Consumer, Positions, Producer, Record
from equal_stream.transport.exceptions import PositionsLost, TransportUnavailable
from equal_stream.transport.factory import open_transport

GROUP = EMBEDDER.group
_IDLE_SECONDS = 0.25
_BUSY_SECONDS = 0.02
_PORTION_BYTES = 512 << 10  # some ten seconds of encoding, so a batch of long documents stays short
_IN_WORK = 2  # batches beside the one that is being prepared
_LONGEST_PAUSE = 30.0
_GIVE_UP_SECONDS = 120.0  # then a new process may fare better: one that outlived its Ray head never does
_SWITCH_SECONDS = 0.0005  # how long the encoder's thread waits for the interpreter at most
_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class InWork:
    """A prepared batch and its encoding."""

    batch: Batch
    encoded: "Future[float]"


class EmbedderLoop:
    """Keeps the encoder busy.

    Parameters
    ----------
    stage
        What is done with a batch.
    consumer, producer
        A member of the embedders' group, and a transactional producer.
    poll_records
        Most records of a batch.
    stay_seconds
        How often to poll at least, to remain in the group.
    session_seconds
        How long the loop may be silent before others may have taken its partitions over.
    stop
        Set from outside to end the loop.
    give_up_seconds
        How long the store or the log may refuse one thing before the process ends, and its partitions go to
        others.
    """

    def __init__(
        self,
        stage: EmbeddingStage,
        consumer: Consumer,
        producer: Producer,
        *,
        poll_records: int,
        stay_seconds: float,
        session_seconds: float,
        stop: threading.Event,
        give_up_seconds: float = _GIVE_UP_SECONDS,
    ) -> None:
        self._stage = stage
        self._give_up_seconds = give_up_seconds
        self._consumer = consumer
        self._producer = producer
        self._poll_records = poll_records
        self._stay_seconds = stay_seconds
        self._session_seconds = session_seconds
        self._stop = stop
        self._encoding = ThreadPoolExecutor(1, "encode")
        self._in_work: deque[InWork] = deque()
        self._polled = self._awake = time.monotonic()
        self._slept = False

    def run(self) -> None:
        """Work until stopped; what is being encoded then is still finished.

        Raises `Fenced`, `TransactionTimedOut`, `TransportUnavailable` and `StoreUnavailable`: the process
        must end, and its records are read again by another.
        """
        try:
            while not self._stop.is_set():
                try:
                    self._turn()
                except PositionsLost as lost:
                    _LOG.info("%s", lost)
                    self._drop()
            self._wind_up()
        finally:
            self._encoding.shutdown(cancel_futures=True)

    def _turn(self) -> None:
        for portion in portions(self._poll(_BUSY_SECONDS if self._in_work else _IDLE_SECONDS)):
            if len(self._in_work) == _IN_WORK:
                self._finish_oldest()
            batch = self._patiently(partial(self._stage.prepare, portion))
            self._in_work.append(InWork(batch, self._encoding.submit(self._encode, batch)))
        if len(self._in_work) == _IN_WORK or (self._in_work and self._in_work[0].encoded.done()):
            self._finish_oldest()

    def _wind_up(self) -> None:
        try:
            while self._in_work and not self._in_work[0].encoded.cancel():
                self._finish_oldest()
        except PositionsLost as lost:
            _LOG.info("%s", lost)

    def _finish_oldest(self) -> None:
        oldest = self._in_work[0]
        while not wait([oldest.encoded], timeout=0.5).done:
            self._stop.is_set()  # asking is the sign of life
            self._note_silence()
            self._stay_in_group()
        seconds = oldest.encoded.result()
        self._note_silence()
        self._patiently(partial(self._require_ours, oldest.batch))
        self._patiently(partial(self._stage.store, oldest.batch))
        self._patiently(partial(self._stage.publish, oldest.batch, self._producer, self._consumer))
        self._in_work.popleft()
        count_batch(oldest.batch, seconds)

    def _encode(self, batch: Batch) -> float:
        begin = time.perf_counter()
        self._stage.encode(batch)
        return time.perf_counter() - begin

    def _note_silence(self) -> None:
        """Note whether the process may have been stopped, or as good as, since the last look at the clock."""
        now = time.monotonic()
        self._slept |= now - self._awake > self._session_seconds
        self._awake = now

    def _require_ours(self, batch: Batch) -> None:
        """Raise `PositionsLost` when others have taken over the batch's records, before the store is written.

        1. What the group has committed already was published: by another member that had the partition for
           a while, or by this one, which had read the records twice.
        2. After a silence in which this member may have been given up for dead, the log is asked whether the
           partitions are still its own, by committing once more where the batch begins. Another member may
           have gone on to newer versions of the pages, which the store must not lose to these.
        """
        # 1. Not published yet.
        begin = first_offsets(batch.records)
        committed = self._consumer.committed()
        if any(committed.get(at, 0) > offset for at, offset in begin.items()):
            in_work = [record for work in self._in_work for record in work.batch.records]
            self._consumer.seek({**first_offsets(in_work), **committed})
            raise PositionsLost(
                "records in work were published by another member meanwhile: they are dropped"
            )
        # 2. Still ours.
        if self._slept:
            self._consumer.commit(begin)
            self._slept = False

    def _drop(self) -> None:
        """Let go of all batches: the consumer stands where the group has committed."""
        for work in self._in_work:
            work.encoded.cancel()
        self._in_work.clear()
        self._slept = False
        self._stage.drop()

    def _poll(self, timeout: float) -> list[Record]:
        records = self._consumer.poll(self._poll_records, timeout)
        self._polled = time.monotonic()
        return records

    def _stay_in_group(self) -> None:
        """Poll without taking anything, when the last poll is long ago."""
        if time.monotonic() - self._polled < self._stay_seconds:
            return
        records = self._consumer.poll(1, 0.0)
        self._polled = time.monotonic()
        self._consumer.seek({(record.topic, record.partition): record.offset for record in records})

    def _patiently(self, work: Callable[[], _Result]) -> _Result:
        """Do something that the store or the log may refuse for a while; each try is the same."""
        pause = 0.5
        begun = time.monotonic()
        while True:
            try:
                return work()
            except (StoreUnavailable, TransportUnavailable) as error:
                if isinstance(error, StoreUnavailable):
                    metrics.STORE_ERRORS.labels("embedder").inc()
                if self._stop.is_set() or time.monotonic() - begun > self._give_up_seconds:
                    raise
                _LOG.warning("%s Trying again in %.0f s.", error, pause)
            self._stop.wait(pause)
            self._stay_in_group()
            pause = min(2 * pause, _LONGEST_PAUSE)


def first_offsets(records: Sequence[Record]) -> Positions:
    """Return the least offset among records, by partition."""
    begin: Positions = {}
    for record in records:
        at = (record.topic, record.partition)
        begin[at] = min(begin.get(at, record.offset), record.offset)
    return begin


def portions(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Part records so that none but a single large one makes a portion of more than half a megabyte."""
    portion: list[Record] = []
    size = 0
    for record in records:
        length = len(record.value or b"")
        if portion and size + length > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(record)
        size += length
    if portion:
        yield portion


def count_batch(batch: Batch, seconds: float) -> None:
    """Add a committed batch, which took the encoder so many seconds, to the metrics."""
    for item in batch.items:
        metrics.DOCUMENTS.labels(item.decision.outcome, item.decision.reason.partition(":")[0]).inc()
        new = [each for each in item.passages if not each.in_store]
        metrics.PASSAGES_EMBEDDED.inc(len(new))
        metrics.ENCODED_TOKENS.inc(sum(each.passage.tokens for each in new))
    for record in batch.dead:
        reason = dict(record.headers).get("dlq_reason", b"").decode()
        metrics.DEAD_LETTERS.labels(topics.CRAWL.name, reason).inc()
    metrics.ENCODE_SECONDS.inc(seconds)
    metrics.BATCHES.labels("embedder").inc()


def run_embedder(settings: Settings, stop: threading.Event) -> None:
    """Run one embedder until `stop` is set; returns once the batch being encoded is committed."""
    from equal_stream.embedding.encoder import Encoder  # noqa: PLC0415 - loads torch, which takes seconds
    from equal_stream.ray_runtime import connect  # noqa: PLC0415 - loads Ray
    from equal_stream.store.factory import open_stores  # noqa: PLC0415 - as above

    sys.setswitchinterval(_SWITCH_SECONDS)
    transport = open_transport(settings)
    # An embedded store is owned by a Ray actor.
    connection = None if settings.store.url else connect(settings)
    try:
        encoder = Encoder(settings.embedding)
        stores = open_stores(settings, encoder.identity, encoder.dimension)
        try:
            producer = transport.producer(f"{GROUP}-{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}")
            consumer = transport.member([topics.CRAWL.name], GROUP)
            stage = EmbeddingStage(encoder, stores.passages, stores.documents, settings.passages)
            EmbedderLoop(
                stage,
                consumer,
                producer,
                poll_records=settings.embedding.poll_records,
                stay_seconds=settings.kafka.max_poll_interval_ms / 4000,
                session_seconds=settings.kafka.session_timeout_ms / 2000,
                stop=stop,
            ).run()
            consumer.close()
            producer.close()
        finally:
            stores.close()
    finally:
        if connection is not None:
            connection.stop()
        transport.close()
