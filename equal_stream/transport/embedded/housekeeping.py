"""Ages the log: drops what is past its retention and what a compacted topic has superseded.

There is no background thread. A producer tidies a partition after every few thousand records written to
it, and all partitions when it is opened; each pass is bounded, and over time it does a constant amount
of work a record. Offsets are never used again, so readers meet gaps.
"""

import sqlite3

from equal_stream.transport.embedded.catalog import LogTopic, first_row

EVERY_RECORDS = 10_000
_EXPIRED_AT_ONCE = 2 * EVERY_RECORDS  # twice what comes in between two passes, so a backlog shrinks
_TOMBSTONE_MS = 86_400_000  # Kafka's delete.retention.ms: a day for every subscriber to see a removal


def due(old_end: int, new_end: int) -> bool:
    """Tell whether a partition that grew from one end to another has earned a pass."""
    return old_end // EVERY_RECORDS != new_end // EVERY_RECORDS


def tidy(connection: sqlite3.Connection, topic: LogTopic, partition_id: int, now_ms: int) -> None:
    """Run one pass over a partition."""
    policies = topic.cleanup.split(",")
    if "delete" in policies and topic.retention_ms >= 0:
        _expire(connection, partition_id, now_ms - topic.retention_ms)
    if "compact" in policies:
        _compact(connection, partition_id, now_ms - _TOMBSTONE_MS)


def _expire(connection: sqlite3.Connection, partition_id: int, before_ms: int) -> None:
    """Delete from the head of the partition up to the first record that is young enough."""
    last = None
    for row_id, timestamp_ms in connection.execute(
        "SELECT id, timestamp_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (first_row(partition_id), first_row(partition_id + 1), _EXPIRED_AT_ONCE),
    ):
        if timestamp_ms >= before_ms:
            break
        last = row_id
    if last is not None:
        connection.execute("DELETE FROM records WHERE id >= ? AND id <= ?", (first_row(partition_id), last))


def _compact(connection: sqlite3.Connection, partition_id: int, before_ms: int) -> None:
    """Keep the newest record of each key, once as many are new as were kept the last time."""
    end, compacted_to = connection.execute(
        "SELECT next_offset, compacted_to FROM partitions WHERE id = ?", (partition_id,)
    ).fetchone()
    first, last = first_row(partition_id), first_row(partition_id, end)
    (kept,) = connection.execute(
        "SELECT count(*) FROM records WHERE id >= ? AND id < ?",
        (first, first_row(partition_id, compacted_to)),
    ).fetchone()
    if end - compacted_to < max(EVERY_RECORDS, kept):
        return
    connection.execute(
        "DELETE FROM records WHERE id IN (SELECT id FROM ("
        " SELECT id, max(id) OVER (PARTITION BY key) AS newest FROM records"
        " WHERE id >= ? AND id < ? AND key IS NOT NULL) WHERE id < newest)",
        (first, last),
    )
    connection.execute(
        "DELETE FROM records WHERE id >= ? AND id < ? AND value IS NULL AND timestamp_ms < ?",
        (first, last, before_ms),
    )
    connection.execute("UPDATE partitions SET compacted_to = ? WHERE id = ?", (end, partition_id))
