"""Reading to the end of a real log, which lies behind markers and aborted records that nobody is given."""

from uuid import uuid4

import pytest

from deploy.kafka.local_broker import LocalBroker
from equal_stream.allocator.reading import read_to_end
from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.transport.base import OutgoingRecord, TopicSpec
from equal_stream.transport.kafka import KafkaTransport


@pytest.mark.kafka
def test_the_end_is_reached_behind_commit_markers_and_aborted_records(kafka_broker: LocalBroker) -> None:
    settings = Settings(
        transport="kafka",
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(bootstrap_servers=kafka_broker.bootstrap),
    )
    transport = KafkaTransport(settings)
    transport.create_topics([TopicSpec("out", 3, "delete", -1, 1_000_000)])
    producer = transport.producer("one")
    for number in range(20):
        try:
            with producer.transaction() as transaction:
                transaction.send(OutgoingRecord("out", str(number).encode(), b"value"))
                if number % 3 == 2 or number == 19:
                    raise ArithmeticError("abort")
        except ArithmeticError:
            continue
    found = [record.key for record in read_to_end(transport, ["out"])]
    middle = transport.end_positions(["out"])
    assert sorted(found) == sorted(str(n).encode() for n in range(19) if n % 3 != 2)
    assert list(read_to_end(transport, ["out"], middle)) == []
    transport.close()
