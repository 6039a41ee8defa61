"""A consumer of all partitions, assigned by hand; its group only keeps positions."""

import time
from collections.abc import Callable, Mapping, Sequence

from kafka import ConsumerGroupMetadata

from equal_stream.settings import KafkaSettings
from equal_stream.transport.base import Record, TopicPartition
from equal_stream.transport.kafka.cluster import Cluster
from equal_stream.transport.kafka.consumer import Claim, KafkaEnd
from equal_stream.transport.kafka.errors import translated

REFRESH_SECONDS = 60.0  # how soon partitions that are added later are read


class KafkaReader(KafkaEnd):
    """Reads every partition of its topics, also those added while it runs.

    Parameters
    ----------
    from_end
        Start at the end where the group has committed nothing.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        cluster: Cluster,
        topics: Sequence[str],
        group: str | None,
        *,
        from_end: bool = False,
        on_close: Callable[[KafkaEnd], None] = lambda _: None,
    ) -> None:
        cluster.require(reads=topics)
        super().__init__(settings, cluster, group, on_close)
        self._topics = tuple(topics)
        self._assign(cluster.ends(topics) if from_end else cluster.beginnings(topics))

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        if time.monotonic() >= self._next_refresh:
            self._cluster.forget(self._topics)
            self._assign(self._cluster.beginnings(self._topics))
        return super().poll(max_records, timeout)

    def claim(self, positions: Mapping[TopicPartition, int]) -> Claim:
        """Return these positions as something a transaction can commit."""
        offsets = self._offsets(positions)
        full_group = self._cluster.prefix + (self._group or "")
        return Claim(self, ConsumerGroupMetadata(group_id=full_group), offsets)

    def _assign(self, default: Mapping[TopicPartition, int]) -> None:
        """Add partitions that are new: they start as committed, or at their default."""
        partitions = self._cluster.partitions(self._topics)
        new = set(partitions) - self._client.assignment()
        committed = self._committed(new) if self._group is not None else {}
        with translated(self._cluster.bootstrap, self._about):
            self._client.assign(partitions)
            for each in new:
                at = self._cluster.short(each)
                self._client.seek(each, committed.get(at, default[at]))
        self._next_refresh = time.monotonic() + REFRESH_SECONDS
