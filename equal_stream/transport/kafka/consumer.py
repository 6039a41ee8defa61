"""What a reader and a group member have in common."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import kafka.errors as k
from kafka import ConsumerGroupMetadata, KafkaConsumer, OffsetAndMetadata
from kafka import TopicPartition as KafkaPartition

from equal_stream.settings import KafkaSettings
from equal_stream.transport.base import Positions, Record, TopicPartition
from equal_stream.transport.exceptions import PositionsLost, TransportError
from equal_stream.transport.kafka.cluster import Cluster
from equal_stream.transport.kafka.connection import consumer_options
from equal_stream.transport.kafka.errors import translated

_LOOK_UP_MS = 30_000
_CLOSE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Claim:
    """Positions that a consumer asks to commit, in the client's types, with its group membership."""

    consumer: "KafkaEnd"
    membership: ConsumerGroupMetadata
    offsets: Mapping[KafkaPartition, OffsetAndMetadata]


class KafkaEnd(ABC):
    """A consumer of committed records; subclasses say how partitions come to it.

    Parameters
    ----------
    cluster
        Knows names and partitions.
    group
        Without prefix; None for a reader that only reads.
    on_close
        Called once when closed.
    options
        Further options of the client.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        cluster: Cluster,
        group: str | None,
        on_close: Callable[["KafkaEnd"], None],
        **options: object,
    ) -> None:
        self._cluster = cluster
        self._group = group
        self._on_close = on_close
        self._closed = False
        full_group = None if group is None else cluster.prefix + group
        self._about = "" if full_group is None else f"group {full_group}"
        with translated(cluster.bootstrap):
            self._client: Any = KafkaConsumer(**consumer_options(settings, full_group), **options)

    @abstractmethod
    def claim(self, positions: Mapping[TopicPartition, int]) -> Claim:
        """Return these positions as something a transaction can commit; raises `PositionsLost`."""

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        with translated(self._cluster.bootstrap, self._about):
            found = self._client.poll(timeout_ms=int(timeout * 1000), max_records=max_records)
        return [self._record(each) for records in found.values() for each in records]

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions this consumer reads at the moment."""
        return {self._cluster.short(each) for each in self._client.assignment()}

    def positions(self) -> Positions:
        """Return the next offset that `poll` reads, for each assigned partition."""
        with translated(self._cluster.bootstrap, self._about):
            return {self._cluster.short(each): self._position(each) for each in self._client.assignment()}

    def committed(self) -> Positions:
        """Return what the group has committed, for the assigned partitions that have anything."""
        if self._group is None:
            return {}
        return self._committed(self._client.assignment())

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets; see `Consumer.seek`."""
        for each in self._client.assignment():
            offset = positions.get(self._cluster.short(each))
            if offset is not None:
                self._client.seek(each, offset)

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit outside a transaction; raises `PositionsLost`."""
        claim = self.claim(positions)
        try:
            with translated(self._cluster.bootstrap, self._about):
                self._client.commit(claim.offsets, timeout_ms=_LOOK_UP_MS)
        except PositionsLost:
            self.rewind()
            raise

    def rewind(self) -> None:
        """Go back to what is committed, so that dropped work is read again."""
        committed = self.committed()
        with translated(self._cluster.bootstrap, self._about):
            for each in self._client.assignment():
                offset = committed.get(self._cluster.short(each))
                if offset is None:
                    self._client.seek_to_beginning(each)
                else:
                    self._client.seek(each, offset)

    def lag(self) -> dict[TopicPartition, int]:
        """Return how many records lie between the position and the end, for each assigned partition."""
        assigned = self._client.assignment()
        with translated(self._cluster.bootstrap, self._about):
            ends = self._client.end_offsets(assigned, timeout_ms=_LOOK_UP_MS) if assigned else {}
            return {self._cluster.short(at): max(0, end - self._position(at)) for at, end in ends.items()}

    def close(self) -> None:
        """Leave the group and free the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            with translated(self._cluster.bootstrap, self._about):
                self._client.close(autocommit=False, timeout_ms=_CLOSE_MS)
        finally:
            self._on_close(self)

    def _offsets(self, positions: Mapping[TopicPartition, int]) -> dict[KafkaPartition, OffsetAndMetadata]:
        if self._group is None:
            raise TransportError("a reader without a group cannot commit positions: give it a group")
        return {
            KafkaPartition(self._cluster.prefix + topic, partition): OffsetAndMetadata(offset, "", -1)
            for (topic, partition), offset in positions.items()
        }

    def _committed(self, partitions: Iterable[KafkaPartition]) -> Positions:
        """Return committed offsets, once no transaction is about to change them any more."""
        with translated(self._cluster.bootstrap, self._about):
            found = {each: self._client.committed(each, timeout_ms=_LOOK_UP_MS) for each in partitions}
        return {self._cluster.short(at): offset for at, offset in found.items() if offset is not None}

    def _position(self, partition: KafkaPartition) -> int:
        """Return the position, which the client looks up where it has none yet."""
        give_up = time.monotonic() + _LOOK_UP_MS / 1000
        while time.monotonic() < give_up:
            position = self._client.position(partition, timeout_ms=_LOOK_UP_MS)
            if position is not None:
                return int(position)
        raise k.KafkaTimeoutError(f"the position of partition {partition.partition} is not known in time")

    def _record(self, found: Any) -> Record:
        return Record(
            found.topic[len(self._cluster.prefix) :],
            found.partition,
            found.offset,
            found.key,
            found.value,
            tuple((name, value or b"") for name, value in found.headers),
            found.timestamp,
        )
