"""Reading a bounded stretch of the log: from given positions to its present end, all of it or not at all."""

import time
from collections.abc import Iterator, Mapping, Sequence

from equal_stream.allocator.progress import Told
from equal_stream.transport.base import Consumer, Record, TopicPartition, Transport
from equal_stream.transport.exceptions import TransportUnavailable

BATCH = 2_000
PATIENCE = 60.0  # seconds without getting any further before the log counts as unreachable


def read_to_end(
    transport: Transport,
    topics: Sequence[str],
    start: Mapping[TopicPartition, int] | None = None,
    told: Told | None = None,
) -> Iterator[Record]:
    """Yield committed records from `start` (default: the beginning) to the end as it is now.

    Parameters
    ----------
    told
        Told after each batch how many places of the log are passed, and how many there are to pass; some
        hold no record.

    Raises
    ------
    TransportUnavailable
        The log gave nothing for a while though its end was not reached. Half a ledger would be believed.
    """
    end = transport.end_positions(topics)
    consumer = transport.reader(topics)
    try:
        consumer.seek({**transport.beginning_positions(topics), **(start or {})})
        yield from _until(consumer, end, told)
    finally:
        consumer.close()


def _until(consumer: Consumer, end: Mapping[TopicPartition, int], told: Told | None) -> Iterator[Record]:
    begin = positions = consumer.positions()
    total = sum(max(0, offset - begin.get(at, 0)) for at, offset in end.items())
    give_up = time.monotonic() + PATIENCE
    while behind := [at for at, offset in end.items() if positions.get(at, 0) < offset]:
        if time.monotonic() >= give_up:
            topic, partition = behind[0]
            raise TransportUnavailable(
                f"partition {partition} of {topic} gave nothing for {PATIENCE:.0f} s before its end was "
                "reached; is its broker well?"
            )
        yield from consumer.poll(BATCH, 1.0)
        before, positions = positions, consumer.positions()
        if positions != before:  # records, or only control records and gaps
            give_up = time.monotonic() + PATIENCE
            if told is not None:
                told(sum(positions.get(at, 0) - begin.get(at, 0) for at in end), total)
