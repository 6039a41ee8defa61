"""Embedder: documents/s from log to log, against the bare encoder on the same texts in the same run.

    OMP_NUM_THREADS=1 python bench/embedder.py --output bench/results/embedder.json
    OMP_NUM_THREADS=1 python bench/embedder.py --transport kafka     # needs Java 17 and Maven

The pipeline reads crawled documents from the log, decides, cuts, encodes, writes to an EdgeShard, publishes
passages and outcomes and commits, in one process. It is held against `SentenceTransformer.encode` on the
very passages that it published: once configured as the service is (precision, batch size, one thread), once
as it comes (fp32, batches of 32), also with one thread. Each is run several times in turn; the best counts.
A second part crawls documents again that have not changed, and counts what is encoded and published.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread: the service runs one process a core
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import argparse
import contextlib
import gzip
import importlib.metadata
import json
import platform
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import torch
from sentence_transformers import SentenceTransformer

from consumers.embedder import GROUP, EmbedderLoop
from equal_stream.embedding.batch import Batch
from equal_stream.embedding.encoder import Encoder
from equal_stream.embedding.model_files import DEFAULT_MODEL, find_model
from equal_stream.embedding.stage import EmbeddingStage
from equal_stream.messages import CrawledDocument, EmbeddedPassage
from equal_stream.settings import Settings
from equal_stream.store.factory import Stores, open_embedded
from equal_stream.topics import CRAWL, DOCUMENT_OUTCOMES, EMBEDDED
from equal_stream.transport.base import Consumer, Producer, Record, Transport
from equal_stream.transport.codec import decode, encode
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

SOURCES = ("medquad", "openstax", "tldr", "xquad_en", "drcd_zh", "covid_faq", "tatqa", "exercism_python")
LONGEST = 4_000  # characters: a page of ordinary length


class TimedStage(EmbeddingStage):
    """Notes when work began and ended, and ends the loop once all records are committed."""

    def expect_records(self, records: int, stop: threading.Event) -> None:
        """Be ready to count down from so many records, and to set `stop` at zero."""
        self.left = records
        self.stop = stop
        self.began = self.ended = 0.0
        self.encoded = 0

    def prepare(self, records: Sequence[Record]) -> Batch:
        """Note when the first batch begins."""
        self.began = self.began or time.perf_counter()
        return super().prepare(records)

    def encode(self, batch: Batch) -> int:
        """Count what is encoded."""
        count = super().encode(batch)
        self.encoded += count
        return count

    def publish(self, batch: Batch, producer: Producer, consumer: Consumer) -> None:
        """Note when the last batch ends."""
        super().publish(batch, producer, consumer)
        self.left -= len(batch.records)
        if self.left <= 0:
            self.ended = time.perf_counter()
            self.stop.set()


@dataclass
class Pipeline:
    """A log and a store of their own, with one embedder."""

    settings: Settings
    transport: Transport
    stores: Stores
    encoder: Encoder

    def crawl(self, documents: Sequence[CrawledDocument]) -> None:
        """Put documents into the log."""
        producer = self.transport.producer()
        for document in documents:
            producer.send(encode(document, topic=CRAWL.name, key=document.url, source="bench"))
        producer.flush()
        producer.close()

    def run(self, records: int) -> TimedStage:
        """Take so many waiting records through and return the stage with its times."""
        stage = TimedStage(self.encoder, self.stores.passages, self.stores.documents, self.settings.passages)
        stop = threading.Event()
        stage.expect_records(records, stop)
        consumer = self.transport.member([CRAWL.name], GROUP)
        producer = self.transport.producer(f"bench-{time.time_ns()}")
        EmbedderLoop(
            stage,
            consumer,
            producer,
            poll_records=self.settings.embedding.poll_records,
            stay_seconds=60.0,
            session_seconds=60.0,
            stop=stop,
        ).run()
        consumer.close()
        producer.close()
        return stage

    def published(self, topic: str) -> list[Record]:
        """Return everything in a topic."""
        reader = self.transport.reader([topic])
        records: list[Record] = []
        while batch := reader.poll(5_000, 2.0):
            records += batch
        reader.close()
        return records


@contextlib.contextmanager
def pipeline(arguments: argparse.Namespace, encoder: Encoder, servers: str) -> Iterator[Pipeline]:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings.model_validate(
            {
                "data_dir": directory,
                "transport": arguments.transport,
                "kafka": {"bootstrap_servers": servers},
                "topics": {"prefix": f"bench-{time.time_ns()}.", "partitions": {CRAWL.name: 4}},
            }
        )
        transport = open_transport(settings)
        transport.create_topics(topic_specs(settings))
        stores = open_embedded(settings, encoder.identity, encoder.dimension)
        try:
            yield Pipeline(settings, transport, stores, encoder)
        finally:
            stores.close()
            transport.close()


def main() -> None:
    arguments = parse()
    documents, source = load(arguments.corpora, arguments.documents)
    print(f"{len(documents)} documents from {source}; transport {arguments.transport}")
    encoder = Encoder(Settings().embedding)
    sys.setswitchinterval(0.0005)  # as in consumers.embedder
    with broker(arguments.transport) as servers:
        speed = compare(arguments, encoder, servers, documents)
        again = None
        if arguments.recrawl:
            again = recrawl(arguments, encoder, servers, load(arguments.corpora, arguments.recrawl)[0])
    result = {
        "machine": {"cpu": cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "torch": torch.__version__,
        "model": encoder.identity,
        "source": source,
        "transport": arguments.transport,
        "speed": speed,
        "recrawl": again,
    }
    show(result)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transport", choices=["embedded", "kafka"], default="embedded")
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--recrawl", type=int, default=1000, help="documents crawled twice; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def load(corpora: Path, count: int) -> tuple[list[CrawledDocument], str]:
    """Return documents of up to `LONGEST` characters, from each source in turn, and their origin."""
    if corpora.is_dir():
        columns = [texts_of(corpora / f"{name}.jsonl.gz") for name in SOURCES]
        texts = [text for row in zip_longest(*columns) for text in row if text is not None]
        source = f"{corpora.name}: {', '.join(SOURCES)}"
    else:
        print(f"*** no corpora at {corpora}: the descriptions of the installed packages are used instead ***")
        texts = [str(each.metadata.get_payload()) for each in importlib.metadata.distributions()]
        texts = [text for text in texts if len(text) > 200]
        source = "descriptions of installed packages"
    return [
        CrawledDocument(url=f"https://bench.example/{number}", text=text[:LONGEST])
        for number, text in enumerate(texts[:count])
    ], source


def texts_of(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    random.Random(0).shuffle(texts)
    return texts


@contextlib.contextmanager
def broker(transport: str) -> Iterator[str]:
    if transport == "embedded":
        yield ""
        return
    from deploy.kafka.local_broker import LocalBroker  # noqa: PLC0415 - only where Kafka is asked for

    with LocalBroker() as running:
        yield running.bootstrap


def compare(
    arguments: argparse.Namespace, encoder: Encoder, servers: str, documents: list[CrawledDocument]
) -> dict[str, Any]:
    """Run pipeline, bare encoder and default encoder in turn."""
    default = SentenceTransformer(find_model(DEFAULT_MODEL).location, device=str(encoder.model.device))
    texts: list[str] = []
    best = dict.fromkeys(("pipeline", "own encode", "bare", "default"), float("inf"))
    outcomes: Counter[str] = Counter()
    alike = {"batch_size": Settings().embedding.batch_size, "show_progress_bar": False}
    encoders: dict[str, Callable[[list[str]], Any]] = {
        "own encode": encoder.encode,
        "bare": partial(encoder.model.encode, **alike),
        "default": partial(default.encode, show_progress_bar=False),
    }
    for _ in range(arguments.rounds):
        with pipeline(arguments, encoder, servers) as running:
            running.crawl(documents)
            stage = running.run(len(documents))
            best["pipeline"] = min(best["pipeline"], stage.ended - stage.began)
            texts = [decode(record, EmbeddedPassage).text for record in running.published(EMBEDDED.name)]
            outcomes = tally(running.published(DOCUMENT_OUTCOMES.name))
        for name, run in encoders.items():
            best[name] = min(best[name], seconds_of(partial(run, texts)))
    return {
        "documents": len(documents),
        "passages": len(texts),
        "outcomes": dict(outcomes),
        "seconds": best,
        "documents_per_second": {name: len(documents) / seconds for name, seconds in best.items()},
        "pipeline_to_bare": best["bare"] / best["pipeline"],
        "pipeline_to_default": best["default"] / best["pipeline"],
    }


def recrawl(
    arguments: argparse.Namespace, encoder: Encoder, servers: str, documents: list[CrawledDocument]
) -> dict[str, Any]:
    """Crawl documents twice and count what the second time brings."""
    short = [msgspec.structs.replace(each, text=(each.text or "")[:300]) for each in documents]
    with pipeline(arguments, encoder, servers) as running:
        running.crawl(short)
        running.run(len(short))
        passages = len(running.published(EMBEDDED.name))
        first = tally(running.published(DOCUMENT_OUTCOMES.name))
        running.crawl(short)
        stage = running.run(len(short))
        return {
            "documents": len(short),
            "first": dict(first),
            "second": dict(tally(running.published(DOCUMENT_OUTCOMES.name)) - first),
            "encodes": stage.encoded,
            "new_passages": len(running.published(EMBEDDED.name)) - passages,
            "documents_per_second": len(short) / (stage.ended - stage.began),
        }


def tally(records: Sequence[Record]) -> Counter[str]:
    return Counter(json.loads(record.value or b"{}")["outcome"] for record in records)


def seconds_of(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def show(result: dict[str, Any]) -> None:
    speed, again = result["speed"], result["recrawl"]
    print(f"\n{speed['documents']} documents, {speed['passages']} passages, {speed['outcomes']}")
    print("| what | documents/s | to bare | to default |\n|---|---|---|---|")
    rows = {
        "pipeline": f"pipeline ({result['transport']} → EdgeShard → {result['transport']} → commit)",
        "own encode": f"its encoder alone, {result['model']}",
        "bare": "model.encode, configured alike",
        "default": "model.encode, fp32, default batch",
    }
    for name, title in rows.items():
        seconds = speed["seconds"]
        ratios = f"{seconds['bare'] / seconds[name]:.2f} | {seconds['default'] / seconds[name]:.2f}"
        print(f"| {title} | {speed['documents_per_second'][name]:.1f} | {ratios} |")
    if again:
        print(
            f"\nre-crawl of {again['documents']} unchanged documents: {again['encodes']} encodes, "
            f"{again['new_passages']} new passages, {again['second']}, "
            f"{again['documents_per_second']:.0f} documents/s"
        )


if __name__ == "__main__":
    main()
