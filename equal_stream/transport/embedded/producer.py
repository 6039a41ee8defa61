"""Writing to the embedded log: in bulk, or in transactions together with positions."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from equal_stream.steps import Step, passed
from equal_stream.transport.base import Consumer, OutgoingRecord, TopicPartition
from equal_stream.transport.embedded import housekeeping, log
from equal_stream.transport.embedded.catalog import Catalog, LogTopic
from equal_stream.transport.embedded.consumer import Claim, EmbeddedConsumer
from equal_stream.transport.embedded.database import Database
from equal_stream.transport.exceptions import Fenced, PositionsLost, TransportError, TransportUnavailable

_LOG = logging.getLogger(__name__)
_BULK_RECORDS = 1_000
_BULK_BYTES = 8 << 20  # whichever comes first: what `send` may hold before it writes


class EmbeddedTransaction:
    """Collects records and positions; the producer writes them in one SQLite transaction."""

    def __init__(self, address: Callable[[OutgoingRecord], log.Addressed]) -> None:
        self._address = address
        self.records: list[log.Addressed] = []
        self.claims: list[Claim] = []
        self.open = True

    def send(self, record: OutgoingRecord) -> None:
        """Add a record; raises `RecordTooLarge` and `UnknownTopic` at once."""
        self._check_open()
        self.records.append(self._address(record))

    def commit_positions(self, consumer: Consumer, positions: Mapping[TopicPartition, int]) -> None:
        """Add positions of a consumer that has a group."""
        self._check_open()
        if not isinstance(consumer, EmbeddedConsumer):
            raise TransportError("a transaction commits positions of consumers of the same transport only")
        self.claims.append(consumer.claim(positions))

    def _check_open(self) -> None:
        if not self.open:
            raise TransportError("this transaction has ended: open another one")


class EmbeddedProducer:
    """Writes records; with a `transactional_id` in transactions only, and fencing all earlier ones.

    Parameters
    ----------
    database
        A connection of its own, closed with the producer.
    on_close
        Called once when closed.
    """

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        transactional_id: str | None,
        on_close: Callable[["EmbeddedProducer"], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._transactional_id = transactional_id
        self._on_close = on_close
        self._lock = threading.RLock()
        self._waiting: list[log.Addressed] = []
        self._waiting_bytes = 0
        self._transaction: EmbeddedTransaction | None = None
        self._topic_of: dict[int, LogTopic] = {}
        self._closed = False
        self._epoch = self._take_over() if transactional_id is not None else 0
        self._tidy_all()

    def send(self, record: OutgoingRecord) -> None:
        """Hand a record over; it is durable after `flush`. Raises `RecordTooLarge` at once."""
        if self._transactional_id is not None:
            raise TransportError("a producer with a transactional id sends within a transaction only")
        with self._lock:
            addressed = self._address(record)
            self._waiting.append(addressed)
            self._waiting_bytes += len(addressed.value or b"")
            if len(self._waiting) >= _BULK_RECORDS or self._waiting_bytes >= _BULK_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write everything handed over. What could not be written is kept for the next attempt."""
        with self._lock:
            if not self._waiting:
                return
            with self._database.writing() as connection:
                grown = log.append(connection, self._waiting)
                passed(Step.BULK_WRITTEN)
            passed(Step.BULK_DURABLE)
            self._waiting = []
            self._waiting_bytes = 0
            self._tidy(grown)

    @contextmanager
    def transaction(self) -> Iterator[EmbeddedTransaction]:
        """Open a transaction; see `Producer.transaction`."""
        if self._transactional_id is None:
            raise TransportError("transactions need a producer with a transactional id")
        with self._lock:
            if self._transaction:
                raise TransportError("a producer has one transaction at a time: end the open one first")
            transaction = self._transaction = EmbeddedTransaction(self._address)
        try:
            yield transaction
            transaction.open = False
            self._commit(transaction)
        except PositionsLost:
            for claim in transaction.claims:
                claim.consumer.rewind()
            raise
        finally:
            transaction.open = False
            self._transaction = None

    def close(self) -> None:
        """Flush and free the connection."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self.flush()
            finally:
                self._database.close()
                self._on_close(self)

    def _address(self, record: OutgoingRecord) -> log.Addressed:
        topic = self._catalog.topic(self._database, record.topic)
        addressed = log.address(record, topic)
        self._topic_of[addressed.partition_id] = topic
        return addressed

    def _commit(self, transaction: EmbeddedTransaction) -> None:
        with self._lock:
            with self._database.writing() as connection:
                self._check_epoch(connection)
                passed(Step.TRANSACTION_BEGUN)
                for claim in transaction.claims:
                    claim.apply(connection)
                passed(Step.TRANSACTION_POSITIONED)
                grown = log.append(connection, transaction.records)
                passed(Step.TRANSACTION_WRITTEN)
            passed(Step.TRANSACTION_COMMITTED)
            self._tidy(grown)

    def _take_over(self) -> int:
        with self._database.writing() as connection:
            (epoch,) = connection.execute(
                "INSERT INTO producers VALUES (?, 1)"
                " ON CONFLICT DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
                (self._transactional_id,),
            ).fetchone()
        return int(epoch)

    def _check_epoch(self, connection: sqlite3.Connection) -> None:
        (epoch,) = connection.execute(
            "SELECT epoch FROM producers WHERE transactional_id = ?", (self._transactional_id,)
        ).fetchone()
        if epoch != self._epoch:
            raise Fenced(
                f"a newer instance with the transactional id {self._transactional_id} has taken over: "
                "this one must stop"
            )

    def _tidy_all(self) -> None:
        for topic in self._catalog.load(self._database).values():
            self._topic_of.update(dict.fromkeys(topic.partition_ids, topic))
        self._run_housekeeping(list(self._topic_of))

    def _tidy(self, grown: Mapping[int, tuple[int, int]]) -> None:
        self._run_housekeeping([each for each, (old, new) in grown.items() if housekeeping.due(old, new)])

    def _run_housekeeping(self, partition_ids: list[int]) -> None:
        """Age partitions. What was written is written, so a failure here is a warning, not an error."""
        try:
            for partition_id in partition_ids:
                with self._database.writing() as connection:
                    housekeeping.tidy(
                        connection, self._topic_of[partition_id], partition_id, time.time_ns() // 1_000_000
                    )
        except TransportUnavailable as error:
            _LOG.warning("the embedded log was not tidied: %s", error)
