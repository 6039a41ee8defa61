"""Kafka that cannot be reached, stops answering or goes away: what is known is said, and nothing doubles."""

import socket
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from deploy.kafka.local_broker import LocalBroker
from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.transport.base import OutgoingRecord, TopicSpec
from equal_stream.transport.exceptions import PositionsLost, TransactionTimedOut, TransportUnavailable
from equal_stream.transport.kafka import KafkaTransport, connection
from equal_stream.transport.kafka import producer as producer_module

pytestmark = pytest.mark.kafka


def settings_for(bootstrap: str, transaction_timeout_ms: int = 4_000) -> Settings:
    return Settings(
        transport="kafka",
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(bootstrap_servers=bootstrap, transaction_timeout_ms=transaction_timeout_ms),
    )


@pytest.fixture
def transport(kafka_broker: LocalBroker) -> Iterator[KafkaTransport]:
    transport = KafkaTransport(settings_for(kafka_broker.bootstrap))
    transport.create_topics(
        [TopicSpec("in", 2, "delete", -1, 1_000), TopicSpec("out", 1, "delete", -1, 1_000)]
    )
    yield transport
    transport.close()


def values(transport: KafkaTransport, count: int) -> list[bytes | None]:
    reader = transport.reader(["out"])
    found: list[bytes | None] = []
    give_up = time.monotonic() + 30
    while len(found) < count and time.monotonic() < give_up:
        found += [each.value for each in reader.poll(100, 0.2)]
    found += [each.value for each in reader.poll(100, 0.5)]
    reader.close()
    return found


def out(value: bytes) -> OutgoingRecord:
    return OutgoingRecord("out", b"k", value)


def test_an_address_where_nobody_listens_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BOOTSTRAP_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    transport = KafkaTransport(settings_for(address))
    with pytest.raises(TransportUnavailable, match=f"no Kafka broker answers at {address}"):
        transport.topics()
    with pytest.raises(TransportUnavailable, match=address):
        transport.producer("id")
    transport.close()


def test_a_broker_that_freezes_before_the_records_are_there_aborts_for_certain(
    transport: KafkaTransport, kafka_broker: LocalBroker
) -> None:
    producer = transport.producer("id")
    with producer.transaction() as transaction:
        transaction.send(out(b"first"))

    def freeze_too_early() -> None:
        with producer.transaction() as transaction:
            kafka_broker.pause()
            transaction.send(out(b"never"))

    try:
        with pytest.raises(TransportUnavailable):
            freeze_too_early()
    finally:
        kafka_broker.resume()
    with producer.transaction() as transaction:
        transaction.send(out(b"second"))
    assert values(transport, 2) == [b"first", b"second"]


def test_a_broker_that_freezes_at_the_decision_leaves_it_unknown_and_a_new_instance_finds_out(
    transport: KafkaTransport, kafka_broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = transport.producer("id")
    call_within = producer_module.call_within

    def freeze_then_call(seconds: float, call: object) -> None:
        kafka_broker.pause()
        call_within(seconds, call)

    monkeypatch.setattr(producer_module, "call_within", freeze_then_call)

    def decide_in_the_dark() -> None:
        with producer.transaction() as transaction:
            transaction.send(out(b"perhaps"))

    try:
        with pytest.raises(TransactionTimedOut, match="recover"):
            decide_in_the_dark()
    finally:
        kafka_broker.resume()
    monkeypatch.setattr(producer_module, "call_within", call_within)
    with transport.producer("id").transaction() as transaction:
        transaction.send(out(b"after"))
    assert values(transport, 1) in ([b"after"], [b"perhaps", b"after"])


def test_positions_of_a_failed_transaction_do_not_come_with_the_next(transport: KafkaTransport) -> None:
    producer = transport.producer()
    for i in range(40):
        producer.send(OutgoingRecord("in", str(i).encode(), b"v"))
    producer.flush()
    alone = transport.member(["in"], "group")
    give_up = time.monotonic() + 30
    got = 0
    while got < 40 and time.monotonic() < give_up:
        got += len(alone.poll(100, 0.2))
    stale = alone.claim(alone.positions())
    alone.close()
    transactional = transport.producer("id")

    def commit_as_one_that_has_left() -> None:
        with transactional.transaction() as transaction:
            transaction.send(out(b"never"))
            transaction.claims.append(stale)

    with pytest.raises(PositionsLost):
        commit_as_one_that_has_left()
    reader = transport.reader(["in"], "group")
    with transactional.transaction() as transaction:
        transaction.send(out(b"next"))
        transaction.commit_positions(reader, {("in", 0): 1})
    assert transport.group_positions("group", ["in"]) == {("in", 0): 1}
    assert values(transport, 1) == [b"next"]


@pytest.mark.slow
def test_a_broker_that_crashes_and_comes_back_is_used_again(kafka_broker: LocalBroker) -> None:
    transport = KafkaTransport(settings_for(kafka_broker.bootstrap, transaction_timeout_ms=40_000))
    transport.create_topics([TopicSpec("out", 1, "delete", -1, 1_000)])
    producer = transport.producer("id")
    with producer.transaction() as transaction:
        transaction.send(out(b"before"))
    kafka_broker.kill()
    kafka_broker.start()
    with producer.transaction() as transaction:
        transaction.send(out(b"after"))
    assert values(transport, 2) == [b"before", b"after"]
    transport.close()
