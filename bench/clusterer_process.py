"""The clusterer process end to end: passages.embedded in; assignments, lineage, state and positions out.

    OMP_NUM_THREADS=1 python -m bench.clusterer_process --transport embedded --output out.json
    OMP_NUM_THREADS=1 python -m bench.clusterer_process --transport kafka --output out.json

All passages (800 characters, 384 dimensions, 256 topics) are published first; then the role's own loop
reads them over the real log: a SQLite file, or a Kafka broker on this machine. `cold` is the first part,
in which the clusters form; `steady` is the rest. Rates are passages a second by the clock and by the CPU
time of this process, all of its threads; where time goes is told by the clock and by the CPU time of the
thread that does the work. At the end every passage must have been assigned once.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for BLAS: the service runs one process a core

import argparse
import contextlib
import json
import platform
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from consumers.clusterer import GROUP, Batch, ClusterStage, restore, work
from deploy.kafka.local_broker import LocalBroker
from equal_stream import topics
from equal_stream.clustering.base import StreamClusterer
from equal_stream.messages import EmbeddedPassage, now, pack_vector
from equal_stream.settings import ClusteringSettings, KafkaSettings, Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.transport.base import Consumer, OutgoingRecord, Positions, Producer, Record, Transport
from equal_stream.transport.codec import encode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

DIMENSION = 384
TOPICS = 256
CHARACTERS = 800
BLOCK = 4096
PARTS = ("poll", "decode", "assign", "state", "encode", "commit")


class Stopwatch:
    """Adds up, for each part of the work, seconds by the clock and of the working thread's CPU."""

    def __init__(self) -> None:
        self.wall = dict.fromkeys(PARTS, 0.0)
        self.cpu = dict.fromkeys(PARTS, 0.0)
        self.started = (time.perf_counter(), time.process_time())

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block to a part."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.wall[name] += time.perf_counter() - wall
            self.cpu[name] += time.thread_time() - cpu

    def report(self, passages: int) -> dict[str, object]:
        """Return rates and shares since the start."""
        wall = time.perf_counter() - self.started[0]
        cpu = time.process_time() - self.started[1]
        return {
            "passages": passages,
            "wall seconds": wall,
            "cpu seconds": cpu,
            "passages per second": {"wall": passages / wall, "cpu": passages / cpu},
            "microseconds a passage": {
                name: {"wall": self.wall[name] / passages * 1e6, "cpu": self.cpu[name] / passages * 1e6}
                for name in PARTS
            },
            "share of time": {name: self.wall[name] / wall for name in PARTS},
        }


class TimedReader:
    """A consumer whose polls are timed; the log's own consumer stands behind it."""

    def __init__(self, consumer: Consumer, bench: "Bench") -> None:
        self._consumer = consumer
        self._bench = bench

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Poll, and count it."""
        with self._bench.watch.part("poll"):
            return self._consumer.poll(max_records, timeout)


class TimedStage(ClusterStage):
    """The role's own stage, with each step timed."""

    bench: "Bench"

    def handle(self, records: Sequence[Record]) -> int:
        """Handle a batch, and tell how far the run is."""
        assigned = super().handle(records)
        self.bench.committed(assigned)
        return assigned

    def decode(self, records: Sequence[Record]) -> Batch:
        """Decode, and count it."""
        with self.bench.watch.part("decode"):
            return super().decode(records)

    def assign(self, batch: Batch) -> None:
        """Assign, and count it."""
        with self.bench.watch.part("assign"):
            super().assign(batch)

    @contextlib.contextmanager
    def saving(self, positions: Positions) -> Iterator[None]:
        """Count taking the state, and waiting for the disk."""
        outer = super().saving(positions)
        with self.bench.watch.part("state"):
            outer.__enter__()
        yield
        with self.bench.watch.part("state"):
            outer.__exit__(None, None, None)

    def encode(self, batch: Batch) -> list[OutgoingRecord]:
        """Encode, and count it."""
        with self.bench.watch.part("encode"):
            return super().encode(batch)

    def commit(self, outgoing: Sequence[OutgoingRecord], positions: Positions) -> None:
        """Publish and commit, and count it."""
        with self.bench.watch.part("commit"):
            super().commit(outgoing, positions)


class Bench:
    """Runs the loop over what was published and keeps the figures."""

    def __init__(self, warm_up: int, total: int) -> None:
        self.warm_up, self.total = warm_up, total
        self.stop = threading.Event()
        self.watch = Stopwatch()
        self.figures: dict[str, dict[str, object]] = {}
        self.done = self._begun = 0

    def committed(self, passages: int) -> None:
        """Note a committed batch; end the cold part and the run when their passages are through."""
        self.done += passages
        if "cold" not in self.figures and self.done >= self.warm_up:
            self._close("cold")
        if self.done >= self.total:
            self._close("steady")
            self.stop.set()

    def _close(self, name: str) -> None:
        self.figures[name] = self.watch.report(self.done - self._begun)
        self.watch, self._begun = Stopwatch(), self.done


