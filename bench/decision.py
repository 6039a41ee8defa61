"""How long the allocator takes to decide, and how much memory a candidate costs it, by number of candidates.

    OMP_NUM_THREADS=1 python -m bench.decision --output bench/results/decision.json

A core with 1,000 clusters and 300 references takes in synthetic passages, then prepares the next choice,
settles 64 tickets and chooses 64, again and again and in the order of the service, with two pairs an
answer; as many passages arrive as were bought. Each size runs in a process of its own, so that the
growth of its resident memory is that of its candidates; tracemalloc counts in another, because it slows
everything. Vectors lie in a file, as in the service, or with --in-memory where backtests have them.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for BLAS: the service runs one process a core

import argparse
import gc
import json
import platform
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.vector_file import VectorFile
from equal_stream.extraction.base import ExtractedPair, ExtractionResult, Pricing, Ticket
from equal_stream.heap import return_large_blocks
from equal_stream.messages import AssignedPassage, ReferencePair, pack_vector
from equal_stream.settings import AllocationSettings, BudgetSettings, LLMSettings, Settings

SIZES = (10_000, 100_000, 1_000_000)
CLUSTERS = 1000
REFERENCES = 300
THEMES = 20  # clusters that the references lie in
PASSAGES = 4  # of a document
TICKETS = 64
DIMENSION = 384
PRICING = Pricing(in_mtok_cost=0.15, out_mtok_cost=0.6)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Crawl:
    """Passages of clusters whose sizes follow a power law, and pairs near their passages."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        common = self._units(1)
        self.centres = self._scaled(0.5 * common + self._units(CLUSTERS))
        mass = (1 + np.arange(CLUSTERS)) ** -0.5
        self.shares = mass / mass.sum()
        self.themes = self.rng.choice(CLUSTERS, THEMES, replace=False)
        self._yields = np.where(self.rng.random(CLUSTERS) < 0.5, 1.0, 0.2)  # look-alikes bring little

    def passages(self, count: int, first: int = 0, block: int = 4096) -> Iterator[AssignedPassage]:
        """Yield passages, numbered from `first` on, four of each document."""
        for start in range(first, first + count, block):
            n = min(block, first + count - start)
            clusters = self.rng.choice(CLUSTERS, n, p=self.shares)
            vectors = self._scaled(self.centres[clusters] + 0.8 * self._units(n))
            tokens = self.rng.integers(60, 240, n)
            for at in range(n):
                number, document = start + at, (start + at) // PASSAGES
                yield AssignedPassage(
                    passage_id=str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)),
                    doc_id=str(UUID(int=document * 0xD1B54A32D192ED03F39CC0605CEDC835 % 2**128)),
                    url=f"https://www.example.org/{document % 97:02d}/a-page-whose-address-is-long{document}",
                    cluster_id=int(clusters[at]),
                    similarity=0.8,
                    tokens=int(tokens[at]),
                    vector=pack_vector(vectors[at]),
                    text_bytes=int(tokens[at]) * 4,
                )

    def give_references(self, core: AllocatorCore) -> None:
        """Give 300 references near the themes to a core."""
        near = self.centres[np.repeat(self.themes, REFERENCES // THEMES)]
        for number, vector in enumerate(self._scaled(near + 0.7 * self._units(len(near)))):
            told = ReferencePair(target="theme", ref_id=str(number), question=f"{number}?", answer="yes")
            core.set_reference(told, vector)

    def answer(self, ticket: Ticket) -> ExtractionResult:
        """Return what an LLM finds in the passage of a ticket."""
        count = self.rng.poisson(2 * self._yields[ticket.cluster_id % CLUSTERS])
        near = self.centres[[ticket.cluster_id % CLUSTERS] * count]
        pairs = [
            ExtractedPair(
                question=f"{ticket.ticket_id} {number}",
                answer="because",
                quote="evidence",
                start=0,
                end=8,
                vector=pack_vector(vector),
            )
            for number, vector in enumerate(self._scaled(near + 0.9 * self._units(count)))
        ]
        tokens_in, tokens_out = 200 + ticket.tokens, 40 + 60 * count
        return ExtractionResult(
            ticket_id=ticket.ticket_id,
            request_id=ticket.request_id,
            status="answered",
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost_usd=PRICING.cost(tokens_in, tokens_out),
            pairs=pairs,
            model="simulated",
        )

    def _units(self, count: int) -> np.ndarray:
        return self._scaled(self.rng.standard_normal((count, DIMENSION), np.float32))

    @staticmethod
    def _scaled(vectors: np.ndarray) -> np.ndarray:
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def make_core(vectors: VectorFile | None) -> AllocatorCore:
    """Return a core with money for everything; without a file, vectors lie in memory."""
    settings = Settings(
        llm=LLMSettings(base_url="http://127.0.0.1:9/v1", model="m", max_output_tokens=256),
        budget=BudgetSettings(usd_total=1e6),
        allocation=AllocationSettings(max_candidates=2 * max(SIZES)),
    )
    return AllocatorCore(settings, pricing=PRICING, dimension=DIMENSION, vectors=vectors)


def resident() -> int:
    """Return this process's resident memory in bytes."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


class Seconds:
    """How long something took, time after time: by the clock, and of this thread's processor."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.clock.append(time.perf_counter() - self._began[0])
        self.processor.append(time.thread_time() - self._began[1])

    def percentiles(self) -> dict[str, dict[str, float]]:
        """Return percentiles in ms."""
        return {
            name: {f"p{at}": round(float(np.percentile(each, at)) * 1e3, 3) for at in (50, 90, 99, 100)}
            for name, each in (("clock", self.clock), ("processor", self.processor))
        }


class Took(NamedTuple):
    """What each preparation, each choice and each settlement took."""

    prepared: Seconds
    chosen: Seconds
    settled: Seconds


def decide(
    core: AllocatorCore, crawl: Crawl, calls: int, now: datetime, arrivals: Iterator[AssignedPassage]
) -> Took:
    """Prepare while calls are under way, settle these, choose others, let as many arrive; so often."""
    took = Took(Seconds(), Seconds(), Seconds())
    for _ in range(calls):
        now += timedelta(seconds=1)
        with took.prepared:
            core.prepare(now)
        for ticket in core.open_tickets():
            result = crawl.answer(ticket)
            with took.settled:
                core.settle(ticket, result, now)
        with took.chosen:
            bought = core.choose(TICKETS, now)
        for passage in islice(arrivals, len(bought)):
            core.add_passage(passage)
    return took


def measure(size: int, calls: int, trace: bool, vectors: VectorFile | None) -> dict[str, Any]:
    """Return the figures of one size; with `trace`, those of memory only."""
    crawl, core = Crawl(), make_core(vectors)
    crawl.give_references(core)
    for passage in Crawl(1).passages(4096):  # whatever is allocated once
        core.add_passage(passage)
    core.choose(1, START)
    gc.collect()
    if trace:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
    else:
        before = resident()
    began = time.perf_counter()
    for passage in crawl.passages(size):  # to its end, or its last block would count
        core.add_passage(passage)
    filled = time.perf_counter() - began
    gc.collect()
    after = tracemalloc.get_traced_memory()[0] if trace else resident()
    if trace:
        return {"tracemalloc bytes a candidate": (after - before) / size}
    passages = crawl.passages(size + TICKETS * calls, first=size)
    now, warm = START, 0
    while core.holdings.pool.candidates.unseen and warm < 2000:  # until every passage was evaluated
        now += timedelta(seconds=1)
        decide(core, crawl, 1, now, iter(()))
        warm += 1
    decide(core, crawl, 20, now, passages)
    prepared, chosen, settled = decide(core, crawl, calls, now + timedelta(minutes=5), passages)
    return {
        "candidates": size,
        "clusters": len(core.holdings.pool.arms),
        "calls": calls,
        "calls before": warm + 20,
        "choose 64, ms": chosen.percentiles(),
        "prepare, ms": prepared.percentiles(),
        "settle, ms": settled.percentiles(),
        "us a ticket": round(
            float(np.median(chosen.processor) + np.median(prepared.processor)) / TICKETS * 1e6, 1
        ),
        "resident bytes a candidate": round((after - before) / size, 1),
        "us to add a passage": round(filled / size * 1e6, 1),
    }


def _apart(*options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.decision", *options], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--one", type=int, help="measure this size in this process and print JSON")
    parser.add_argument("--in-memory", action="store_true", help="keep the vectors in memory")
    parser.add_argument("--trace", action="store_true", help="with --one: count memory by tracemalloc")
    given = parser.parse_args()
    if given.one:
        return_large_blocks()  # as the allocator's actor does
        with tempfile.TemporaryDirectory() as scratch:
            file = None if given.in_memory else VectorFile(Path(scratch) / "vectors", DIMENSION)
            print(json.dumps(measure(given.one, given.calls, given.trace, file)))
        return
    rows = []
    for size in given.sizes:
        how = ["--one", str(size), *(["--in-memory"] if given.in_memory else [])]
        row = _apart(*how, "--calls", str(given.calls))
        row |= _apart(*how, "--trace")
        rows.append(row)
        print(json.dumps(row), file=sys.stderr)
    first = rows[0]
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load while it ran": os.getloadavg()[1],
        "tickets": TICKETS,
        "references": REFERENCES,
        "sizes": rows,
        "cost a ticket, by that of the smallest": [row["us a ticket"] / first["us a ticket"] for row in rows],
        "log of candidates, by that of the smallest": [
            float(np.log(row["candidates"]) / np.log(first["candidates"])) for row in rows
        ],
    }
    text = json.dumps(result, indent=2)
    if given.output:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
