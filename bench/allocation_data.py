"""The recorded crawl and the targets of `make bench-allocation`.

The crawl: up to 300 documents of each recorded source, none longer than 12,000 characters (a few books
would else be most of it). The targets: three question sets that are nobody's documents, and nine topics of
the corpora themselves, whose references are pairs of documents held out of the crawl.
"""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.corpora import CORPORA, reference_file

PER_SOURCE = 300
LONGEST = 12_000  # characters
REFERENCES = 300
HELD_OUT = 0.5  # of a topic's documents
TASKS = ("gsm8k_test", "nl2bash", "liveqa_med")
TOPICS = (
    "social/psychology",
    "science/chemistry",
    "history/us-history",
    "medicine/microbiology",
    "math/statistics",
    "medicine/niddk",
    "cli/git",
    "finance/annual-report",
    "fiction/norwegian-fairybook",
)


def target_names() -> list[str]:
    """Return the targets."""
    return [*TASKS, *(topic.replace("/", "-") for topic in TOPICS)]


def write_data(directory: Path, seed: int = 0) -> tuple[Path, dict[str, Path]]:
    """Write the crawl and the targets as JSONL; return the crawl's file and the targets' by name."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    crawl: list[dict[str, Any]] = []
    held: dict[str, list[dict[str, str]]] = {topic: [] for topic in TOPICS}
    for path in sorted(CORPORA.glob("*.jsonl.gz")):
        rows = list(_rows(path))
        rng.shuffle(rows)
        kept = []
        for row in rows:
            if row["topic"] in held and rng.random() < HELD_OUT:
                held[row["topic"]] += [{**pair, "answer": str(pair["answer"])} for pair in row["qa"]]
            elif len(row["text"]) <= LONGEST:
                kept.append(row)
        crawl += kept[:PER_SOURCE]
    files: dict[str, Path] = {}
    for topic, pairs in held.items():
        rng.shuffle(pairs)
        files[topic.replace("/", "-")] = _write(directory, topic.replace("/", "-"), pairs[:REFERENCES])
    for task in TASKS:
        rows = list(_rows(reference_file(task)))
        rng.shuffle(rows)
        pairs = [{"question": row["question"], "answer": str(row["answer"])} for row in rows]
        files[task] = _write(directory, task, pairs[:REFERENCES])
    return _write(directory, "crawl", crawl), files


def _write(directory: Path, name: str, rows: list[Any]) -> Path:
    path = directory / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
