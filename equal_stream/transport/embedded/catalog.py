"""Topics and partitions of the embedded log, and how a record finds its place in one table.

A record's row id is `partition id << 40 | offset`: one integer key, so a partition is one contiguous
range of the table, and reading on is a range scan.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from equal_stream.transport.base import TopicSpec
from equal_stream.transport.embedded.database import Database
from equal_stream.transport.exceptions import UnknownTopic

OFFSET_BITS = 40  # 10^12 records a partition, 8 million partitions


def first_row(partition_id: int, offset: int = 0) -> int:
    """Return the row id of an offset."""
    return partition_id << OFFSET_BITS | offset


def offset_of(row_id: int) -> int:
    """Return the offset that a row id stands for."""
    return row_id & ((1 << OFFSET_BITS) - 1)


@dataclass(frozen=True, slots=True)
class LogTopic:
    """A topic as it exists; `partition_ids[p]` is the id of partition p."""

    name: str
    cleanup: str
    retention_ms: int
    max_message_bytes: int
    partition_ids: tuple[int, ...]

    def partition_for(self, key: bytes | None) -> int:
        """Return the partition of a key: CRC-32 modulo the count, and 0 for records without a key."""
        return zlib.crc32(key or b"") % len(self.partition_ids)


class Catalog:
    """What topics there are, read once and again when an unknown one is asked for.

    Parameters
    ----------
    prefix
        Goes before every topic name in the file; callers never see it.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._topics: dict[str, LogTopic] = {}

    def topic(self, database: Database, name: str) -> LogTopic:
        """Return a topic; raises `UnknownTopic`."""
        if name not in self._topics:
            self.load(database)
        if name not in self._topics:
            raise UnknownTopic(
                f"topic {self.prefix}{name} does not exist in {database.path}: run equal-stream topics create"
            )
        return self._topics[name]

    def load(self, database: Database) -> dict[str, LogTopic]:
        """Read every topic under the prefix."""
        with database.reading() as connection:
            ids: dict[str, list[int]] = {}
            for name, partition_id in connection.execute(
                "SELECT topic, id FROM partitions ORDER BY topic, partition"
            ):
                ids.setdefault(name, []).append(partition_id)
            self._topics = {
                name[len(self.prefix) :]: LogTopic(
                    name[len(self.prefix) :], cleanup, retention_ms, max_bytes, tuple(ids[name])
                )
                for name, cleanup, retention_ms, max_bytes in connection.execute("SELECT * FROM topics")
                if name.startswith(self.prefix)
            }
        return dict(self._topics)

    def create(self, database: Database, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that are missing and return their names."""
        with database.writing() as connection:
            return [spec.name for spec in specs if self._created(connection, spec)]

    def ids(self, database: Database, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """Return the partition ids of topics by (topic, partition)."""
        return {
            (name, partition): partition_id
            for name in topics
            for partition, partition_id in enumerate(self.topic(database, name).partition_ids)
        }

    def _created(self, connection: sqlite3.Connection, spec: TopicSpec) -> bool:
        name = self.prefix + spec.name
        if connection.execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone():
            return False
        connection.execute(
            "INSERT INTO topics VALUES (?, ?, ?, ?)",
            (name, spec.cleanup, spec.retention_ms, spec.max_message_bytes),
        )
        connection.executemany(
            "INSERT INTO partitions (topic, partition) VALUES (?, ?)",
            [(name, partition) for partition in range(spec.partitions)],
        )
        return True
