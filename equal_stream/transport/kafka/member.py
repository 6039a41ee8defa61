"""A member of a consumer group: partitions are shared, and move without stopping the others (KIP-429).

What fences a member that was given up for dead: every commit carries the generation of the group under
which its records were polled, and the broker refuses an older one. The broker does not check that a
member still owns a partition, so that is checked here.

kafka-python 3.0 forgets a join that completes between two polls: it begins another, or, rarely, never
notices and stays outside for ever. So a poll goes on for some seconds while the group is rebalancing
(there is nothing to read meanwhile anyway), and a member for which that lasts longer than it can joins
from scratch.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from kafka import ConsumerGroupMetadata
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

from equal_stream.settings import KafkaSettings
from equal_stream.transport.base import Record, TopicPartition
from equal_stream.transport.exceptions import PositionsLost
from equal_stream.transport.kafka.cluster import Cluster
from equal_stream.transport.kafka.consumer import Claim, KafkaEnd
from equal_stream.transport.kafka.errors import translated

_LOG = logging.getLogger(__name__)
_REBALANCE_SECONDS = 3.0
_STEP_SECONDS = 1.0


class KafkaMember(KafkaEnd):
    """Reads its share of the topics' partitions, from the group's committed positions on."""

    def __init__(
        self,
        settings: KafkaSettings,
        cluster: Cluster,
        topics: Sequence[str],
        group: str,
        on_close: Callable[[KafkaEnd], None] = lambda _: None,
    ) -> None:
        cluster.require(reads=topics)
        full_names = [cluster.topic(name).full_name for name in topics]
        strategy = (CooperativeStickyAssignor,)
        super().__init__(settings, cluster, group, on_close, partition_assignment_strategy=strategy)
        self._polled_as = ConsumerGroupMetadata()
        self._topics = full_names
        # No rebalance lasts longer than the slowest member may work between two polls.
        self._longest_rebalance = settings.max_poll_interval_ms / 1000 + _REBALANCE_SECONDS
        self._stable_at = time.monotonic()
        self._subscribe()

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting `timeout` seconds for the first, or for the group."""
        give_up = time.monotonic() + timeout + _REBALANCE_SECONDS
        records = super().poll(max_records, timeout)
        while not records and self._rebalances() and time.monotonic() < give_up:
            records = super().poll(max_records, _STEP_SECONDS)
        self._polled_as = self._client.group_metadata()
        if not self._rebalances():
            self._stable_at = time.monotonic()
        elif time.monotonic() - self._stable_at > self._longest_rebalance:
            self._join_from_scratch()
        return records

    def claim(self, positions: Mapping[TopicPartition, int]) -> Claim:
        """Return these positions as something a transaction can commit; raises `PositionsLost`."""
        offsets = self._offsets(positions)
        if self._polled_as.generation_id < 0 or not self._polled_as.member_id:
            raise self._lost("it is not in the group at the moment")
        assigned = self._client.assignment()
        for at, offset in offsets.items():
            if at not in assigned or offset.offset > self._position(at):
                raise self._lost(f"partition {at.partition} of {at.topic} was taken away")
        return Claim(self, self._polled_as, offsets)

    def _subscribe(self) -> None:
        with translated(self._cluster.bootstrap, self._about):
            self._client.subscribe(self._topics)
            for name in self._topics:  # known before the first join, or that would assign nothing
                self._client.partitions_for_topic(name)

    def _join_from_scratch(self) -> None:
        _LOG.warning("a rebalance of group %s never ended for this member: it joins again", self._group)
        with translated(self._cluster.bootstrap, self._about):
            self._client.unsubscribe()
        self._subscribe()
        self._stable_at = time.monotonic()

    def _rebalances(self) -> bool:
        return bool(self._client.group_metadata().state == MemberState.REBALANCING)

    def _lost(self, why: str) -> PositionsLost:
        self.rewind()
        return PositionsLost(
            f"a member of group {self._group} cannot commit, as {why}: its records are read again"
        )
