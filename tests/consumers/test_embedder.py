"""The embedder's loop: several at once, partitions that move, a store or log that fails for a while."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from consumers.embedder import GROUP, EmbedderLoop, portions
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.observability import metrics
from equal_stream.store.base import Point, StoreUnavailable
from equal_stream.transport.base import Record
from equal_stream.transport.embedded.database import Database
from equal_stream.transport.embedded.transport import FILE_NAME
from equal_stream.transport.exceptions import Fenced, PositionsLost, TransportUnavailable
from tests.embedding.world import World, about, sentences

CRAWL = "crawl.documents"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A log and a store; the loops under test are the only members of the group."""
    world = World(tmp_path)
    world.consumer.close()
    yield world
    world.close()


class Running:
    """A loop in a thread of its own."""

    def __init__(
        self, world: World, name: str = "one", stage: Any = None, producer: Any = None, **more: float
    ) -> None:
        self.stop = threading.Event()
        self.error: Exception | None = None
        self.consumer = world.transport.member([CRAWL], GROUP)
        self.loop = EmbedderLoop(
            stage or world.new_stage(),
            self.consumer,
            producer or world.transport.producer(name),
            poll_records=8,
            stop=self.stop,
            **{"stay_seconds": 0.1, "session_seconds": 60.0} | more,
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def end(self) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.consumer.close()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "what was waited for did not come"
        time.sleep(0.02)


def all_committed(world: World) -> bool:
    ends = {at: end for at, end in world.transport.end_positions([CRAWL]).items() if end}
    return ends.items() <= world.transport.group_positions(GROUP, [CRAWL]).items()


def every_record_ended_once(world: World, count: int) -> None:
    ended = [(o.source.partition, o.source.offset) for o in world.outcomes()]
    ended += [(int(about(d)["partition"]), int(about(d)["offset"])) for d in world.dead()]
    assert len(ended) == len(set(ended)) == count


def test_everything_that_waits_is_taken_through_and_committed(world: World) -> None:
    for number in range(30):
        world.crawl(str(number), sentences(number))
    world.crawl_raw(b"junk")
    running = Running(world)
    wait_for(lambda: all_committed(world))
    running.end()
    assert running.error is None
    every_record_ended_once(world, 31)
    assert len(world.passages()) == world.stores.passages.count()


def test_two_embedders_share_the_work_and_agree_on_exact_copies(world: World) -> None:
    for number in range(60):
        world.crawl(str(number), sentences(number % 20))
    both = [Running(world, "one"), Running(world, "two")]
    wait_for(lambda: all_committed(world))
    for running in both:
        running.end()
        assert running.error is None
    found = world.outcomes()
    assert len(found) == len({(each.source.partition, each.source.offset) for each in found}) == 60
    assert sum(each.outcome == "embedded" for each in found) == 20
    originals = {each.doc_id for each in found if each.outcome == "embedded"}
    assert {each.of for each in found if each.outcome == "duplicate"} <= originals


def test_a_loop_that_ends_leaves_the_rest_to_the_next(world: World) -> None:
    for number in range(40):
        world.crawl(str(number), sentences(number))
    first = Running(world, "one")
    wait_for(lambda: bool(world.transport.group_positions(GROUP, [CRAWL])))
    first.end()
    second = Running(world, "two")
    wait_for(lambda: all_committed(world))
    second.end()
    every_record_ended_once(world, 40)


class ForgetfulStore:
    """A store that is not there for the first few calls of some kind."""

    def __init__(self, store: Any, method: str, failures: int) -> None:
        self._store = store
        self._method = method
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name != self._method:
            return real

        def call(*arguments: Any, **more: Any) -> Any:
            if self.failures:
                self.failures -= 1
                raise StoreUnavailable("the store is away for a moment.")
            return real(*arguments, **more)

        return call


@pytest.mark.parametrize("method", ["get", "find", "insert_new", "upsert", "delete"])
def test_a_store_that_is_away_for_a_moment_loses_nothing(
    world: World, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = ForgetfulStore(world.stores.documents, method, 2)
    passages = ForgetfulStore(world.stores.passages, method, 1)
    stage = EmbeddingStage(world.encoder, passages, documents, world.settings.passages)
    for number in range(10):
        world.crawl(str(number), sentences(number))
    running = Running(world, stage=stage)
    monkeypatch.setattr(running.stop, "wait", lambda seconds: time.sleep(0.01))
    wait_for(lambda: all_committed(world))
    running.end()
    assert running.error is None
    assert documents.failures == 0
    every_record_ended_once(world, 10)


def test_a_store_that_stays_away_ends_the_process_and_another_takes_its_records(world: World) -> None:
    away = ForgetfulStore(world.stores.documents, "get", 1_000_000)
    stage = EmbeddingStage(world.encoder, world.stores.passages, away, world.settings.passages)
    for number in range(10):
        world.crawl(str(number), sentences(number))
    running = Running(world, stage=stage, give_up_seconds=1.0)
    wait_for(lambda: running.error is not None)
    assert isinstance(running.error, StoreUnavailable)
    running.end()
    another = Running(world, "another")
    wait_for(lambda: all_committed(world))
    another.end()
    every_record_ended_once(world, 10)


class StumblingProducer:
    """A producer whose first transactions end in an error."""

    def __init__(self, producer: Any, errors: Sequence[Exception], before: Callable[[], None]) -> None:
        self._producer = producer
        self._errors = list(errors)
        self._before = before

    def transaction(self) -> Any:
        if self._errors:
            self._before()
            raise self._errors.pop(0)
        return self._producer.transaction()


def test_positions_that_were_lost_are_read_again(world: World) -> None:
    for number in range(20):
        world.crawl(str(number), sentences(number))
    running: list[Running] = []

    def rewind() -> None:
        consumer = running[0].consumer
        consumer.seek(world.transport.beginning_positions([CRAWL]))

    real = world.transport.producer("one")
    producer = StumblingProducer(real, [PositionsLost("moved on")], rewind)
    running.append(Running(world, producer=producer))
    wait_for(lambda: all_committed(world))
    running[0].end()
    assert running[0].error is None
    every_record_ended_once(world, 20)


def test_a_log_that_is_away_for_a_moment_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        world.crawl(str(number), sentences(number))
    real = world.transport.producer("one")
    producer = StumblingProducer(real, [TransportUnavailable("away")], lambda: None)
    running = Running(world, producer=producer)
    monkeypatch.setattr(running.stop, "wait", lambda seconds: time.sleep(0.01))
    wait_for(lambda: all_committed(world))
    running.end()
    every_record_ended_once(world, 10)


def test_an_embedder_that_was_fenced_stops(world: World) -> None:
    world.crawl("a", sentences(1))
    producer = StumblingProducer(None, [Fenced("a newer one has taken over")], lambda: None)
    running = Running(world, producer=producer)
    wait_for(lambda: running.error is not None)
    running.end()
    assert isinstance(running.error, Fenced)
    assert world.outcomes() == []


def test_a_long_encoding_does_not_cost_the_membership(world: World) -> None:
    class SlowStage(EmbeddingStage):
        """Takes longer to encode than the loop may stay away from its group."""

        def encode(self, batch: Any) -> int:
            time.sleep(1.0)
            return super().encode(batch)

    for number in range(5):
        world.crawl(str(number), sentences(number))
    stage = SlowStage(world.encoder, world.stores.passages, world.stores.documents, world.settings.passages)
    running = Running(world, stage=stage)
    wait_for(lambda: all_committed(world))
    running.end()
    every_record_ended_once(world, 5)


class Stopped:
    """A loop whose process is stopped in the middle of its first batch, until `wake` is called."""

    def __init__(self, world: World) -> None:
        asleep, self._awake = threading.Event(), threading.Event()
        awake = self._awake

        class StoppedStage(EmbeddingStage):
            def encode(self, batch: Any) -> int:
                asleep.set()
                assert awake.wait(60)
                return super().encode(batch)

        stores = world.stores
        stage = StoppedStage(world.encoder, stores.passages, stores.documents, world.settings.passages)
        self.running = Running(world, "stopped", stage=stage, stay_seconds=1000.0, session_seconds=0.01)
        poll = self.running.consumer.poll

        def stopped_poll(most: int, timeout: float) -> list[Record]:
            assert not asleep.is_set() or awake.wait(60)
            return poll(most, timeout)

        self.running.consumer.poll = stopped_poll
        world.crawl("a", sentences(1), at="2026-01-01T00:00:00Z")
        assert asleep.wait(60)
        with Database(world.settings.data_dir / FILE_NAME).writing() as connection:
            self.running.consumer._membership.leave(connection)  # given up for dead

    def wake(self) -> None:
        self._awake.set()
        wait_for(lambda: not self.running.loop._in_work)


def stored_document(world: World) -> dict[str, Any]:
    (found,) = [p.payload for p in world.stores.documents.scroll() if p.payload["kind"] == "document"]
    return found


@pytest.mark.parametrize("heir_stays", [True, False])
def test_one_that_was_stopped_meanwhile_publishes_nothing_and_overwrites_nothing(
    world: World, heir_stays: bool
) -> None:
    stopped = Stopped(world)
    world.crawl("a", sentences(2), at="2026-01-02T00:00:00Z")
    heir = Running(world, "heir")
    wait_for(lambda: all_committed(world))
    if not heir_stays:
        heir.end()
    before = stored_document(world)
    stopped.wake()
    stopped.running.end()
    if heir_stays:
        heir.end()
    assert stopped.running.error is None
    assert stored_document(world) == before
    assert {point.id for point in world.stores.passages.scroll()} == set(before["passages"])
    assert all_committed(world)
    every_record_ended_once(world, 2)


def test_one_that_was_stopped_and_missed_by_nobody_goes_on(world: World) -> None:
    stopped = Stopped(world)
    world.crawl("a", sentences(2), at="2026-01-02T00:00:00Z")
    stopped.wake()
    wait_for(lambda: all_committed(world))
    stopped.running.end()
    every_record_ended_once(world, 2)


def test_what_became_of_records_is_counted_by_reason(world: World) -> None:
    def counted() -> list[float]:
        names = (
            ("documents", {"outcome": "embedded", "reason": ""}),
            ("documents", {"outcome": "filtered", "reason": "too-short"}),
            ("dead_letters", {"topic": CRAWL, "reason": "invalid-json"}),
            ("passages_embedded", {}),
        )
        return [
            metrics.REGISTRY.get_sample_value(f"equal_stream_{name}_total", labels) or 0.0
            for name, labels in names
        ]

    before = counted()
    world.crawl("a", sentences(1))
    world.crawl("b", "x")
    world.crawl_raw(b"junk")
    running = Running(world)
    wait_for(lambda: all_committed(world))
    running.end()
    passages = world.stores.passages.count()
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 1, passages]


def test_portions_keep_order_and_bound_their_size() -> None:
    sizes = [100, 600_000, 300_000, 100_000, 100_000, 300_000, 0, 5]
    records = [Record(CRAWL, 0, n, None, b"x" * size, (), 0) for n, size in enumerate(sizes)]
    parts = list(portions(records))
    assert [record for part in parts for record in part] == records
    assert all(len(part) == 1 or sum(len(r.value or b"") for r in part) <= 512 << 10 for part in parts)


def test_a_point_is_what_readers_of_the_store_expect(world: World) -> None:
    world.crawl("a", sentences(1), title="T")
    running = Running(world)
    wait_for(lambda: all_committed(world))
    running.end()
    points: list[Point] = world.stores.passages.scroll()
    assert {*points[0].payload} == {
        *("passage_id", "doc_id", "url", "title", "lang", "start", "end", "text", "tokens", "model", "at"),
        *("before", "after"),
    }
