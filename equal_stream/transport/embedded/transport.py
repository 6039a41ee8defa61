"""The embedded log as a `Transport`."""

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from equal_stream.transport.base import Positions, TopicPartition, TopicSpec
from equal_stream.transport.embedded import groups, log
from equal_stream.transport.embedded.catalog import Catalog
from equal_stream.transport.embedded.consumer import EmbeddedConsumer
from equal_stream.transport.embedded.database import Database
from equal_stream.transport.embedded.groups import Membership
from equal_stream.transport.embedded.heartbeat import Heartbeat
from equal_stream.transport.embedded.producer import EmbeddedProducer

FILE_NAME = "log.sqlite3"


class EmbeddedTransport:
    """A log in `<directory>/log.sqlite3`, which is made when missing. Thread-safe.

    Parameters
    ----------
    directory
        The data directory, on a local disk: SQLite's locks do not hold on network file systems.
    prefix
        Goes before every topic name, group and transactional id.
    session_timeout
        Seconds after which the partitions of a member that died go to the others.
    max_poll_interval
        Seconds a member may work between two polls before it counts as stuck.
    """

    def __init__(
        self,
        directory: Path,
        prefix: str = "",
        *,
        session_timeout: float = 10.0,
        max_poll_interval: float = 600.0,
    ) -> None:
        self._path = directory / FILE_NAME
        self._catalog = Catalog(prefix)
        self._session_timeout = session_timeout
        self._max_poll_interval = max_poll_interval
        self._lock = threading.Lock()
        self._database = Database(self._path)
        self._opened: set[EmbeddedConsumer | EmbeddedProducer] = set()

    def member(self, topics: Sequence[str], group: str) -> EmbeddedConsumer:
        """Return a consumer that shares the topics' partitions with the other members of `group`."""
        with self._lock:
            ids = self._catalog.ids(self._database, topics)
            subscribed = {name: self._catalog.topic(self._database, name).partition_ids for name in topics}
        full_group = self._catalog.prefix + group
        membership = Membership(full_group, f"{os.getpid()}-{uuid4().hex}", subscribed, self._session_timeout)
        consumer = EmbeddedConsumer(
            Database(self._path),
            ids,
            full_group,
            membership=membership,
            heartbeat=Heartbeat(Database(self._path), membership, self._max_poll_interval),
            compacted=self._compacted(ids),
            on_close=self._opened.discard,
        )
        self._opened.add(consumer)
        return consumer

    def reader(
        self, topics: Sequence[str], group: str | None = None, *, from_end: bool = False
    ) -> EmbeddedConsumer:
        """Return a consumer of all partitions; see `Transport.reader`. Partitions never grow here."""
        with self._lock:
            ids = self._catalog.ids(self._database, topics)
        full_group = None if group is None else self._catalog.prefix + group
        consumer = EmbeddedConsumer(
            Database(self._path),
            ids,
            full_group,
            compacted=self._compacted(ids),
            from_end=from_end,
            on_close=self._opened.discard,
        )
        self._opened.add(consumer)
        return consumer

    def _compacted(self, ids: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Return those partitions that are compacted."""
        with self._lock:
            topics = self._catalog.load(self._database)
        return [at for at in ids if "compact" in topics[at[0]].cleanup]

    def producer(self, transactional_id: str | None = None) -> EmbeddedProducer:
        """Return a producer; one with the same `transactional_id` fences all earlier ones."""
        catalog = Catalog(self._catalog.prefix)
        full_id = None if transactional_id is None else catalog.prefix + transactional_id
        producer = EmbeddedProducer(Database(self._path), catalog, full_id, self._opened.discard)
        self._opened.add(producer)
        return producer

    def create_topics(self, topics: Iterable[TopicSpec]) -> list[str]:
        """Create what is missing and return the names created; existing topics are left as they are."""
        with self._lock:
            return self._catalog.create(self._database, topics)

    def topics(self) -> dict[str, int]:
        """Return the partition count of each existing topic under the prefix."""
        with self._lock:
            found = self._catalog.load(self._database)
        return {name: len(topic.partition_ids) for name, topic in found.items()}

    def beginning_positions(self, topics: Sequence[str]) -> Positions:
        """Return the offset of the first record still kept, for every partition."""
        with self._lock:
            ids = self._catalog.ids(self._database, topics)
            with self._database.reading() as connection:
                return log.beginnings(connection, ids)

    def end_positions(self, topics: Sequence[str]) -> Positions:
        """Return the offset after the last committed record, for every partition."""
        with self._lock:
            ids = self._catalog.ids(self._database, topics)
            with self._database.reading() as connection:
                return log.ends(connection, ids)

    def group_positions(self, group: str, topics: Sequence[str]) -> Positions:
        """Return what a group has committed, for the partitions that have anything."""
        with self._lock:
            ids = self._catalog.ids(self._database, topics)
            with self._database.reading() as connection:
                found = groups.committed(connection, self._catalog.prefix + group)
        return {at: found[partition_id] for at, partition_id in ids.items() if partition_id in found}

    def close(self) -> None:
        """Close every consumer and producer that is still open, and the file."""
        for each in list(self._opened):
            each.close()
        with self._lock:
            self._database.close()
