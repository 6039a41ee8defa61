"""Language identification: py3langid against resiliparse's detector, on the beginnings of real documents.

    python bench/languages.py --corpora ../shared/corpora

Prints, for texts cut to several lengths, the share identified right (languages, not scripts) and the time.
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from resiliparse.parse.lang import detect_fast

from equal_stream.embedding.language import identify, primary

SOURCES = (
    *("openstax", "medquad", "tldr", "tldr_zh", "xquad_en", "xquad_zh", "drcd_zh", "covid_faq"),
    *("gsm8k_train", "exercism_python", "tatqa"),
)
LENGTHS = (60, 200, 300, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    parser.add_argument("--documents", type=int, default=100, help="of each source")
    arguments = parser.parse_args()
    if not arguments.corpora.is_dir():
        sys.exit(f"no corpora at {arguments.corpora}: give --corpora DIRECTORY")
    samples = [
        pair for name in SOURCES for pair in load(arguments.corpora / f"{name}.jsonl.gz", arguments.documents)
    ]
    detectors: dict[str, Callable[[str], str]] = {
        "this service (py3langid)": lambda text: primary(identify(text)),
        "resiliparse.detect_fast": lambda text: str(detect_fast(text)[0]),
    }
    print(f"{len(samples)} documents\n| detector | characters | right | ms |\n|---|---|---|---|")
    for name, detect in detectors.items():
        detect("The first call loads the model.")
        for length in LENGTHS:
            begin = time.perf_counter()
            right = sum(detect(text[:length]) == code for text, code in samples)
            milliseconds = (time.perf_counter() - begin) / len(samples) * 1e3
            print(f"| {name} | {length} | {right / len(samples):.3f} | {milliseconds:.3f} |")


def load(path: Path, count: int) -> list[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        (row["text"], primary(row["lang"])) for row in random.Random(0).sample(rows, min(count, len(rows)))
    ]


if __name__ == "__main__":
    main()
