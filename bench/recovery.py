"""How long an allocator takes to serve again after a crash, by how much it has published.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python -m bench.recovery --output bench/results/recovery.json

A core buys synthetic passages and publishes what the service would: three events a ticket (reservation, bill,
outcome) and its pairs. Shortly before the end a snapshot is kept; what follows it, with the tickets that are
open at the crash, has to be replayed. Then `AllocatorService.recover` runs in processes of their own:

- with the snapshot, as after any crash; pairs published since are embedded by the real encoder;
- without any snapshot, as after the loss of the disk that held them; embedding is left out there, and told
  apart, since it depends on the encoder and its machine.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.decision import DIMENSION, PRICING, TICKETS, Crawl
from bench.stream import broker
from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.cycle import Turn, publish
from equal_stream.allocator.intake import Taken
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.progress import Progress
from equal_stream.allocator.replay import OWN_OUTPUTS
from equal_stream.allocator.service import AllocatorService
from equal_stream.allocator.vector_file import VectorFile
from equal_stream.messages import ReferencePair
from equal_stream.roles import ALLOCATOR
from equal_stream.settings import BudgetSettings, EmbeddingSettings, KafkaSettings, LLMSettings, Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.store.factory import open_embedded
from equal_stream.transport.base import Transport
from equal_stream.transport.codec import encode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

EVENTS_A_TICKET = 3
REFERENCES = 300
AT_ONCE = 20_000  # passages that arrive together
MODEL = "bench"


def settings_for(directory: Path, bootstrap: str) -> Settings:
    """Return the settings of the service that is measured."""
    return Settings(
        transport="kafka" if bootstrap else "embedded",
        data_dir=directory,
        kafka=KafkaSettings(bootstrap_servers=bootstrap or "127.0.0.1:1"),
        llm=LLMSettings(base_url="http://127.0.0.1:9/v1", model="m", max_output_tokens=256,
                        in_mtok_cost=PRICING.in_mtok_cost, out_mtok_cost=PRICING.out_mtok_cost),
        budget=BudgetSettings(usd_total=1e6),
    )  # fmt: skip


def state_of(settings: Settings) -> Path:
    """Return where the allocator keeps its state."""
    return settings.data_dir / "state" / "allocator"


def core_of(settings: Settings) -> AllocatorCore:
    """Return a fresh core whose vectors lie in the file they lie in in the service."""
    vectors = VectorFile(state_of(settings) / "candidates.vectors", DIMENSION)
    return AllocatorCore(settings, pricing=PRICING, dimension=DIMENSION, vectors=vectors)


class Filling:
    """Buys and publishes as the service does, without calls and without their time."""

    def __init__(self, settings: Settings, transport: Transport, tickets: int) -> None:
        self.core = core_of(settings)
        self.now = datetime.now(UTC)
        self._crawl = Crawl()
        self._passages = self._crawl.passages(2 * tickets)
        self._transport = transport
        self._producer = transport.producer(ALLOCATOR.group)
        self._crawl.give_references(self.core)
        references = transport.producer()
        for number in range(REFERENCES):
            told = ReferencePair(target="theme", ref_id=str(number), question=f"{number}?", answer="yes")
            references.send(
                encode(told, topic=topics.REFERENCES.name, key=f"theme/{number}", source="/bench")
            )
        references.close()

    def buy(self, tickets: int) -> None:
        """Buy so many; the last of them stay open."""
        left = tickets
        while left > 0:
            self.now += timedelta(milliseconds=500)
            turn = Turn(Taken())
            open_ = self.core.open_tickets()
            turn.settlements = [self.core.settle(t, self._crawl.answer(t), self.now) for t in open_]
            turn.reservations = self.core.choose(min(TICKETS, left), self.now)
            left -= len(turn.reservations)
            if not turn.reservations:
                self._arrive()
                self.core.prepare(self.now)
            with self._producer.transaction() as transaction:
                publish(turn, transaction)
            if self.core.holdings.pool.candidates.lengths.total < AT_ONCE // 2:
                self._arrive()

    def _arrive(self) -> None:
        for passage in islice(self._passages, AT_ONCE):
            self.core.add_passage(passage)

    def close(self) -> None:
        """Free the log."""
        self._producer.close()


class Encoding:
    """Workers that make no calls; texts are embedded by the real encoder, or are not looked at."""

    def __init__(self, real: bool) -> None:
        self.encoded = 0
        self.seconds = 0.0
        self._encoder = None
        self._rng = np.random.default_rng(0)
        if real:
            from equal_stream.embedding.encoder import Encoder  # noqa: PLC0415 - loads torch

            self._encoder = Encoder(EmbeddingSettings())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (n, d)."""
        began = time.monotonic()
        self.encoded += len(texts)
        if self._encoder is not None:
            vectors = self._encoder.encode(texts)
        else:
            made = self._rng.standard_normal((len(texts), DIMENSION), np.float32)
            vectors = np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)
        self.seconds += time.monotonic() - began
        return vectors

    def free(self) -> int:
        """Take no tickets."""
        return 0

    def in_flight(self) -> int:
        """Have none under way."""
        return 0

    def finished(self, timeout: float) -> list[Any]:
        """Have none ended."""
        del timeout
        return []

    def submit(self, ticket: Any, passage: Any) -> None:
        """Not asked for."""
        raise NotImplementedError

    def recover(self, ticket: Any, passage: Any, entry: Any) -> Any:
        """Not asked for: no answer was journaled."""
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to close."""


class Clocked(Progress):
    """How long each part of a recovery took."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        self._part, self._since = "", time.monotonic()
        super().__init__()

    def begin(self, what: str) -> Any:
        """Note when it began."""
        self._note(what)
        return super().begin(what)

    def end(self) -> None:
        """Note when the last part ended."""
        self._note("")
        super().end()

    def _note(self, what: str) -> None:
        moment = time.monotonic()
        if self._part:
            self.took[self._part] = round(moment - self._since, 3)
        self._part, self._since = what, moment


