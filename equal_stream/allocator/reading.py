"""Reading a bounded stretch of the log: from given positions to its present end."""

from collections.abc import Iterator, Mapping, Sequence

from equal_stream.transport.base import Consumer, Record, TopicPartition, Transport

BATCH = 2_000
PATIENCE = 3  # empty polls of one second before a stretch counts as read: control records have no value


def read_to_end(
    transport: Transport, topics: Sequence[str], start: Mapping[TopicPartition, int] | None = None
) -> Iterator[Record]:
    """Yield committed records from `start` (default: the beginning) to the end as it is now."""
    end = transport.end_positions(topics)
    consumer = transport.reader(topics)
    try:
        consumer.seek({**transport.beginning_positions(topics), **(start or {})})
        yield from _until(consumer, end)
    finally:
        consumer.close()


def _until(consumer: Consumer, end: Mapping[TopicPartition, int]) -> Iterator[Record]:
    empty = 0
    while empty < PATIENCE:
        positions = consumer.positions()
        if all(positions.get(partition, 0) >= offset for partition, offset in end.items()):
            return
        records = consumer.poll(BATCH, 1.0)
        empty = 0 if records else empty + 1
        yield from records
