"""Whether a transaction still holds records back: a crashed producer's does, until the broker ends it."""

from kafka import IsolationLevel, KafkaAdminClient, OffsetSpec
from kafka import TopicPartition as KafkaPartition

from equal_stream.settings import Settings
from equal_stream.transport.base import Transport


class OpenTransactions:
    """Looks for open transactions on a log; the embedded one has none that outlive their process."""

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self._transport = transport
        self._counts = transport.topics()
        self._prefix = settings.topics.prefix
        self._admin = None
        if settings.transport == "kafka":
            self._admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)

    def any(self) -> bool:
        """Tell whether some partition ends later than its readers may read."""
        if self._admin is None:
            return False
        wanted = {
            KafkaPartition(self._prefix + name, partition): OffsetSpec.LATEST
            for name, partitions in self._counts.items()
            for partition in range(partitions)
        }
        level = IsolationLevel.READ_UNCOMMITTED
        ends = self._admin.list_partition_offsets(wanted, isolation_level=level)
        readable = self._transport.end_positions(list(self._counts))
        return any(
            found.offset > readable[at.topic.removeprefix(self._prefix), at.partition]
            for at, found in ends.items()
        )