def recover(settings: Settings, real: bool) -> dict[str, Any]:
    """Recover in this process; return what it took."""
    workers = Encoding(real)
    began = time.monotonic()
    stores = open_embedded(settings, MODEL, DIMENSION)
    service = AllocatorService(
        core=core_of(settings),
        transport=open_transport(settings),
        passages=stores.passages,
        workers=workers,
        snapshots=SnapshotStore(state_of(settings)),
        pace=Pace(None),
        snapshot_seconds=1e6,
        tick_seconds=0.0,
    )
    service.progress = clocked = Clocked()
    service.recover()
    took = time.monotonic() - began
    looked = service.look()
    assert looked is not None
    turned = time.monotonic()
    service.turn()
    first_turn = time.monotonic() - turned
    result = {
        "seconds": round(took, 2),
        "parts": clocked.took,
        "first_turn_seconds": round(first_turn, 3),
        "pairs_embedded": workers.encoded,
        "embedding_seconds": round(workers.seconds, 2),
        "open_tickets": len(service.core.open_tickets()),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    service.close()
    return result


def elsewhere(directory: Path, bootstrap: str, real: bool) -> dict[str, Any]:
    """Recover in a process of its own; return what it took, and its time from its beginning to its end."""
    command = [sys.executable, "-m", "bench.recovery", "--recover", str(directory), "--bootstrap", bootstrap]
    began = time.monotonic()
    done = subprocess.run(
        [*command, *(["--real"] if real else [])], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {'with' if real else 'without'} a snapshot: {found}", file=sys.stderr)
    return {**found, "process_seconds": round(time.monotonic() - began, 2)}


def measure(options: argparse.Namespace, directory: Path, bootstrap: str) -> dict[str, Any]:
    """Fill a log, keep a snapshot, and recover with and without it."""
    settings = settings_for(directory, bootstrap)
    state_of(settings).mkdir(parents=True)
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    tickets = -(-options.events // EVENTS_A_TICKET)
    began = time.monotonic()
    filling = Filling(settings, transport, tickets)
    filling.buy(tickets - options.since)
    kept = time.monotonic()
    state = filling.core.to_state()
    stated = time.monotonic()
    SnapshotStore(state_of(settings)).save(state, {}, transport.end_positions(OWN_OUTPUTS), model=MODEL)
    saved = time.monotonic()
    filling.buy(options.since)
    filling.close()
    ends = transport.end_positions(OWN_OUTPUTS)
    records = {name: sum(end for (topic, _), end in ends.items() if topic == name) for name in OWN_OUTPUTS}
    print(f"  filled in {time.monotonic() - began:.0f} s: {records}", file=sys.stderr)
    transport.close()
    result = {
        "records": records,
        "tickets": tickets,
        "since_snapshot": options.since,
        "snapshot": {
            "bytes": len(state),
            "state_seconds": round(stated - kept, 2),
            "save_seconds": round(saved - stated, 2),
        },
        "with_snapshot": elsewhere(directory, bootstrap, real=True),
    }
    shutil.rmtree(state_of(settings))
    state_of(settings).mkdir()
    result["without_snapshot"] = elsewhere(directory, bootstrap, real=False)
    return result


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="reservations, bills and outcomes")
    parser.add_argument("--since", type=int, default=3_000, help="tickets bought since the snapshot")
    parser.add_argument("--transport", choices=["embedded", "kafka"], default="embedded")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--recover", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bootstrap", default="", help=argparse.SUPPRESS)
    parser.add_argument("--real", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.recover:
        print(json.dumps(recover(settings_for(options.recover, options.bootstrap), options.real)))
        return
    with tempfile.TemporaryDirectory() as directory, broker(options.transport) as kafka:
        bootstrap = kafka.get("KAFKA__BOOTSTRAP_SERVERS", "")
        result = {"machine": platform.processor() or platform.machine(), "transport": options.transport}
        result |= measure(options, Path(directory), bootstrap)
    text = json.dumps(result, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
