"""How the memory of every process moves over a long crawl: the second half beside the first.

    python -m bench.memory --documents 400000 --transport kafka

The roles run as processes, as in bench.stream; short synthetic pages are fed no faster than they are read.
The allocator's table is set small enough to be full long before the middle, and it buys all the while. Every
few seconds the resident memory of each process is read, and of it what is its own (anonymous) and what it
merely has mapped of files. Growth = median of the last tenth of the crawl ÷ median of the tenth before the
middle; a process that was not there in both is told apart.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.stream import broker, environment, run_tool, service
from equal_stream import topics
from equal_stream.observability.lag import lag_of
from equal_stream.roles import CLUSTERER, EMBEDDER
from equal_stream.settings_sources import load_settings
from equal_stream.simulate.process import SimulatedLLM
from equal_stream.transport.base import OutgoingRecord, Transport
from equal_stream.transport.factory import open_transport

LOOK_SECONDS = 5.0
AHEAD = 6_000  # documents fed and not yet taken in, at most
TOGETHER = 500  # documents fed at once
CANDIDATES = 20_000  # the allocator's table: full after a twentieth of the crawl
WORDS = 12
_PROCESSES = {  # command line -> what it is called here; the first that is found
    "run embedder": "embedder",
    "run clusterer": "clusterer",
    "run allocator": "allocator",
    "ray::AllocatorActor": "allocator's actor",
    "ray::ExtractionActor": "extraction worker",
    "ray::StoreOwner": "store's owner",
    "equal-stream up": "up",
}


class Memory(NamedTuple):
    """Bytes of one process: resident, and of it anonymous."""

    resident: int
    anonymous: int


class Sample(NamedTuple):
    """One look: documents fed by then, and what each process (name, pid) had."""

    fed: int
    memory: dict[tuple[str, int], Memory]


def vocabulary() -> list[str]:
    """Return English words, from the manual that Python carries."""
    from pydoc_data.topics import topics as manual  # noqa: PLC0415

    return sorted({word.lower() for text in manual.values() for word in re.findall(r"[A-Za-z]{3,12}", text)})


def pages(count: int, seed: int = 0) -> Iterator[OutgoingRecord]:
    """Yield short pages that differ from each other."""
    rng, words = random.Random(seed), vocabulary()
    for number in range(count):
        text = " ".join(rng.choices(words, k=WORDS)).capitalize() + "."
        url = f"https://site{number % 400}.example.org/page/{number}"
        value = json.dumps({"url": url, "text": text}).encode()
        yield OutgoingRecord(topics.CRAWL.name, url.encode(), value)


def look(fed: int) -> Sample:
    """Read the memory of every process of the service on this machine."""
    found: dict[tuple[str, int], Memory] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = directory.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            name = next((name for part, name in _PROCESSES.items() if part in command), None)
            if name is None:
                continue
            status = directory.joinpath("status").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has just ended
            continue
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if "VmRSS" in fields:
            resident, anonymous = (int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "RssAnon"))
            found[name, int(directory.name)] = Memory(resident, anonymous)
    return Sample(fed, found)


def feed(transport: Transport, count: int, samples: list[Sample]) -> None:
    """Feed all pages as they are taken in, and look at the processes meanwhile."""
    producer, due, fed = transport.producer(), 0.0, 0
    batch: list[OutgoingRecord] = []

    def behind() -> int:
        return sum(sum(lag_of(transport, role).values()) for role in (EMBEDDER, CLUSTERER))

    for page in pages(count):
        batch.append(page)
        if len(batch) < TOGETHER and fed + len(batch) < count:
            continue
        while behind() > AHEAD:
            time.sleep(0.5)
        for record in batch:
            producer.send(record)
        producer.flush()
        fed += len(batch)
        batch.clear()
        if time.monotonic() >= due:
            samples.append(look(fed))
            due = time.monotonic() + LOOK_SECONDS
            print(f"{fed:,} fed; {_said(samples[-1])}", file=sys.stderr, flush=True)
    while behind() > 0:
        time.sleep(1.0)
    samples.append(look(fed))
    producer.close()


def _said(sample: Sample) -> str:
    return ", ".join(
        f"{name} {each.resident >> 20}/{each.anonymous >> 20}"
        for (name, _), each in sorted(sample.memory.items())
    )


def growth(samples: list[Sample], count: int) -> list[dict[str, Any]]:
    """Return the growth of each process in the second half of the crawl."""
    half = [each for each in samples if 0.4 * count <= each.fed <= 0.5 * count]
    end = [each for each in samples if each.fed >= 0.9 * count]
    seen: dict[tuple[str, int], list[list[Memory]]] = defaultdict(lambda: [[], []])
    for at, part in enumerate((half, end)):
        for sample in part:
            for process, memory in sample.memory.items():
                seen[process][at].append(memory)
    rows = []
    for (name, pid), (before, after) in sorted(seen.items()):
        row: dict[str, Any] = {"process": name, "pid": pid}
        if before and after:
            for kind in Memory._fields:
                first, last = (median(getattr(each, kind) for each in part) for part in (before, after))
                row[f"{kind}_mb"] = [round(first / 2**20, 1), round(last / 2**20, 1)]
                row[f"{kind}_growth"] = round(last / max(first, 1) - 1, 4)
        rows.append(row)
    return rows


def run(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    """Start the service, feed it, and return what its processes had."""
    data_dir = root / "data"
    data_dir.mkdir(parents=True)
    references = root / "references.jsonl"
    questions = [f"What does {word} do?" for word in vocabulary()[:: len(vocabulary()) // 100]]
    references.write_text(
        "".join(json.dumps({"question": each, "answer": each}) + "\n" for each in questions), encoding="utf-8"
    )
    samples: list[Sample] = []
    with (
        broker(options.transport) as kafka,
        SimulatedLLM(latency=0.2) as llm,
    ):
        env = environment(options, data_dir, llm.base_url, kafka) | {
            "EQUAL_STREAM_ALLOCATION__MAX_CANDIDATES": str(CANDIDATES),
            "EQUAL_STREAM_ALLOCATION__MAX_TICKETS_PER_MINUTE": str(options.tickets_per_minute),
        }
        os.environ.update({name: value for name, value in env.items() if name.startswith("EQUAL_STREAM_")})
        began = time.monotonic()
        with service(options.transport, env, data_dir / "roles.log"):
            transport = open_transport(load_settings())
            while topics.CRAWL.name not in transport.topics():
                time.sleep(1.0)
            run_tool(["reference", "add", "words", str(references)], env)
            feed(transport, options.documents, samples)
            ends = transport.end_positions([topics.LEDGER.name, topics.PAIRS.name])
            transport.close()
        seconds = time.monotonic() - began
    records = {
        name: sum(end for (topic, _), end in ends.items() if topic == name)
        for name in (topics.LEDGER.name, topics.PAIRS.name)
    }
    return {
        "documents": options.documents,
        "transport": options.transport,
        "seconds": round(seconds),
        "records": records,
        "growth": growth(samples, options.documents),
        "samples": [
            {"fed": each.fed, **{f"{name} {pid}": list(m) for (name, pid), m in each.memory.items()}}
            for each in samples
        ],
    }


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transport", choices=("kafka", "embedded"), default="kafka")
    parser.add_argument("--documents", type=int, default=400_000)
    parser.add_argument("--tickets-per-minute", type=int, default=600)
    parser.add_argument("--cap", type=int, default=10**9, help="tokens")
    parser.add_argument("--output", type=Path, help="write all samples here as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    root = Path(tempfile.mkdtemp(prefix="equal-stream-memory-"))
    try:
        result = run(options, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(result) + "\n", encoding="utf-8")
    del result["samples"]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
