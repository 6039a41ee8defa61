"""The clusterer assigns every usable passage once, keeps its lineage, and comes back as it was."""

import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from consumers.clusterer import GROUP, ClusterStage, restore, run_clusterer
from equal_stream import topics
from equal_stream.messages import AssignedPassage, ClusterEvent, EmbeddedPassage, pack_vector
from equal_stream.settings import ClusteringSettings, Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.transport.base import Record, Transport
from equal_stream.transport.codec import encode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

DIMENSION = 16


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, clustering=ClusteringSettings(max_clusters=12, seed=3))


@pytest.fixture
def transport(settings: Settings):
    opened = open_transport(settings)
    opened.create_topics(topic_specs(settings))
    yield opened
    opened.close()


def passages(count: int, seed: int = 0) -> list[EmbeddedPassage]:
    rng = np.random.default_rng(seed)
    topics_of = rng.standard_normal((4, DIMENSION))
    vectors = topics_of[rng.integers(4, size=count)] + 0.2 * rng.standard_normal((count, DIMENSION))
    return [
        EmbeddedPassage(
            passage_id=f"p{seed}-{number}",
            doc_id="d",
            url=f"https://example.org/{number}",
            title="",
            lang="en",
            start=0,
            end=5,
            text="héllo",
            tokens=2,
            vector=pack_vector((vector / np.linalg.norm(vector)).astype(np.float32)),
            model="m",
        )
        for number, vector in enumerate(vectors)
    ]


def publish(transport: Transport, messages: list[EmbeddedPassage]) -> None:
    producer = transport.producer()
    for message in messages:
        producer.send(encode(message, topic=topics.EMBEDDED.name, key=message.passage_id, source="/test"))
    producer.flush()
    producer.close()


def read(transport: Transport, topic: str) -> list[Record]:
    consumer = transport.reader([topic])
    records: list[Record] = []
    while batch := consumer.poll(1000, 0.1):
        records.extend(batch)
    consumer.close()
    return records


def assignments(transport: Transport) -> list[AssignedPassage]:
    return [
        msgspec.json.decode(record.value, type=AssignedPassage)
        for record in read(transport, topics.ASSIGNED.name)
    ]


def run_until_read(settings: Settings, transport: Transport) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_clusterer, args=(settings, stop))
    thread.start()
    end = transport.end_positions([topics.EMBEDDED.name])
    try:
        for _ in range(600):
            committed = transport.group_positions(GROUP, [topics.EMBEDDED.name])
            if all(committed.get(partition, 0) >= offset for partition, offset in end.items()):
                break
            stop.wait(0.05)
        else:
            pytest.fail("the clusterer did not read what was published")
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


def test_every_passage_is_assigned_once_with_what_its_price_needs(
    settings: Settings, transport: Transport
) -> None:
    sent = passages(200)
    publish(transport, sent)
    run_until_read(settings, transport)
    assigned = assignments(transport)
    assert sorted(each.passage_id for each in assigned) == sorted(each.passage_id for each in sent)
    assert all(each.cluster_id > 0 for each in assigned)
    assert {each.text_bytes for each in assigned} == {len("héllo".encode())}
    events = [
        msgspec.json.decode(record.value, type=ClusterEvent)
        for record in read(transport, topics.CLUSTER_EVENTS.name)
    ]
    born = {event.cluster_id for event in events} | {child for event in events for child in event.children}
    assert {each.cluster_id for each in assigned} <= born


def test_after_a_restart_it_goes_on_where_it_stood(settings: Settings, transport: Transport) -> None:
    publish(transport, passages(150, seed=1))
    run_until_read(settings, transport)
    publish(transport, passages(150, seed=2))
    run_until_read(settings, transport)
    assigned = assignments(transport)
    assert len({each.passage_id for each in assigned}) == len(assigned) == 300


def test_a_crash_between_saving_and_committing_changes_nothing(
    settings: Settings, transport: Transport
) -> None:
    publish(transport, passages(120))
    snapshots = SnapshotStore(settings.data_dir / "state" / "clusterer")
    producer = transport.producer(GROUP)
    consumer = transport.reader([topics.EMBEDDED.name], GROUP)
    stage = ClusterStage(restore(settings, consumer, snapshots), consumer, producer, snapshots)
    first = consumer.poll(60, 1.0)
    stage.handle(first)
    before = stage.clusterer.to_state()
    second = consumer.poll(60, 1.0)
    stage.clusterer.assign_many(np.eye(DIMENSION, dtype=np.float32))
    snapshots.save(stage.clusterer.to_state(), consumer.positions())
    consumer.close()  # the process ends here: saved, not committed

    again = transport.reader([topics.EMBEDDED.name], GROUP)
    assert restore(settings, again, SnapshotStore(snapshots.directory)).to_state() == before
    repeated = again.poll(60, 1.0)
    assert {record.key for record in repeated} == {record.key for record in second}
    again.close()


def test_ids_are_never_reused_when_the_state_is_lost(settings: Settings, transport: Transport) -> None:
    publish(transport, passages(80, seed=1))
    run_until_read(settings, transport)
    before = {each.cluster_id for each in assignments(transport)}
    for path in (settings.data_dir / "state" / "clusterer").iterdir():
        path.unlink()
    publish(transport, passages(80, seed=2))
    run_until_read(settings, transport)
    after = {each.cluster_id for each in assignments(transport) if each.passage_id.startswith("p2")}
    assert after
    assert not before & after


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        (b"abc", b"invalid-vector"),
        (b"", b"invalid-vector"),
        (pack_vector(np.full(DIMENSION, np.nan, dtype=np.float32)), b"invalid-vector"),
        (pack_vector(np.ones(DIMENSION + 1, dtype=np.float32)), b"wrong-dimension"),
    ],
)
def test_a_vector_that_cannot_be_used_becomes_a_dead_letter(
    settings: Settings, transport: Transport, vector: bytes, reason: bytes
) -> None:
    good = passages(60)
    run_first = good[:30]
    publish(transport, run_first)
    run_until_read(settings, transport)
    publish(transport, [msgspec.structs.replace(good[30], vector=vector), *good[31:]])
    run_until_read(settings, transport)
    (dead,) = read(transport, topics.dead_letter(topics.EMBEDDED.name))
    assert dict(dead.headers)["dlq_reason"] == reason
    assert len(assignments(transport)) == 59
