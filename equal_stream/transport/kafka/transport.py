"""Kafka as a `Transport`."""

from collections.abc import Iterable, Sequence

from equal_stream.settings import Settings
from equal_stream.transport.base import Positions, TopicSpec
from equal_stream.transport.kafka.cluster import Cluster
from equal_stream.transport.kafka.consumer import KafkaEnd
from equal_stream.transport.kafka.member import KafkaMember
from equal_stream.transport.kafka.producer import KafkaLogProducer
from equal_stream.transport.kafka.reader import KafkaReader


class KafkaTransport:
    """A log in a Kafka cluster. Thread-safe; connects when first used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.kafka
        self._cluster = Cluster(settings)
        self._opened: set[KafkaEnd | KafkaLogProducer] = set()

    def member(self, topics: Sequence[str], group: str) -> KafkaMember:
        """Return a consumer that shares the topics' partitions with the other members of `group`."""
        member = KafkaMember(self._settings, self._cluster, topics, group, self._opened.discard)
        self._opened.add(member)
        return member

    def reader(
        self, topics: Sequence[str], group: str | None = None, *, from_end: bool = False
    ) -> KafkaReader:
        """Return a consumer of all partitions; see `Transport.reader`."""
        reader = KafkaReader(
            self._settings, self._cluster, topics, group, from_end=from_end, on_close=self._opened.discard
        )
        self._opened.add(reader)
        return reader

    def producer(self, transactional_id: str | None = None) -> KafkaLogProducer:
        """Return a producer; one with the same `transactional_id` fences all earlier ones."""
        producer = KafkaLogProducer(self._settings, self._cluster, transactional_id, self._opened.discard)
        self._opened.add(producer)
        return producer

    def create_topics(self, topics: Iterable[TopicSpec]) -> list[str]:
        """Create what is missing and return the names created; existing topics are left as they are."""
        return self._cluster.create(topics)

    def topics(self) -> dict[str, int]:
        """Return the partition count of each existing topic under the prefix."""
        return self._cluster.list()

    def beginning_positions(self, topics: Sequence[str]) -> Positions:
        """Return the offset of the first record still kept, for every partition."""
        return self._cluster.beginnings(topics)

    def end_positions(self, topics: Sequence[str]) -> Positions:
        """Return the offset after the last record that no open transaction holds back."""
        return self._cluster.ends(topics)

    def group_positions(self, group: str, topics: Sequence[str]) -> Positions:
        """Return what a group has committed, for the partitions that have anything."""
        return self._cluster.committed(group, topics)

    def close(self) -> None:
        """Close every consumer and producer that is still open, and the connection."""
        for each in list(self._opened):
            each.close()
        self._cluster.close()
