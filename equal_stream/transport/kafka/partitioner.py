"""Which partition a key goes to: what the Java client chooses, at a fraction of the client's own time.

kafka-python computes the hash byte by byte and sorts the partitions for every record, which is a fourth of
what sending a record costs it.
"""

import struct
from random import choice
from typing import Any

from kafka.partitioner import Partitioner

_SEED, _MULTIPLIER = 0x9747B28C, 0x5BD1E995
_WORD = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 of a key, as `org.apache.kafka.common.utils.Utils.murmur2` does.

    >>> murmur2(b"21")
    3321034988
    """
    words = len(data) >> 2
    value = _SEED ^ len(data)
    for word in struct.unpack_from(f"<{words}I", data):
        mixed = word * _MULTIPLIER & _WORD
        value = value * _MULTIPLIER & _WORD ^ ((mixed ^ mixed >> 24) * _MULTIPLIER & _WORD)
    rest = data[words << 2 :]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _WORD
    value = (value ^ value >> 13) * _MULTIPLIER & _WORD
    return value ^ value >> 15


class KeyPartitioner(Partitioner):  # type: ignore[misc]  # kafka-python carries no types
    """Sends equal keys to the same partition, and records without a key anywhere."""

    def partition(
        self,
        topic: str,
        _key: object,
        serialized_key: bytes | None,
        _value: object,
        _packed: object,
        cluster: Any,
    ) -> int:
        """Return the partition of a record; Kafka numbers a topic's partitions from 0 without gaps."""
        count: int = len(cluster.partitions_for_topic(topic))
        if serialized_key is not None:
            return (murmur2(serialized_key) & 0x7FFFFFFF) % count
        available: list[int] = sorted(cluster.available_partitions_for_topic(topic))
        return choice(available or range(count))  # noqa: S311 - it spreads load
