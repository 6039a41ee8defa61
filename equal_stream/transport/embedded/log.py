"""Appending records to the table and reading them back."""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from equal_stream.transport.base import Headers, OutgoingRecord, Record, TopicPartition
from equal_stream.transport.embedded.catalog import LogTopic, first_row, offset_of
from equal_stream.transport.exceptions import RecordTooLarge
from equal_stream.transport.sizes import record_bytes

_ALLOWANCE = 128  # bytes a record takes beside its key, value and headers, and some
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Headers).decode


class Addressed(msgspec.Struct, frozen=True, gc=False):
    """A record on its way to a partition, with its headers packed."""

    partition_id: int
    timestamp_ms: int | None
    key: bytes | None
    headers: bytes
    value: bytes | None


def address(record: OutgoingRecord, topic: LogTopic) -> Addressed:
    """Choose the partition of a record; raises `RecordTooLarge`."""
    headers = _pack(record.headers)
    if not _surely_fits(record, headers, topic) and (size := record_bytes(record)) > topic.max_message_bytes:
        raise RecordTooLarge(
            f"a record of {size:,} bytes is larger than topic {topic.name} takes "
            f"({topic.max_message_bytes:,} bytes)"
        )
    partition_id = topic.partition_ids[topic.partition_for(record.key)]
    return Addressed(partition_id, record.timestamp_ms, record.key, headers, record.value)


def _surely_fits(record: OutgoingRecord, headers: bytes, topic: LogTopic) -> bool:
    """Tell whether a record is so far from the limit that its size need not be counted.

    Packed headers are no shorter than their names and values; the rest of `record_bytes` is within the
    allowance.
    """
    rough = len(record.key or b"") + len(record.value or b"") + len(headers) + 16 * len(record.headers)
    return rough + _ALLOWANCE <= topic.max_message_bytes


def append(connection: sqlite3.Connection, records: Iterable[Addressed]) -> dict[int, tuple[int, int]]:
    """Write records at the ends of their partitions; return (old end, new end) by partition id."""
    ends: dict[int, list[int]] = {}
    rows = []
    now_ms = time.time_ns() // 1_000_000
    for record in records:
        end = ends.get(record.partition_id)
        if end is None:
            (offset,) = connection.execute(
                "SELECT next_offset FROM partitions WHERE id = ?", (record.partition_id,)
            ).fetchone()
            end = ends[record.partition_id] = [offset, offset]
        at = now_ms if record.timestamp_ms is None else record.timestamp_ms
        rows.append((first_row(record.partition_id, end[1]), at, record.key, record.headers, record.value))
        end[1] += 1
    connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
    connection.executemany(
        "UPDATE partitions SET next_offset = ? WHERE id = ?",
        [(end, partition_id) for partition_id, (_, end) in ends.items()],
    )
    return {partition_id: (start, end) for partition_id, (start, end) in ends.items()}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where to read: the partition `at` with its id, from `start` on, no more than the two limits."""

    at: TopicPartition
    partition_id: int
    start: int
    max_records: int
    max_bytes: int


def read(connection: sqlite3.Connection, stretch: Stretch) -> list[Record]:
    """Return the records of a stretch; the one that reaches `max_bytes` is the last."""
    records = []
    size = 0
    topic, partition = stretch.at
    bounds = (first_row(stretch.partition_id, stretch.start), first_row(stretch.partition_id + 1))
    for row_id, timestamp_ms, key, headers, value in connection.execute(
        "SELECT id, timestamp_ms, key, headers, value FROM records"
        " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (*bounds, stretch.max_records),
    ):
        offset = offset_of(row_id)
        records.append(Record(topic, partition, offset, key, value, _unpack(headers), timestamp_ms))
        size += len(value or b"") + len(headers)
        if size >= stretch.max_bytes:
            break
    return records


def ends(connection: sqlite3.Connection, ids: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return the offset after the last record of each partition."""
    found = dict(connection.execute("SELECT id, next_offset FROM partitions"))
    return {at: found[partition_id] for at, partition_id in ids.items()}


def beginnings(
    connection: sqlite3.Connection, ids: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Return the offset of the first record still kept; the end where there is none."""
    end = ends(connection, ids)
    found = {}
    for at, partition_id in ids.items():
        (row_id,) = connection.execute(
            "SELECT min(id) FROM records WHERE id >= ? AND id < ?",
            (first_row(partition_id), first_row(partition_id + 1)),
        ).fetchone()
        found[at] = end[at] if row_id is None else offset_of(row_id)
    return found
