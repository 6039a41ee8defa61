"""The clusterer assigns every usable passage once, keeps its lineage, and comes back as it was."""

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from consumers.clusterer import GROUP, ClusterStage, gather, restore, run_clusterer
from equal_stream import topics
from equal_stream.messages import AssignedPassage, ClusterEvent, EmbeddedPassage, pack_vector
from equal_stream.settings import ClusteringSettings, EmbeddingSettings, Settings
from equal_stream.snapshots import Snapshot, SnapshotStore
from equal_stream.transport.base import OutgoingRecord, Positions, Record, Transport
from equal_stream.transport.codec import encode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

DIMENSION = 16


def model(directory: Path, dimension: int) -> Path:
    """Write what tells the length of a model's vectors."""
    (directory / "1_Pooling").mkdir(parents=True)
    modules = [{"type": f"x.{kind}", "path": f"1_{kind}"} for kind in ("Transformer", "Pooling")]
    (directory / "modules.json").write_text(json.dumps(modules))
    pooling = {"word_embedding_dimension": dimension, "pooling_mode_mean_tokens": True}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return directory


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        clustering=ClusteringSettings(max_clusters=12, seed=3),
        embedding=EmbeddingSettings(model=str(model(tmp_path / "model", DIMENSION))),
    )


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


def test_a_wrong_vector_that_comes_first_and_alone_decides_nothing(
    settings: Settings, transport: Transport
) -> None:
    good = passages(30)
    publish(transport, [msgspec.structs.replace(good[0], vector=pack_vector(np.ones(7, dtype=np.float32)))])
    run_until_read(settings, transport)
    publish(transport, good[1:])
    run_until_read(settings, transport)
    (dead,) = read(transport, topics.dead_letter(topics.EMBEDDED.name))
    assert dict(dead.headers)["dlq_reason"] == b"wrong-dimension"
    assert len(assignments(transport)) == 29


def test_where_the_model_does_not_tell_most_vectors_of_the_first_batch_decide(
    settings: Settings, transport: Transport
) -> None:
    unknown = settings.model_copy(update={"embedding": EmbeddingSettings(model="hub/unknown")})
    good = passages(30)
    wrong = [pack_vector(np.full(length, value, dtype=np.float32)) for length, value in
             [(7, 1), (7, 1), *[(9, np.nan)] * 40]]  # fmt: skip
    odd = [
        msgspec.structs.replace(good[0], passage_id=f"odd{n}", vector=each) for n, each in enumerate(wrong)
    ]
    publish(transport, [*odd, *good])
    run_until_read(unknown, transport)
    assert len(assignments(transport)) == 30
    dead = read(transport, topics.dead_letter(topics.EMBEDDED.name))
    assert sorted(each.key for each in dead) == sorted(each.passage_id.encode() for each in odd)


def test_a_first_batch_without_one_finite_vector_decides_nothing(
    settings: Settings, transport: Transport
) -> None:
    unknown = settings.model_copy(update={"embedding": EmbeddingSettings(model="hub/unknown")})
    good = passages(30)
    nothing = pack_vector(np.full(9, np.inf, dtype=np.float32))
    publish(transport, [msgspec.structs.replace(good[0], vector=nothing)])
    run_until_read(unknown, transport)
    publish(transport, good[1:])
    run_until_read(unknown, transport)
    (dead,) = read(transport, topics.dead_letter(topics.EMBEDDED.name))
    assert dict(dead.headers)["dlq_reason"] == b"invalid-vector"
    assert len(assignments(transport)) == 29


def test_a_vector_that_is_not_finite_costs_its_neighbours_nothing(
    settings: Settings, transport: Transport
) -> None:
    good = passages(40)
    bad = msgspec.structs.replace(good[7], vector=pack_vector(np.full(DIMENSION, np.inf, dtype=np.float32)))
    publish(transport, [*good[:7], bad, *good[8:]])
    run_until_read(settings, transport)
    (dead,) = read(transport, topics.dead_letter(topics.EMBEDDED.name))
    assert dead.key == bad.passage_id.encode()
    assigned = {each.passage_id: each.vector for each in assignments(transport)}
    assert assigned == {each.passage_id: each.vector for each in good if each is not good[7]}


def test_the_state_is_on_disk_before_anything_is_published(settings: Settings, transport: Transport) -> None:
    publish(transport, passages(60))
    snapshots = SnapshotStore(settings.data_dir / "state" / "clusterer")
    consumer = transport.reader([topics.EMBEDDED.name], GROUP)
    producer = transport.producer(GROUP)
    stage = SavedFirst(restore(settings, consumer, snapshots), consumer, producer, snapshots)
    assert stage.handle(consumer.poll(60, 1.0)) == 60
    assert stage.saved is not None
    assert stage.saved.at() == consumer.positions()
    assert stage.saved.state == stage.clusterer.to_state()


class SavedFirst(ClusterStage):
    """Notes what is on disk when the commit begins."""

    saved: Snapshot | None = None

    def commit(self, outgoing: Sequence[OutgoingRecord], positions: Positions) -> None:
        """Read the newest snapshot, then commit."""
        self.saved = self._snapshots.newest()
        super().commit(outgoing, positions)


class Trickle:
    """Answers polls from a list of portions; once they are through, with nothing."""

    def __init__(self, *portions: list[Record]) -> None:
        self.portions = list(portions)
        self.asked: list[int] = []

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return the next portion, no more of it than asked for."""
        self.asked.append(max_records)
        if not self.portions:
            time.sleep(timeout / 10)
            return []
        portion = self.portions.pop(0)
        if portion[max_records:]:
            self.portions.insert(0, portion[max_records:])
        return portion[:max_records]


def records(count: int, size: int = 1) -> list[Record]:
    return [Record(topics.EMBEDDED.name, 0, each, b"k", b"x" * size, (), 0) for each in range(count)]


def test_what_trickles_in_is_saved_together() -> None:
    source = Trickle(records(1), records(1), records(1))
    assert len(gather(source, 100, time.monotonic() + 0.1)) == 3


def test_a_passage_that_comes_after_a_pause_is_handled_at_once() -> None:
    source = Trickle(records(1))
    assert len(gather(source, 100, due=0.0)) == 1
    assert len(source.asked) == 2


def test_a_backlog_is_taken_in_large_pieces_but_no_larger_than_asked() -> None:
    source = Trickle(*[records(30) for _ in range(10)])
    assert len(gather(source, 100, due=0.0)) == 100
    assert source.asked == [100, 70, 40, 10]


def test_large_records_make_a_smaller_batch() -> None:
    source = Trickle(*[records(1, 40 << 20) for _ in range(4)])
    assert len(gather(source, 100, due=0.0)) == 2
