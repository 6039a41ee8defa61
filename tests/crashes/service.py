"""The three roles and the extraction workers in one process, taking turns, so that every step has its place.

What decides and what commits is the service's own; only the loops around it are not, and the LLM.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consumers.clusterer import GROUP as CLUSTERERS
from consumers.clusterer import ClusterStage, restore
from consumers.embedder import GROUP as EMBEDDERS
from equal_stream import topics
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.pace import Pace
from equal_stream.allocator.service import AllocatorService
from equal_stream.allocator.vector_file import VectorFile
from equal_stream.allocator.workers import Finished
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.extraction.journal import LogJournal
from equal_stream.extraction.worker import ExtractionWorker
from equal_stream.messages import JournalEntry
from equal_stream.settings import Settings
from equal_stream.snapshots import SnapshotStore
from equal_stream.store.factory import open_embedded
from equal_stream.transport.base import Transport
from tests.crashes.llm import DIMENSION, PRICES, BookkeepingLLM, WordEncoder
from tests.crashes.open_transactions import OpenTransactions

CALLS_AT_ONCE = 3
BATCHES = {True: 4, False: 100}  # crawl records prepared together, in a first life and in later ones:
# several batches, two of them in work at once; and all that waits, so that a crash is met in another batch
TURNS_BETWEEN_SNAPSHOTS = 2
POLL_SECONDS = {"embedded": 0.005, "kafka": 0.05}


class LocalWorkers:
    """`Workers` over one `ExtractionWorker` on an event loop in a thread of this process."""

    def __init__(self, worker: ExtractionWorker) -> None:
        self._worker = worker
        self._loop = asyncio.new_event_loop()
        self._calls: dict[Future[ExtractionResult], tuple[Ticket, PassageText]] = {}
        threading.Thread(target=self._loop.run_forever, name="extraction", daemon=True).start()

    def free(self) -> int:
        return CALLS_AT_ONCE - len(self._calls)

    def in_flight(self) -> int:
        return len(self._calls)

    def submit(self, ticket: Ticket, passage: PassageText) -> None:
        call = asyncio.run_coroutine_threadsafe(self._worker.extract(ticket, passage), self._loop)
        self._calls[call] = (ticket, passage)

    def finished(self, timeout: float) -> list[Finished]:
        done, _ = wait(self._calls, timeout, FIRST_COMPLETED) if self._calls else (set(), None)
        return [Finished(*self._calls.pop(call), call.result()) for call in done]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return asyncio.run_coroutine_threadsafe(self._worker.encode(texts), self._loop).result(30)

    def recover(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        recovered = self._worker.recover(ticket, passage, entry)
        return asyncio.run_coroutine_threadsafe(recovered, self._loop).result(30)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._worker.close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)


@dataclass
class Turn:
    """Whose turn it is: ``embedder``, ``clusterer``, ``allocator``, or ``recovery`` of the allocator."""

    role: str = ""


class WholeService:
    """The roles on one log and one store; `turn` is kept up to date. `anew`: nothing came before."""

    def __init__(
        self, settings: Settings, transport: Transport, bill: Path, turn: Turn, *, anew: bool
    ) -> None:
        encoder = WordEncoder()
        self._batch = BATCHES[anew]
        self._turn = turn
        self._transport = transport
        self._wait = POLL_SECONDS[settings.transport]
        state = settings.data_dir / "state"
        self._open = OpenTransactions(settings, transport)
        turn.role = "embedder"
        self._stores = open_embedded(settings, encoder.identity, encoder.dimension, wait_seconds=10)
        self._publisher = transport.producer(f"{EMBEDDERS}-{os.getpid()}")
        self._crawl = transport.member([topics.CRAWL.name], EMBEDDERS)
        self._embedding = EmbeddingStage(
            encoder, self._stores.passages, self._stores.documents, settings.passages
        )
        turn.role = "clusterer"
        producer = transport.producer(CLUSTERERS)
        self._embedded = transport.reader([topics.EMBEDDED.name], CLUSTERERS)
        snapshots = SnapshotStore(state / "clusterer")
        restored = restore(settings, self._embedded, snapshots)
        self._clustering = ClusterStage(restored, self._embedded, producer, snapshots)
        turn.role = "recovery"
        worker = ExtractionWorker(
            BookkeepingLLM(bill), LogJournal(transport.producer()), encoder, settings.extraction
        )
        self._workers = LocalWorkers(worker)
        vectors = VectorFile(state / "allocator" / "candidates.vectors", DIMENSION)
        self._allocator = AllocatorService(
            core=AllocatorCore(settings, pricing=PRICES, dimension=DIMENSION, vectors=vectors),
            transport=transport,
            passages=self._stores.passages,
            workers=self._workers,
            snapshots=SnapshotStore(state / "allocator"),
            pace=Pace(None),
            snapshot_seconds=1e6,
            tick_seconds=0.001,
        )
        self._turns = 0
        self._allocator.recover()

    def run(self) -> None:
        """Take turns until nothing is left to do."""
        idle = 0
        while idle < 3:
            moved = [self._embed(), self._cluster(), self._allocate()]
            idle = 0 if any(moved) or self._behind() else idle + 1
        self._allocator.snapshot()

    def close(self) -> None:
        """Stop in good order."""
        self._turn.role = "allocator"
        stop = threading.Event()
        stop.set()
        self._allocator.serve(stop)
        self._allocator.close()

    def stored(self) -> list[str]:
        """Return the passages in the store."""
        return sorted(point.id for point in self._stores.passages.scroll(limit=10_000))

    def named(self) -> list[str]:
        """Return the passages that the documents in the store name."""
        documents = [point.payload for point in self._stores.documents.scroll(limit=10_000)]
        return sorted(passage for each in documents for passage in each.get("passages", ()))

    def _embed(self) -> bool:
        """Take what waits through the stage, in batches of which two overlap, as the embedder's loop does."""
        self._turn.role = "embedder"
        records = self._crawl.poll(100, self._wait)
        batches = [records[at : at + self._batch] for at in range(0, len(records), self._batch)]
        in_work = []
        for batch in [*batches, None]:
            if batch is not None:
                in_work.append(self._embedding.prepare(batch))
                self._embedding.encode(in_work[-1])
            while in_work and (len(in_work) == 2 or batch is None):
                self._embedding.store(in_work[0])
                self._embedding.publish(in_work.pop(0), self._publisher, self._crawl)
        return bool(records)

    def _cluster(self) -> bool:
        self._turn.role = "clusterer"
        records = self._embedded.poll(100, self._wait)
        if records:
            self._clustering.handle(records)
        return bool(records)

    def _allocate(self) -> bool:
        self._turn.role = "allocator"
        moved = self._allocator.turn()
        self._turns += 1
        if moved and self._turns % TURNS_BETWEEN_SNAPSHOTS == 0:
            self._allocator.snapshot()
        return moved or self._workers.in_flight() > 0

    def _behind(self) -> bool:
        """Tell whether a record waits for a role, or is held back."""
        ends = self._transport.end_positions([topics.CRAWL.name, topics.EMBEDDED.name])
        read = {**self._crawl.positions(), **self._embedded.positions()}
        waits = any(read.get(at, -1) < end for at, end in ends.items())
        return waits or any(self._allocator.look().lag.values()) or self._open.any()
