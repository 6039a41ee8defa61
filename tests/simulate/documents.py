"""Recorded documents written for these tests: long enough to be cut into chunks."""

import gzip
import json
from pathlib import Path

LIGHTHOUSES = {
    f"Keeper {name}": f"Keeper {name} watched the lighthouse of {place} for {years} years, {storms} storms."
    for name, place, years, storms in (
        ("Amalia", "Skarholm", 11, "four"),
        ("Bertrand", "Punta Gris", 23, "nine"),
        ("Celeste", "Holm Ness", 35, "two"),
        ("Dmitri", "Cape Verity", 47, "seven"),
        ("Edda", "Long Strand", 59, "three"),
    )
}
FILLER = " ".join(
    f"On day {day} of the log nothing but fog number {day * 37} was seen from the rail." for day in range(40)
)
LONG_TEXT = "\n\n".join(
    f"{sentence}  {FILLER.replace('log', name)}" for name, sentence in LIGHTHOUSES.items()
)
LONG = {
    "text": LONG_TEXT,
    "qa": [
        {
            "question": f"Where and how long did {name} keep watch?",
            "answer": sentence.split("lighthouse of ")[1][:-1],
        }
        for name, sentence in LIGHTHOUSES.items()
    ]
    + [{"question": "What colour was the moon?", "answer": "A turquoise never mentioned anywhere"}],
}
CHINESE = {
    "text": "灯塔建于一八四三年。守塔人每天晚上点亮灯火，直到天亮才休息。"
    "后来灯塔改用电力，不再需要守塔人。许多游客每年夏天来这里参观灯塔。",
    "qa": [
        {"question": "灯塔建于哪一年？", "answer": "一八四三年"},
        {"question": "谁点亮灯火？", "answer": "守塔人"},
    ],
}
BARREN = {
    "text": "Here is a page that was recorded although nobody found anything worth asking about in it.",
    "qa": [],
}


def write(path: Path, *documents: dict) -> Path:
    """Write documents as JSONL, gzipped where the name says so."""
    lines = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path
