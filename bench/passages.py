"""How long passages should be: which length brings the evidence to the LLM for the fewest tokens.

Questions are asked of passages cut at several target lengths. A passage answers a question when it holds
the recorded answer whole. Passages are ranked by cosine to the question over all documents of a source, as
the service does; then they are read in that order, each at the price of its tokens and of the prompt
around it, until the answer is found. Figures per length: the share of answers that lie whole in one
passage, mean reciprocal rank, and the share of answers found for so many tokens read.

Reads the corpora where they are (`--corpora`); says so and ends when they are not there.
"""

import argparse
import gzip
import json
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.embedding.encoder import Encoder
from equal_stream.embedding.passages import PassageCutter
from equal_stream.settings import EmbeddingSettings

SOURCES = {"openstax": 30, "fairytaleqa": 40, "medquad": 150, "xquad_en": 240}
PROMPT_TOKENS = 200  # instructions around a passage, charged with each call
BUDGETS = (1000, 2000, 4000)


@dataclass(frozen=True)
class Asked:
    """A question of one document, with the characters at which its answer occurs there."""

    question: str
    document: int
    places: tuple[tuple[int, int], ...]


def main() -> None:
    arguments = parse()
    if not arguments.corpora.is_dir():
        sys.exit(f"no corpora at {arguments.corpora}: give --corpora DIRECTORY")
    encoder = Encoder(EmbeddingSettings())
    rows = []
    for source, count in SOURCES.items():
        texts, asked = load(arguments.corpora / f"{source}.jsonl.gz", count, arguments.questions)
        questions = encoder.encode([each.question for each in asked])
        for target in arguments.targets:
            begin = time.perf_counter()
            row = measure(encoder, texts, asked, questions, target)
            rows.append({"source": source, "target": target, **row})
            print(
                table([rows[-1]], header=len(rows) == 1), f"  {time.perf_counter() - begin:.0f} s", flush=True
            )
    means = [mean_of(rows, target) for target in arguments.targets]
    print("\nmean over sources\n" + table(means, header=True))
    if arguments.output:
        arguments.output.write_text(json.dumps({"rows": rows, "means": means}, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    parser.add_argument("--targets", type=int, nargs="+", default=[60, 100, 150, 200, 250])
    parser.add_argument("--questions", type=int, default=300, help="most questions of each source")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def load(path: Path, documents: int, questions: int) -> tuple[list[str], list[Asked]]:
    """Return texts, and questions whose answer of 3 characters or more occurs in its text."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        everything: list[dict[str, Any]] = [json.loads(line) for line in file]
    chosen = random.Random(0).sample(everything, min(documents, len(everything)))
    asked = [
        Asked(pair["question"], number, places)
        for number, document in enumerate(chosen)
        for pair in document["qa"]
        if len(pair["answer"]) >= 3 and (places := occurrences(document["text"], pair["answer"]))
    ]
    asked = random.Random(1).sample(asked, min(questions, len(asked)))
    return [document["text"] for document in chosen], asked


def occurrences(text: str, answer: str) -> tuple[tuple[int, int], ...]:
    places = []
    at = text.find(answer)
    while at >= 0 and len(places) < 5:
        places.append((at, at + len(answer)))
        at = text.find(answer, at + 1)
    return tuple(places)


def measure(
    encoder: Encoder, texts: list[str], asked: list[Asked], questions: NDArray[np.float32], target: int
) -> dict[str, float]:
    cutter = PassageCutter(encoder.tokens, target, encoder.max_tokens)
    passages = [(number, passage) for number, text in enumerate(texts) for passage in cutter.cut(text)]
    vectors = encoder.encode([passage.text for _, passage in passages])
    price = np.array([passage.tokens + PROMPT_TOKENS for _, passage in passages])
    ranks, read = [], []
    for each, question in zip(asked, questions, strict=True):
        order = np.argsort(-(vectors @ question), kind="stable")
        holds = np.array(
            [
                passages[place][0] == each.document
                and any(passages[place][1].start <= a and b <= passages[place][1].end for a, b in each.places)
                for place in order
            ]
        )
        first = int(holds.argmax()) if holds.any() else None
        ranks.append(np.inf if first is None else first + 1)
        read.append(np.inf if first is None else int(price[order[: first + 1]].sum()))
    lengths = [passage.tokens for _, passage in passages]
    return {
        "questions": len(asked),
        "passages": len(passages),
        "tokens": float(np.mean(lengths)),
        "whole": float(np.mean(np.isfinite(ranks))),
        "mrr": float(np.mean(1 / np.array(ranks))),
        **{f"found_{budget}": float(np.mean(np.array(read) <= budget)) for budget in BUDGETS},
    }


def mean_of(rows: list[dict[str, Any]], target: int) -> dict[str, Any]:
    chosen = [row for row in rows if row["target"] == target]
    columns = [name for name in chosen[0] if name not in {"source", "target"}]
    return {"source": "mean", "target": target} | {
        name: float(np.mean([row[name] for row in chosen])) for name in columns
    }


def table(rows: list[dict[str, Any]], *, header: bool) -> str:
    names = ["source", "target", "passages", "tokens", "whole", "mrr", *(f"found_{b}" for b in BUDGETS)]
    lines = [
        " | ".join(
            f"{row[n]:.3f}"
            if isinstance(row[n], float) and row[n] < 2
            else f"{row[n]:.0f}"
            if isinstance(row[n], float)
            else str(row[n])
            for n in names
        )
        for row in rows
    ]
    return "\n".join([*([" | ".join(names)] if header else []), *lines])


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
