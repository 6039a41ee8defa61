"""What a transactional producer hands out: records go out at once, positions are added at the end."""

from collections.abc import Callable, Mapping

from equal_stream.transport.base import Consumer, OutgoingRecord, TopicPartition
from equal_stream.transport.exceptions import TransportError
from equal_stream.transport.kafka.consumer import Claim, KafkaEnd


class KafkaTransaction:
    """Sends records and collects positions; the producer commits or aborts it."""

    def __init__(self, send: Callable[[OutgoingRecord], None]) -> None:
        self._send = send
        self.claims: list[Claim] = []
        self.open = True

    def send(self, record: OutgoingRecord) -> None:
        """Add a record; raises `RecordTooLarge` and `UnknownTopic` at once."""
        self._check_open()
        self._send(record)

    def commit_positions(self, consumer: Consumer, positions: Mapping[TopicPartition, int]) -> None:
        """Add positions of a consumer that has a group; raises `PositionsLost`."""
        self._check_open()
        if not isinstance(consumer, KafkaEnd):
            raise TransportError("a transaction commits positions of consumers of the same transport only")
        self.claims.append(consumer.claim(positions))

    def _check_open(self) -> None:
        if not self.open:
            raise TransportError("this transaction has ended: open another one")
