"""Documents and targets for benchmarks: the recorded corpora that lie beside the checkout."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"


def available() -> bool:
    """Return whether the recorded corpora are there."""
    return CORPORA.is_dir()


def sample(count: int, seed: int = 0, longest: int = 1_000_000) -> list[dict[str, object]]:
    """Return recorded documents of all sources in proportion, with a `url` each and their `qa`.

    `longest` leaves out documents of more characters: book chapters take most of an encoder's time.
    """
    rows = [
        row
        for path in sorted(CORPORA.glob("*.jsonl.gz"))
        for row in _rows(path)
        if len(str(row["text"])) <= longest
    ]
    rng = random.Random(seed)
    chosen = rng.sample(rows, min(count, len(rows)))
    for row in chosen:
        row["url"] = f"https://{row['source'].replace('_', '-')}.corpus.invalid/{quote(str(row['doc_id']))}"
    return chosen


def reference_file(name: str) -> Path:
    """Return the path of a target's questions."""
    return CORPORA / "refs" / f"{name}.jsonl.gz"


def recorded_files() -> list[Path]:
    """Return the files that simulate-llm answers from."""
    return sorted(CORPORA.glob("*.jsonl.gz"))


def _rows(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
