"""Writing to Kafka: in bulk, or in transactions together with positions."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import kafka.errors as k
from kafka import KafkaProducer

from equal_stream.settings import KafkaSettings
from equal_stream.steps import Step, passed
from equal_stream.transport.base import OutgoingRecord
from equal_stream.transport.exceptions import (
    Fenced,
    NotAllowed,
    PositionsLost,
    RecordTooLarge,
    TransactionTimedOut,
    TransportError,
    TransportUnavailable,
)
from equal_stream.transport.kafka.cluster import Cluster
from equal_stream.transport.kafka.connection import producer_options
from equal_stream.transport.kafka.consumer import Claim
from equal_stream.transport.kafka.deadline import DeadlineExpired, call_within
from equal_stream.transport.kafka.errors import is_fencing, translate, translated
from equal_stream.transport.kafka.transaction import KafkaTransaction
from equal_stream.transport.sizes import record_bytes

_LOG = logging.getLogger(__name__)
_CLOSE_SECONDS = 10.0


class KafkaLogProducer:
    """Writes records; with a `transactional_id` in transactions only, and fencing all earlier ones.

    A client that failed in a transaction is never used again: it keeps what the failed transaction left
    in it (kafka-python 3 would commit the failed transaction's positions with the next one). The next
    transaction makes a new client, unless this producer was fenced. Neither is one that was refused: it
    repeats the refusal for ever, also when what it wants to do is allowed again.

    Parameters
    ----------
    transactional_id
        Without prefix.
    on_close
        Called once when closed.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        cluster: Cluster,
        transactional_id: str | None,
        on_close: Callable[["KafkaLogProducer"], None] = lambda _: None,
    ) -> None:
        self._cluster = cluster
        self._id = transactional_id
        full_id = None if transactional_id is None else cluster.prefix + transactional_id
        self._about = "" if full_id is None else f"transactional id {full_id}"
        self._options = producer_options(settings, full_id)
        self._patience = settings.transaction_timeout_ms / 1000
        self._on_close = on_close
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []
        self._transaction: KafkaTransaction | None = None
        self._fenced = False
        self._closed = False
        self._client: Any = self._connect()

    def send(self, record: OutgoingRecord) -> None:
        """Hand a record over; it is durable after `flush`. Raises `RecordTooLarge` at once."""
        if self._id is not None:
            raise TransportError("a producer with a transactional id sends within a transaction only")
        self._send(record)

    def flush(self) -> None:
        """Wait until everything handed over is durable, or raise what befell the first that is not."""
        if self._id is None:
            passed(Step.BULK_WRITTEN)
        try:
            self._client.flush(timeout=self._patience)
        except k.KafkaTimeoutError as error:
            raise self._unreachable() from error
        failed, self._failures = self._failures, []
        if failed:
            cause = translate(failed[0], self._cluster.bootstrap, self._about)
            if self._id is None and isinstance(cause, NotAllowed):
                self._renew()
            raise cause from failed[0]
        if self._id is None:
            passed(Step.BULK_DURABLE)

    @contextmanager
    def transaction(self) -> Iterator[KafkaTransaction]:
        """Open a transaction; see `Producer.transaction`."""
        if self._id is None:
            raise TransportError("transactions need a producer with a transactional id")
        with self._lock:
            if self._transaction:
                raise TransportError("a producer has one transaction at a time: end the open one first")
            transaction = self._transaction = KafkaTransaction(self._send)
        try:
            self._begin()
            try:
                yield transaction
                transaction.open = False
                self._commit(transaction)
            except TransactionTimedOut:
                self._discard()
                raise
            except BaseException as error:
                self._abort(error, begun_to_commit=not transaction.open)
                if isinstance(error, PositionsLost):
                    for claim in transaction.claims:
                        claim.consumer.rewind()
                raise
        finally:
            transaction.open = False
            self._transaction = None

    def close(self) -> None:
        """Flush and free the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._id is None:
                self.flush()
        finally:
            self._discard(_CLOSE_SECONDS)
            self._on_close(self)

    def _connect(self) -> Any:
        with translated(self._cluster.bootstrap, self._about):
            client = KafkaProducer(**self._options)
            if self._id is not None:
                client.init_transactions()
            return client

    def _send(self, record: OutgoingRecord) -> None:
        topic = self._cluster.topic(record.topic)
        if not topic.allows("WRITE"):
            self._cluster.require(writes=[record.topic])
        size = record_bytes(record)
        if size > topic.max_message_bytes:
            raise RecordTooLarge(
                f"a record of {size:,} bytes is larger than topic {topic.full_name} takes "
                f"({topic.max_message_bytes:,} bytes)"
            )
        with translated(self._cluster.bootstrap, self._about):
            self._client.send(
                topic.full_name,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                timestamp_ms=record.timestamp_ms,
            ).add_errback(self._failures.append)

    def _begin(self) -> None:
        if self._fenced:
            raise self._fencing()
        if self._client is None:
            self._client = self._connect()
        self._failures = []
        with translated(self._cluster.bootstrap, self._about):
            self._client.begin_transaction()
        passed(Step.TRANSACTION_BEGUN)

    def _commit(self, transaction: KafkaTransaction) -> None:
        """Commit in three steps; until the last one nothing is visible, and an error aborts."""
        # 1. Every record is at the broker.
        self.flush()
        passed(Step.TRANSACTION_WRITTEN)
        # 2. Positions join the transaction; the broker checks the members' generations.
        for claim in transaction.claims:
            self._join(claim)
        passed(Step.TRANSACTION_POSITIONED)
        # 3. The broker writes the decision. Without its answer, the decision is not known.
        try:
            call_within(self._patience, self._client.commit_transaction)
        except (DeadlineExpired, k.KafkaError) as error:
            if isinstance(error, k.KafkaError) and is_fencing(error):
                raise self._fencing() from error
            raise TransactionTimedOut(
                f"Kafka at {self._cluster.bootstrap} did not say whether a transaction of {self._id} is "
                f"committed ({type(error).__name__}): stop this process and recover"
            ) from error
        passed(Step.TRANSACTION_COMMITTED)

    def _join(self, claim: Claim) -> None:
        """Add positions to the open transaction."""
        join = partial(self._client.send_offsets_to_transaction, claim.offsets, claim.membership)
        try:
            with translated(self._cluster.bootstrap, self._about):
                call_within(self._patience, join)
        except DeadlineExpired as error:
            raise self._unreachable() from error

    def _abort(self, error: BaseException, *, begun_to_commit: bool) -> None:
        """Abort, and keep the client only if nothing of the transaction can be left in it."""
        if isinstance(error, Fenced):
            self._fenced = True
            self._discard()
            return
        try:
            call_within(self._patience, self._client.abort_transaction)
        except DeadlineExpired:
            self._discard()
        except k.KafkaError as failure:
            self._fenced = is_fencing(failure)
            self._discard()
        else:
            if begun_to_commit:
                self._discard()

    def _renew(self) -> None:
        """Go on with a new client; with the old one where there is nobody to connect to."""
        old = self._client
        with suppress(TransportError):
            self._client = self._connect()
            with suppress(k.KafkaError):
                old.close(timeout=0.0)

    def _discard(self, timeout: float = 0.0) -> None:
        """Let the client go; whatever it had open, the broker aborts."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(k.KafkaError):
                client.close(timeout=timeout)

    def _fencing(self) -> Fenced:
        return Fenced(
            f"a newer instance with the transactional id {self._id} has taken over: this one must stop"
        )

    def _unreachable(self) -> TransportUnavailable:
        return TransportUnavailable(
            f"Kafka at {self._cluster.bootstrap} did not take records within {self._patience:.0f} s: "
            "check that it runs and can be reached"
        )
