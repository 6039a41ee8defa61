"""Members find back into their group, whatever state the client is left in."""

from threading import Event, Thread
from uuid import uuid4

import pytest
from kafka.structs import MemberState

from deploy.kafka.local_broker import LocalBroker
from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.transport.base import OutgoingRecord, TopicSpec
from equal_stream.transport.kafka import KafkaTransport
from equal_stream.transport.kafka.member import KafkaMember
from tests.transport.waiting import poll_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def transport(kafka_broker: LocalBroker) -> KafkaTransport:
    settings = Settings(
        transport="kafka",
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(bootstrap_servers=kafka_broker.bootstrap, session_timeout_ms=1_500),
    )
    transport = KafkaTransport(settings)
    transport.create_topics([TopicSpec("four", 4, "delete", -1, 1_000)])
    return transport


def lose_a_join(member: KafkaMember) -> None:
    """Leave the client as kafka-python leaves it when it forgets a join that has completed."""
    coordinator = member._client._coordinator
    coordinator._disable_heartbeat()
    coordinator.rejoining = True
    coordinator.rejoin_needed = False
    coordinator.state = MemberState.REBALANCING


def test_a_member_whose_join_was_forgotten_joins_again(
    transport: KafkaTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = transport.member(["four"], "group")
    poll_until(lambda: len(member.assignment()) == 4, member)
    lose_a_join(member)
    monkeypatch.setattr(member, "_longest_rebalance", 0.5)
    producer = transport.producer()
    producer.send(OutgoingRecord("four", b"k", b"v"))
    producer.flush()
    assert [each.value for each in poll_until(lambda: sum(member.positions().values()) == 1, member)] == [
        b"v"
    ]
    transport.close()


def test_members_that_poll_briefly_settle(transport: KafkaTransport) -> None:
    members = [transport.member(["four"], "group") for _ in range(4)]
    stop = Event()

    def poll_briefly(member: KafkaMember) -> None:
        while not stop.wait(0.002):
            member.poll(10, 0.0)

    threads = [Thread(target=poll_briefly, args=(each,)) for each in members]
    for each in threads:
        each.start()
    try:
        settled = any(
            [len(each.assignment()) for each in members] == [1, 1, 1, 1] or stop.wait(0.05)
            for _ in range(600)
        )
    finally:
        stop.set()
        for each in threads:
            each.join()
    assert settled
    transport.close()