def passages(count: int, seed: int = 0) -> Iterator[EmbeddedPassage]:
    """Yield passages on 256 topics, as an embedder sends them."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((TOPICS, DIMENSION)))
    words = [f"{word:x}" for word in rng.integers(16, 1 << 28, size=4000)]
    at = now()
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        noise = rng.standard_normal((size, DIMENSION)) / np.sqrt(DIMENSION)
        vectors = unit(centres[rng.integers(TOPICS, size=size)] + noise).astype(np.float32)
        for number, vector in enumerate(vectors, start):
            text = " ".join(words[each] for each in rng.integers(len(words), size=CHARACTERS // 7))
            yield EmbeddedPassage(
                passage_id=str(UUID(int=number)),
                doc_id=str(UUID(int=number // 4)),
                url=f"https://www.example.org/articles/{number // 4}.html",
                title="An article about one of the topics",
                lang="en",
                start=0,
                end=CHARACTERS,
                text=text.ljust(CHARACTERS, ".")[:CHARACTERS],
                tokens=200,
                vector=pack_vector(vector),
                model="all-MiniLM-L6-v2@bench",
                at=at,
            )


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale the last axis to length 1."""
    scaled: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def publish(transport: Transport, count: int) -> None:
    """Write passages to the log."""
    producer = transport.producer()
    for passage in passages(count):
        producer.send(
            encode(passage, topic=topics.EMBEDDED.name, key=passage.passage_id, source="embedder", trace=None)
        )
    producer.flush()
    producer.close()


def check(transport: Transport, total: int) -> None:
    """Exit unless every passage was assigned once and every position is committed."""
    consumer = transport.reader([topics.ASSIGNED.name])
    keys: list[bytes | None] = []
    while batch := consumer.poll(10_000, 1.0):
        keys += [record.key for record in batch]
    consumer.close()
    committed = transport.group_positions(GROUP, [topics.EMBEDDED.name])
    if len(keys) != total or len(set(keys)) != total or sum(committed.values()) < total:
        raise SystemExit(f"{total} passages went in, {len(keys)} assignments of {len(set(keys))} came out")


def measure(settings: Settings, warm_up: int, total: int) -> dict[str, object]:
    """Publish, run the clusterer's loop until all is committed, and return the figures."""
    transport = open_transport(settings)
    with contextlib.closing(transport):
        transport.create_topics(topic_specs(settings))
        publish(transport, total)
        producer: Producer = transport.producer(GROUP)
        consumer = transport.reader([topics.EMBEDDED.name], GROUP)
        snapshots = SnapshotStore(settings.data_dir / "state" / "clusterer")
        clusterer: StreamClusterer = restore(settings, consumer, snapshots)
        bench = Bench(warm_up, total)
        stage = TimedStage(clusterer, consumer, producer, snapshots)
        stage.bench = bench
        bench.watch = Stopwatch()
        work(stage, TimedReader(consumer, bench), settings.clustering.poll_records, bench.stop)
        check(transport, total)
        return {**bench.figures, "clusters": len(clusterer.sizes()), "state bytes": len(clusterer.to_state())}


def table(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures as lines."""
    for name in ("cold", "steady"):
        part = figures[name]
        rate, each = part["passages per second"], part["microseconds a passage"]
        yield (
            f"{name:<8}{part['passages']:>9,} passages {rate['wall']:>10,.0f}/s by the clock"
            f" {rate['cpu']:>10,.0f}/s of CPU"
        )
        for step in PARTS:
            yield (
                f"    {step:<8}{part['share of time'][step]:>6.1%} of the time"
                f" {each[step]['wall']:>8.1f} µs a passage, {each[step]['cpu']:>6.1f} of CPU"
            )
    yield f"{figures['clusters']} clusters, state of {figures['state bytes']:,} bytes"


def main() -> None:
    """Measure one transport, print a table and write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transport", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--passages", type=int, default=120_000)
    parser.add_argument(
        "--warm-up", type=int, default=None, help="passages of the cold part; default a third"
    )
    parser.add_argument("--poll-records", type=int, default=ClusteringSettings().poll_records)
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    options = parser.parse_args()
    warm_up = options.passages // 3 if options.warm_up is None else options.warm_up
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = KafkaSettings()
        if options.transport == "kafka":
            kafka = KafkaSettings(bootstrap_servers=stack.enter_context(LocalBroker()).bootstrap)
        clustering = ClusteringSettings(poll_records=options.poll_records)
        settings = Settings(
            transport=options.transport, data_dir=directory, kafka=kafka, clustering=clustering
        )
        figures = measure(settings, warm_up, options.passages)
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "transport": options.transport,
        **figures,
    }
    print("\n".join(table(report)))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
