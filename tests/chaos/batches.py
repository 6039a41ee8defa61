"""Who wrote what, from the broker's own files: the producer and epoch of every batch of records.

A consumer is not told. A producer that was fenced has an older epoch than the one that fenced it, so a
batch of an older epoch behind one of a newer epoch was written by a zombie. The layout is the message
format of Kafka's documentation ("Record Batch", magic 2).
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH = 12  # bytes: the length counts from behind itself
_TRANSACTIONAL, _CONTROL = 0x10, 0x20


@dataclass(frozen=True)
class WrittenBatch:
    """One batch: where it lies, how many records it has, and whose it is. `control`: the broker's marker."""

    partition: str
    offset: int
    records: int
    producer: int
    epoch: int
    control: bool
    transactional: bool


def batches_in(segment: Path) -> Iterator[WrittenBatch]:
    """Yield the batches of a segment file, whose directory is named after the partition."""
    data = segment.read_bytes()
    at = 0
    while at + _HEADER.size <= len(data):
        offset, length, _, magic, _, attributes, _, _, _, producer, epoch, _, count = _HEADER.unpack_from(
            data, at
        )
        if length <= 0 or magic != 2:  # room that the broker has taken and not written yet
            return
        control, transactional = bool(attributes & _CONTROL), bool(attributes & _TRANSACTIONAL)
        yield WrittenBatch(segment.parent.name, offset, count, producer, epoch, control, transactional)
        at += _BEFORE_LENGTH + length


def of_topics(log: Path, names: Iterable[str]) -> Iterator[WrittenBatch]:
    """Yield the batches of topics in a broker's log directory, partition by partition, in order."""
    for name in names:
        for directory in sorted(log.glob(f"{name}-[0-9]*")):
            if directory.name.rpartition("-")[0] == name:
                for segment in sorted(directory.glob("*.log")):
                    yield from batches_in(segment)


def written_when_fenced(batches: Iterable[WrittenBatch]) -> list[WrittenBatch]:
    """Return the batches that a producer wrote with an older epoch than was there before in the partition.

    The broker's markers count as evidence of a newer epoch: it writes one for whom it fences.
    """
    newest: dict[tuple[str, int], int] = {}
    zombies = []
    for each in batches:
        at = (each.partition, each.producer)
        if not each.control and each.transactional and each.epoch < newest.get(at, each.epoch):
            zombies.append(each)
        newest[at] = max(newest.get(at, each.epoch), each.epoch)
    return zombies
