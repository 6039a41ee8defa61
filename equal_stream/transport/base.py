"""What the service asks of a log: read in batches from explicit positions, write, and transact.

Two implementations pass the same contract tests: `kafka` (kafka-python) and `embedded` (SQLite in WAL
mode, several processes on one machine). Topic names here are the contract's, without the prefix; the
transport adds and strips it, also for groups and transactional ids, so that deployments with different
prefixes share a cluster without meeting.

How a consumer loop reads: `poll`, work, then one `transaction` that sends the results and commits the
positions together. Whatever was not committed is read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

TopicPartition = tuple[str, int]
Positions = dict[TopicPartition, int]  # the next offset to read, by partition
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read. `timestamp_ms` is Unix time in milliseconds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to write. Equal keys go to the same partition, in order; a null value is a tombstone.

    Only a dead letter may have no key, as the record it keeps had none; it goes to any partition.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None  # default: the time of sending


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic to create. `retention_ms` -1 keeps for ever; `cleanup` is Kafka's `cleanup.policy`."""

    name: str
    partitions: int
    cleanup: str
    retention_ms: int
    max_message_bytes: int


class Consumer(Protocol):
    """Reads records that are committed, in order within each partition. Not thread-safe.

    A reader (see `Transport.reader`) owns all partitions of its topics. A group member (see
    `Transport.member`) shares them with the other members; partitions come and go inside `poll`.
    """

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        ...

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions this consumer reads at the moment."""
        ...

    def positions(self) -> Positions:
        """Return the next offset that `poll` reads, for each assigned partition."""
        ...

    def committed(self) -> Positions:
        """Return what the group has committed, for the assigned partitions that have anything."""
        ...

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets; partitions not named stay where they are.

        Partitions that are not assigned are passed over: after an aborted transaction a loop seeks back
        to where its batch began, and whoever has a lost partition now starts at its committed position.
        An offset outside the log means its beginning.
        """
        ...

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit outside a transaction.

        Raises `PositionsLost` when a partition has moved on; the consumer has then gone back to what is
        committed, for all partitions that it still has.
        """
        ...

    def lag(self) -> dict[TopicPartition, int]:
        """Return how many records lie between the position and the end, for each assigned partition."""
        ...

    def close(self) -> None:
        """Leave the group and free the connection."""
        ...


class Transaction(Protocol):
    """Everything sent and every position committed here becomes visible at once, or never."""

    def send(self, record: OutgoingRecord) -> None:
        """Add a record."""
        ...

    def commit_positions(self, consumer: Consumer, positions: Mapping[TopicPartition, int]) -> None:
        """Add positions of a consumer that has a group."""
        ...


class Producer(Protocol):
    """Writes records. Thread-safe for `send`; one transaction at a time."""

    def send(self, record: OutgoingRecord) -> None:
        """Hand a record over; it is durable after `flush`. Raises `RecordTooLarge` at once."""
        ...

    def flush(self) -> None:
        """Wait until everything handed over is durable, or raise."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction: commits when the block ends, aborts when it raises.

        Needs a producer made with a `transactional_id`. Raises `Fenced` when a newer producer with the
        same id exists (the process must stop), `PositionsLost` when positions belong to partitions that
        were taken away meanwhile (drop the work, poll on: the consumer has gone back to what is
        committed), `TransactionTimedOut` when the outcome is not known in time (the process must stop
        and recover). After any other error nothing was committed: seek back to where the batch began.
        """
        ...

    def close(self) -> None:
        """Flush and free the connection."""
        ...


class Transport(Protocol):
    """A log with topics."""

    def member(self, topics: Sequence[str], group: str) -> Consumer:
        """Return a consumer that shares the topics' partitions with the other members of `group`.

        It starts at the group's committed positions, or at the beginning.
        """
        ...

    def reader(self, topics: Sequence[str], group: str | None = None, *, from_end: bool = False) -> Consumer:
        """Return a consumer of all partitions, for a role that has exactly one instance.

        It starts at the committed positions of `group` where there are any, else at the beginning (or
        the end). Without a group it cannot commit. Partitions added later are picked up within a minute.
        """
        ...

    def producer(self, transactional_id: str | None = None) -> Producer:
        """Return a producer; one with the same `transactional_id` fences all earlier ones."""
        ...

    def create_topics(self, topics: Iterable[TopicSpec]) -> list[str]:
        """Create what is missing and return the names created; existing topics are left as they are."""
        ...

    def topics(self) -> dict[str, int]:
        """Return the partition count of each existing topic under the prefix."""
        ...

    def beginning_positions(self, topics: Sequence[str]) -> Positions:
        """Return the offset of the first record still kept, for every partition."""
        ...

    def end_positions(self, topics: Sequence[str]) -> Positions:
        """Return the offset after the last committed record, for every partition."""
        ...

    def group_positions(self, group: str, topics: Sequence[str]) -> Positions:
        """Return what a group has committed (for `status`), for the partitions that have anything."""
        ...

    def close(self) -> None:
        """Free everything this transport opened."""
        ...
